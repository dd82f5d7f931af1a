/**
 * HalfCheetah-v4 in MuJoCo's own WebAssembly: 17 observation dimensions, 6 torques in [-1, 1], a control step of 0.05 s.
 * Source: gymnasium/envs/mujoco/half_cheetah_v4.py, whose half_cheetah.xml is used unchanged.
 */

export const EPISODE_STEPS = 1000;
export const CONTROL_SECONDS = 0.05;
const FRAMES = 5; // the simulator's own steps in a control step
const CONTROL_COST = 0.1;
const TORSO = 1, FIRST_LIMB = 2, LIMBS = 6; // bodies: the world, the torso, then the limbs
const FIRST_GEOM = 1, GEOMS = 8; // geometries: the floor, then capsules

/** Numbers of a pose: of each capsule both ends, and of each joint its place, all as x and z in meters. */
export const POSE = { capsules: GEOMS, joints: LIMBS, length: 4 * GEOMS + 2 * LIMBS };

/** The model, which all cheetahs share, and a spare state in which poses are computed. */
export class World {
  /**
   * @param {object} mujoco the loaded module
   * @param {string} xml half_cheetah.xml
   */
  constructor(mujoco, xml) {
    this.mujoco = mujoco;
    this.model = mujoco.MjModel.from_xml_string(xml);
    this.spare = new mujoco.MjData(this.model);
  }

  /** Radii (capsule,) in meters. */
  get radii() {
    return Float32Array.from({ length: GEOMS }, (_, geom) => this.model.geom_size[3 * (FIRST_GEOM + geom)]);
  }

  /** The pose (POSE.length,) of positions (9,). */
  pose(positions) {
    this.spare.qpos.set(positions);
    this.mujoco.mj_kinematics(this.model, this.spare);
    return this.drawn(this.spare);
  }

  /** The pose (POSE.length,) that a state's kinematics hold. */
  drawn({ geom_xpos: centers, geom_xmat: turns, xpos: bodies }) {
    const pose = new Float32Array(POSE.length), sizes = this.model.geom_size;
    for (let geom = 0; geom < GEOMS; geom++) {
      const at = geom + FIRST_GEOM, half = sizes[3 * at + 1];
      const along = half * turns[9 * at + 2], up = half * turns[9 * at + 8]; // a capsule lies along its own third axis
      const x = centers[3 * at], z = centers[3 * at + 2];
      pose.set([x - along, z - up, x + along, z + up], 4 * geom);
    }
    for (let limb = 0; limb < LIMBS; limb++) {
      const at = 3 * (FIRST_LIMB + limb);
      pose.set([bodies[at], bodies[at + 2]], 4 * GEOMS + 2 * limb);
    }
    return pose;
  }
}

/** What pushes a cheetah: a force in newtons and a turning moment in newton meters, on its torso. */
export const NOTHING = { x: 0, z: 0, turn: 0 };

/** One cheetah. Its state is made once: MuJoCo's memory is not collected. */
export class HalfCheetah {
  /** @param {World} world */
  constructor(world) {
    this.world = world;
    this.data = new world.mujoco.MjData(world.model);
  }

  /**
   * @param {{positions: number[], velocities: number[]}} start 9 of each
   * @returns {Float64Array} observation (17,)
   */
  reset({ positions, velocities }) {
    const { mujoco, model } = this.world;
    mujoco.mj_resetData(model, this.data);
    this.data.qpos.set(positions);
    this.data.qvel.set(velocities);
    mujoco.mj_forward(model, this.data);
    return this.observe();
  }

  /** The observation (17,): positions without the root's x, then velocities. */
  observe() {
    const observation = new Float64Array(17);
    observation.set(this.data.qpos.subarray(1));
    observation.set(this.data.qvel, 8);
    return observation;
  }

  /** Poses (frame, POSE.length) of one that stands still. */
  stand() {
    const poses = new Float32Array(FRAMES * POSE.length), pose = this.world.drawn(this.data);
    for (let frame = 0; frame < FRAMES; frame++) poses.set(pose, frame * POSE.length);
    return poses;
  }

  /** Where the torso is: x in meters. */
  get x() {
    return this.data.qpos[0];
  }

  /** Where the torso is and how fast it moves, in meters and meters a second. */
  get torso() {
    const { qpos, qvel, xpos } = this.data;
    return { x: xpos[3 * TORSO], z: xpos[3 * TORSO + 2], dx: qvel[0], dz: qvel[1], turn: qpos[2] };
  }

  /**
   * One control step.
   * @param {Float32Array} torques (6,), cut to [-1, 1]
   * @param {() => {x: number, z: number, turn: number}} [force] what pushes the torso, asked at each of the simulator's steps
   * @returns {{observation: Float64Array, reward: number, poses: Float32Array}} reward: meters a second less 0.1 times the
   *   torques' squares; poses (frame, POSE.length), each 0.01 s after the one before
   */
  step(torques, force = () => NOTHING) {
    const { mujoco, model } = this.world, { data } = this, before = this.x;
    const poses = new Float32Array(FRAMES * POSE.length);
    data.ctrl.set(torques);
    for (let frame = 0; frame < FRAMES; frame++) {
      const { x, z, turn } = force();
      data.xfrc_applied.set([x, 0, z, 0, turn, 0], 6 * TORSO); // it stays until it is set again
      mujoco.mj_step(model, data);
      poses.set(this.world.drawn(data), frame * POSE.length);
    }
    const effort = torques.reduce((sum, torque) => Math.fround(sum + Math.fround(torque * torque)), 0);
    const reward = (this.x - before) / CONTROL_SECONDS - CONTROL_COST * effort;
    return { observation: this.observe(), reward, poses };
  }
}
