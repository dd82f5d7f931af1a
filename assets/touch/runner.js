/** A cheetah that runs once along its track, drawn from the positions that the simulator had. */
import { make, set, unpacked, written } from "./shared.js";

const POSITIONS = 9, STEP = 50, HEIGHT = 128, GROUND = HEIGHT - 24; // numbers of a pose; milliseconds of a control step; CSS pixels
const STILL = 30; // the step shown to readers who want no motion
const RADIUS = 0.046; // meters, of every capsule

/** half_cheetah.xml: each body's parent, its place there, and its capsules: center, turn and half length, in meters and radians. */
const BODIES = [
  [null, [0, 0.7], [0, 0, -Math.PI / 2, 0.5], [0.6, 0.1, 0.87, 0.15]],
  [0, [-0.5, 0], [0.1, -0.13, -3.8, 0.145]], [1, [0.16, -0.25], [-0.14, -0.07, -2.03, 0.15]], [2, [-0.28, -0.14], [0.03, -0.097, -0.27, 0.094]],
  [0, [0.5, 0], [-0.07, -0.12, 0.52, 0.133]], [4, [-0.14, -0.24], [0.065, -0.09, -0.6, 0.106]], [5, [0.13, -0.18], [0.045, -0.07, -0.6, 0.07]],
];

/**
 * The capsules of a cheetah: both ends of each, [x, z, x, z] in meters.
 * @param {number[]} positions (9,): x, z, the torso's angle, then the joints'
 */
export function capsules(positions) {
  const placed = [], from = (x, z, angle, across, up) => [x + across * Math.cos(angle) + up * Math.sin(angle), z - across * Math.sin(angle) + up * Math.cos(angle)];
  return BODIES.flatMap(([parent, [across, up], ...rods], body) => {
    const { x, z, angle } = placed[parent] ?? { x: positions[0], z: positions[1], angle: 0 };
    const [left, low] = from(x, z, angle, across, up), turned = angle + positions[body + 2];
    placed.push({ x: left, z: low, angle: turned });
    return rods.map(([across, up, turn, half]) => [-half, half].flatMap((along) =>
      from(left, low, turned, across + along * Math.sin(turn), up + along * Math.cos(turn))));
  });
}

/** One track, and who runs on it. */
export class Runner {
  constructor() {
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.track = make("svg:svg.touch-track", { role: "img", "aria-label": "The runner, seen from the side." });
  }

  /** @param {string} poses packed: positions (frame, 9) in thousandths of a meter and of a radian */
  take(poses) {
    this.poses = unpacked(poses, Int16Array);
    this.last = this.poses.length / POSITIONS - 1;
    this.speed.textContent = `${written(this.poses[this.last * POSITIONS] / this.last / STEP, 1)} m/s`; // millimeters a millisecond
    this.pose(this.still ? STILL : 0);
  }

  draw(width) {
    this.width = width;
    this.scale = Math.max(46, Math.min(72, width / 8));
    const meters = [...Array(44).keys()].map((each) => each - 8), at = (meter) => meter * this.scale;
    this.ground = make("svg:g", {},
      ...meters.map((meter) => make("svg:line", { x1: at(meter), x2: at(meter), y1: GROUND, y2: GROUND + (meter % 5 ? 4 : 8) })),
      ...meters.filter((meter) => meter % 5 === 0).map((meter) => make("svg:text", { x: at(meter), y: GROUND + 20, "text-anchor": "middle" }, `${written(meter)} m`)));
    this.rods = BODIES.flatMap(([, , ...rods], body) => rods.map(() => make(`svg:line.touch-rod${body ? ".touch-far" : ""}`, { "stroke-width": 2 * RADIUS * this.scale })));
    this.speed = make("svg:text", { x: width - 12, y: 18, "text-anchor": "end" });
    this.track.replaceChildren(make("svg:line.touch-axis", { x2: width, y1: GROUND, y2: GROUND }), this.ground, ...this.rods.slice(2), ...this.rods.slice(0, 2), this.speed);
    set(this.track, { width, height: HEIGHT });
  }

  /** Show it so many control steps after the first one. */
  pose(step) {
    const before = Math.min(Math.floor(step), this.last), after = Math.min(before + 1, this.last), part = step - Math.floor(step);
    const positions = Array.from({ length: POSITIONS }, (_, each) => {
      const [one, other] = [before, after].map((at) => this.poses[at * POSITIONS + each]);
      return (one + part * (other - one)) / 1000;
    });
    const left = this.width / 2 - positions[0] * this.scale;
    capsules(positions).forEach(([x, z, toX, toZ], rod) => set(this.rods[rod], {
      x1: left + x * this.scale, y1: GROUND - z * this.scale, x2: left + toX * this.scale, y2: GROUND - toZ * this.scale,
    }));
    set(this.ground, { transform: `translate(${left} 0)` });
    this.track.dataset.step = Math.floor(step);
  }

  /** Run once, at the robot's pace; not by itself where the reader wants less motion. */
  run(wanted = !this.still) {
    cancelAnimationFrame(this.running);
    if (!wanted) return;
    let begun;
    const go = (now) => {
      const step = (now - (begun ??= now)) / STEP;
      this.pose(Math.min(step, this.last));
      if (step < this.last) this.running = requestAnimationFrame(go);
    };
    this.running = requestAnimationFrame(go);
  }
}
