/**
 * The policies that look at the present observation alone: behavior cloning and TD3+BC.
 * They play as pipeline/policies/deterministic.py does.
 */
import { filled, linear, pack } from "../packing.js";

/** A perceptron of two hidden layers, in its kernel's memory. */
export class DeterministicModel {
  /**
   * @param {import("../kernel.js").Kernel} kernel perceptron.wasm
   * @param {Map} tensors of the checkpoint
   * @param {object} config of the checkpoint
   */
  constructor(kernel, tensors, config) {
    const packed = pack(["layers.0", "layers.2", "layers.4"].map((name) => linear(tensors, name)), kernel.panel);
    Object.assign(this, { kernel, config, outputs: filled(config.action_dim, kernel.panel) });
    this.weights = kernel.allocate(Float32Array, packed.length);
    this.weights.view.set(packed);
    this.input = kernel.allocate(Float32Array, config.observation_dim);
    this.hidden = kernel.allocate(Float32Array, config.hidden_sizes[0] + config.hidden_sizes[1]);
    this.torques = kernel.allocate(Float32Array, this.outputs);
  }

  /** Torques (action,) for a normalized observation. */
  act(observation) {
    this.input.view.set(observation);
    const { kernel, input, weights, hidden, torques, outputs, config } = this;
    kernel.exports.act(input.address, weights.address, hidden.address, torques.address, config.observation_dim, outputs);
    return torques.view.slice(0, config.action_dim);
  }
}

export class DeterministicPolicy {
  /** @param {DeterministicModel} model */
  constructor(model) {
    this.model = model;
    this.normalize = normalizer(model.config);
  }

  /** Begin an episode; there is nothing to begin. */
  reset() {}

  /**
   * @param {Float64Array} observation (17,)
   * @returns {Float32Array} torques (6,) in [-1, 1]
   */
  act(observation) {
    return this.model.act(this.normalize(observation));
  }
}

/** A function that takes the data's mean from an observation and divides by its deviation, in single precision. */
export function normalizer({ observation_mean, observation_std }) {
  const mean = Float32Array.from(observation_mean), deviation = Float32Array.from(observation_std);
  return (observation) => Float32Array.from(observation, (value, place) => (
    Math.fround(Math.fround(value) - mean[place]) / deviation[place]
  ));
}
