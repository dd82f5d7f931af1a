/** Who can drive, as drivers.json lists them: which checkpoint, by which method, told what. */
import { DecisionTransformerModel, DecisionTransformerPolicy } from "./policies/decision_transformer.js";
import { DeterministicModel, DeterministicPolicy } from "./policies/deterministic.js";
import { ManualPolicy } from "./policies/manual.js";
import { TrajectoryTransformerModel, TrajectoryTransformerPolicy } from "./policies/trajectory_transformer.js";
import { Kernel } from "./kernel.js";
import { parse } from "./safetensors.js";

const METHODS = {
  decision_transformer: {
    kernel: "decision_transformer.wasm", Model: DecisionTransformerModel, Policy: DecisionTransformerPolicy,
  },
  deterministic: { kernel: "perceptron.wasm", Model: DeterministicModel, Policy: DeterministicPolicy },
  trajectory_transformer: {
    kernel: "trajectory_transformer.wasm", bins: true, Model: TrajectoryTransformerModel, Policy: TrajectoryTransformerPolicy,
  },
  manual: { Policy: ManualPolicy },
};

/**
 * Makes policies, each with a history of its own: `reset(asked, seed)`, `act(observation, reward)`, and, where they have them,
 * `attention(layer)` and `imagined()`. A model is loaded once, whoever drives by it.
 */
export class Drivers {
  /**
   * @param {object[]} listed what drivers.json holds
   * @param {(path: string) => Promise<ArrayBuffer>} read a file below assets/wheel/
   */
  constructor(listed, read) {
    this.listed = new Map(listed.map((driver) => [driver.name, driver]));
    this.read = read;
    this.models = new Map();
  }

  /** Read the list of drivers; no model yet. */
  static async list(read) {
    return new Drivers(JSON.parse(new TextDecoder().decode(await read("drivers.json"))), read);
  }

  /**
   * @param {string} name as listed
   * @returns {Promise<{policy: object, asked?: number}>}
   * @throws {Error} a file is missing or damaged, or there is no room for it
   */
  async make(name) {
    const driver = this.listed.get(name), { Policy } = METHODS[driver.method];
    return { ...driver, policy: new Policy(driver.checkpoint && await this.model(driver), driver.search) };
  }

  /** The model of a driver, loaded if it is not yet. */
  async model({ method, checkpoint }) {
    if (!this.models.has(checkpoint)) {
      this.models.set(checkpoint, await this.load(METHODS[method], `checkpoints/${checkpoint}`));
    }
    return this.models.get(checkpoint);
  }

  async load({ kernel, Model, bins }, folder) {
    const names = ["model.safetensors", "config.json", ...(bins ? ["discretizer.safetensors"] : [])];
    const paths = [kernel, ...names.map((name) => `${folder}/${name}`)];
    const [code, weights, config, thresholds] = await Promise.all(paths.map((path) => this.read(path)));
    const settings = JSON.parse(new TextDecoder().decode(config));
    return new Model(await Kernel.compile(code), parse(weights), settings, thresholds && parse(thresholds));
  }
}
