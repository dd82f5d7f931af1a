/**
 * Cheetahs side by side, from one start and by one clock, each with a driver of its own.
 * The page's worker and the measurements in node step it alike.
 */
import { CONTROL_SECONDS, EPISODE_STEPS, HalfCheetah, NOTHING } from "./half_cheetah.js";

const SIMULATOR_SECONDS = 0.01;

/** What a button does to the torso: newtons, newton meters, and for how long. */
export const PUSHES = {
  forward: { x: 400, z: 0, turn: 0, seconds: 0.1 },
  back: { x: -400, z: 0, turn: 0, seconds: 0.1 },
  lift: { x: 0, z: 450, turn: 0, seconds: 0.1 },
  tip: { x: 0, z: 250, turn: -220, seconds: 0.15 },
};

const STIFFNESS = 600, DAMPING = 60, STRONGEST = 1200; // of the spring by which a torso is dragged: N/m, N s/m, N

/** One cheetah, who drives it, and what it has earned. */
export class Lane {
  /** @param {import("./half_cheetah.js").World} world */
  constructor(world) {
    this.world = world;
    this.cheetah = new HalfCheetah(world);
    this.pushes = [];
    this.target = null;
  }

  /**
   * Begin an episode.
   * @param {object} policy see drivers.js
   * @param {number} [asked] the return asked for
   * @param {{seed: number, positions: number[], velocities: number[]}} start
   */
  reset(policy, asked, start) {
    policy.reset(asked, start.seed);
    Object.assign(this, { policy, asked, reward: 0, total: 0, steps: 0, pushes: [], target: null });
    this.observation = this.cheetah.reset(start);
    this.origin = this.cheetah.x;
  }

  /** Push the torso for a while: one of PUSHES, which begins anew where it has not ended. */
  push(name) {
    const others = this.pushes.filter((push) => push.name !== name);
    this.pushes = [...others, { ...PUSHES[name], name, left: Math.round(PUSHES[name].seconds / SIMULATOR_SECONDS) }];
  }

  /** Drag the torso to a place, in meters; null lets go. */
  drag(target) {
    this.target = target;
  }

  /** What pushes the torso in the simulator's next step. */
  force() {
    const sum = { x: 0, z: 0, turn: 0 };
    for (const push of this.pushes) {
      for (const part in sum) sum[part] += push[part];
      push.left -= 1;
    }
    this.pushes = this.pushes.filter(({ left }) => left > 0);
    if (this.target) {
      const { x, z, dx, dz } = this.cheetah.torso;
      const pull = { x: STIFFNESS * (this.target.x - x) - DAMPING * dx, z: STIFFNESS * (this.target.z - z) - DAMPING * dz };
      const share = Math.min(1, STRONGEST / Math.max(1, Math.hypot(pull.x, pull.z)));
      sum.x += share * pull.x;
      sum.z += share * pull.z;
    }
    this.felt = sum;
    return sum;
  }

  /**
   * One control step: the driver acts, the simulator follows.
   * @returns {object} what there is to draw and to tell; milliseconds are those the driver took
   */
  step() {
    const began = performance.now();
    const torques = this.policy.act(this.observation, this.reward);
    const milliseconds = performance.now() - began;
    const imagined = this.policy.imagined?.().map(([x, ...others]) => this.world.pose([this.cheetah.x + x, ...others]));
    const { observation, reward, poses } = this.cheetah.step(torques, () => this.force());
    Object.assign(this, { observation, reward, total: this.total + reward, steps: this.steps + 1 });
    const distance = this.cheetah.x - this.origin;
    return {
      torques, poses, imagined, milliseconds, distance, total: this.total, steps: this.steps, torso: this.cheetah.torso,
      force: this.felt, attention: this.attention(),
    };
  }

  /** Of each layer, where the acting token looked; null for drivers without attention. */
  attention() {
    const { policy } = this;
    return policy.attention ? Array.from({ length: policy.layers }, (_, layer) => policy.attention(layer)) : null;
  }
}

/** Lanes that begin together and step together. */
export class Session {
  /**
   * @param {import("./half_cheetah.js").World} world
   * @param {{seed: number, positions: number[], velocities: number[]}[]} starts
   * @param {number} count of lanes
   */
  constructor(world, starts, count) {
    this.starts = starts;
    this.next = 0;
    this.lanes = Array.from({ length: count }, () => new Lane(world));
    this.drivers = new Array(count).fill(null);
  }

  /** @param {number} lane @param {{policy: object, asked?: number}} driver see drivers.js; from the next `restart` on */
  seat(lane, driver) {
    this.drivers[lane] = driver;
  }

  /** Begin anew, all lanes from the next of the starts. */
  restart() {
    this.start = this.starts[this.next % this.starts.length];
    this.next += 1;
    this.lanes.forEach((lane, place) => lane.reset(this.drivers[place].policy, this.drivers[place].asked, this.start));
  }

  /** How all stand before the first step, told as `step` tells. */
  look() {
    return this.lanes.map(({ cheetah }) => ({
      torques: new Float32Array(6), poses: cheetah.stand(), milliseconds: 0, distance: 0, total: 0, steps: 0,
      torso: cheetah.torso, force: NOTHING, attention: null,
    }));
  }

  /** Whether the episode is over: the models know no longer ones. */
  get over() {
    return this.lanes[0].steps === EPISODE_STEPS;
  }

  /** One control step of every lane. */
  step() {
    return this.lanes.map((lane) => lane.step());
  }
}

export { CONTROL_SECONDS, EPISODE_STEPS };
