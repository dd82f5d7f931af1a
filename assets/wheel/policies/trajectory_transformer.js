/**
 * Trajectory Transformer: imagine, choose, take one step, imagine again.
 * It plays as pipeline/policies/trajectory_transformer.py does.
 */
import { Decoder } from "../decoding.js";
import { Discretizer } from "../discretization.js";
import { CONTROL_SECONDS } from "../half_cheetah.js";
import { plan } from "../planning.js";
import { generator } from "../random.js";

const MOST = { beams: 8, expansion: 2, horizon: 5, context: 5 }; // of any search that drivers.json lists
const NO_VALUE = 0; // what stands in a context where a value belongs; no query attends to it
const VELOCITY = 8; // the place of the root's horizontal velocity in an observation

/** A Trajectory Transformer and its bins. */
export class TrajectoryTransformerModel {
  constructor(kernel, tensors, config, bins) {
    this.config = config;
    this.decoder = new Decoder(kernel, tensors, config, MOST);
    this.discretizer = new Discretizer(bins.get("thresholds"));
  }
}

export class TrajectoryTransformerPolicy {
  /**
   * @param {TrajectoryTransformerModel} model several policies may share it
   * @param {import("../planning.js").Search} search
   */
  constructor(model, search) {
    Object.assign(this, { model, search });
  }

  /** Begin an episode; the seed decides its draws. */
  reset(_, seed) {
    this.random = generator(seed);
    this.past = [];
    this.last = null;
    this.best = [];
  }

  /**
   * @param {Float64Array} observation (17,)
   * @param {number} reward that the last action earned
   * @returns {Float32Array} torques (6,) in [-1, 1]
   */
  act(observation, reward) {
    const { discretizer, config } = this.model, seen = Float32Array.from(observation), { observation_dim, action_dim } = config;
    if (this.last) {
      this.past.push([...discretizer.encode([...this.last, reward]), NO_VALUE]);
      this.past = this.past.slice(-this.search.context);
    }
    const present = discretizer.encode(seen);
    const { tokens: [best] } = this.plan([...this.past.flat(), ...present]);
    const middles = discretizer.decode([...present, ...best.slice(0, action_dim)]).slice(observation_dim);
    const torques = middles.map((torque) => Math.max(-1, Math.min(1, torque)));
    this.last = [...seen, ...torques];
    this.best = best;
    return Float32Array.from(torques);
  }

  /** The search from a context, by this episode's draws. */
  plan(context) {
    return plan(this.model.decoder, this.model.discretizer, context, this.search, this.random);
  }

  /**
   * The states that the best plan passes through, the nearest first: positions (9,), x counted from where the cheetah is.
   * @returns {number[][]} none where it looks one step ahead
   */
  imagined() {
    const { config, discretizer } = this.model, width = config.transition_dim, first = width - config.observation_dim;
    let x = 0;
    const states = [];
    for (let at = first; at + config.observation_dim <= this.best.length; at += width) {
      const observation = discretizer.decode(this.best.slice(at, at + config.observation_dim));
      x += CONTROL_SECONDS * observation[VELOCITY];
      states.push([x, ...observation.slice(0, VELOCITY)]);
    }
    return states;
  }
}
