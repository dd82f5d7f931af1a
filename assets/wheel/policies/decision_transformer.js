/**
 * Decision Transformer: ask for a return, act, and subtract what was earned.
 * It plays as pipeline/policies/decision_transformer.py does, whose source is Chen et al. 2021 (arXiv 2106.01345), algorithm 1.
 */
import { filled, linear, norm, pack } from "../packing.js";
import { normalizer } from "./deterministic.js";

/** A Decision Transformer of one head, in its kernel's memory. */
export class DecisionTransformerModel {
  /**
   * @param {import("../kernel.js").Kernel} kernel decision_transformer.wasm
   * @param {Map} tensors of the checkpoint
   * @param {object} config of the checkpoint
   */
  constructor(kernel, tensors, config) {
    const { context_length: steps, hidden_size: width, n_layer: layers, state_dim, act_dim } = config;
    const packed = pack(arrange(tensors, config), kernel.panel);
    Object.assign(this, { kernel, config, outputs: filled(act_dim, kernel.panel) });
    this.times = tensors.get("embed_timestep.weight").values;
    this.weights = kernel.allocate(Float32Array, packed.length);
    this.weights.view.set(packed);
    for (const [name, length] of Object.entries({
      returns: steps, states: steps * state_dim, actions: steps * act_dim, embeddings: steps * width,
      attention: layers * 3 * steps, scratch: 3 * steps * 6 * width, torques: this.outputs,
    })) this[name] = kernel.allocate(Float32Array, length);
  }

  /**
   * One forward pass.
   * @param {object} history of n steps: returns (n,) scaled, states (n, observation) normalized, actions (n, action) of which
   *   the last has not happened yet
   * @param {number} first the number of the history's first step
   * @returns {{torques: Float32Array, attention: Float32Array[]}} torques (action,), and each layer's weights (3 n - 1,) of
   *   the acting token
   */
  act({ returns, states, actions }, first) {
    const { kernel, config, outputs } = this, steps = returns.length, width = config.hidden_size;
    this.returns.view.set(returns);
    this.states.view.set(states);
    this.actions.view.set(actions);
    this.embeddings.view.set(this.times.subarray(first * width, (first + steps) * width));
    const inputs = [this.returns, this.states, this.actions, this.embeddings, this.weights];
    const addresses = [...inputs, this.attention, this.scratch, this.torques].map((region) => region.address);
    kernel.exports.act(...addresses, steps, config.state_dim, config.act_dim, config.n_layer, outputs);
    const tokens = 3 * steps - 1, weights = this.attention.view;
    const attention = Array.from({ length: config.n_layer }, (_, layer) => weights.slice(layer * tokens, (layer + 1) * tokens));
    return { torques: this.torques.view.slice(0, config.act_dim), attention };
  }
}

/** The checkpoint's weights in the order in which decision_transformer.c reads them. */
function arrange(tensors, { n_layer: layers, hidden_size: width }) {
  const embedding = norm(tensors, "embed_ln");
  // all tokens stand at the first row of the table of positions, the steps' numbers being told by an embedding of their own
  const offset = embedding.offset.map((value, place) => value + tensors.get("encoder.wpe.weight").values[place]);
  return [
    ...["embed_return", "embed_state", "embed_action"].map((name) => linear(tensors, name)), embedding.gain, offset,
    ...Array.from({ length: layers }, (_, layer) => layerMaps(tensors, `encoder.h.${layer}`, width)).flat(),
    { ...linear(tensors, "predict_action.0"), norm: norm(tensors, "encoder.ln_f") },
  ];
}

/** A layer's four maps; queries come out scaled by the root of their size. */
function layerMaps(tensors, name, width) {
  const attend = transposed(tensors, `${name}.attn.c_attn`), scale = 1 / Math.sqrt(width);
  const scaled = {
    ...attend,
    weight: (output, input) => attend.weight(output, input) * (output < width ? scale : 1),
    bias: (output) => attend.bias(output) * (output < width ? scale : 1),
  };
  return [
    { ...scaled, norm: norm(tensors, `${name}.ln_1`) },
    transposed(tensors, `${name}.attn.c_proj`),
    { ...transposed(tensors, `${name}.mlp.c_fc`), norm: norm(tensors, `${name}.ln_2`) },
    transposed(tensors, `${name}.mlp.c_proj`),
  ];
}

/** A map of GPT-2's Conv1D: weights (input, output). */
function transposed(tensors, name) {
  const { shape: [inputs, outputs], values } = tensors.get(`${name}.weight`), bias = tensors.get(`${name}.bias`).values;
  return { inputs, outputs, weight: (output, input) => values[input * outputs + output], bias: (output) => bias[output] };
}

export class DecisionTransformerPolicy {
  /** @param {DecisionTransformerModel} model several policies may share it: histories are their own */
  constructor(model) {
    this.model = model;
    this.normalize = normalizer(model.config);
  }

  /** How many layers `attention` tells of. */
  get layers() {
    return this.model.config.n_layer;
  }

  /** Begin an episode and ask for a return. */
  reset(asked) {
    this.remaining = asked / this.model.config.return_scale;
    this.history = { returns: [], states: [], actions: [] };
    this.step = 0;
    this.weights = null;
  }

  /**
   * @param {Float64Array} observation (17,)
   * @param {number} reward that the last action earned
   * @returns {Float32Array} torques (6,) in [-1, 1]
   * @throws {Error} the episode is longer than those the model knows
   */
  act(observation, reward) {
    const { config } = this.model, { returns, states, actions } = this.history;
    if (this.step === config.max_ep_len) throw new Error(`the model knows episodes of ${this.step} steps, not longer ones`);
    if (this.step) this.remaining -= reward / config.return_scale;
    returns.push(this.remaining);
    states.push(this.normalize(observation));
    actions.push(new Float32Array(config.act_dim));
    if (returns.length > config.context_length) for (const each of Object.values(this.history)) each.shift();
    const flat = { returns, states: states.flatMap((each) => [...each]), actions: actions.flatMap((each) => [...each]) };
    const { torques, attention } = this.model.act(flat, this.step + 1 - returns.length);
    actions[actions.length - 1] = torques;
    this.step += 1;
    this.weights = attention;
    return torques;
  }

  /**
   * Where the acting token looked, in one layer.
   * @returns {Float32Array} weights (token,) of return, state, action, ... , return, state; the last is the acting token
   */
  attention(layer) {
    return this.weights[layer];
  }
}
