/** The reader's own hands: torques as they are held, whatever is seen. */
export class ManualPolicy {
  constructor() {
    this.torques = new Float32Array(6);
  }

  /** Begin an episode; what is held stays held. */
  reset() {}

  /** @returns {Float32Array} torques (6,) in [-1, 1] */
  act() {
    return this.torques.slice();
  }
}
