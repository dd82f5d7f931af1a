/** A cheetah that runs once along its track, drawn from the positions that the simulator had. */
import { make, set, unpacked, written } from "./shared.js";

const POSITIONS = 9, STEP = 50; // numbers of a pose; milliseconds of a control step
const HEIGHT = 128, GROUND = HEIGHT - 24; // CSS pixels
const STILL = 30; // the step shown to readers who want no motion
const RADIUS = 0.046; // meters, of every capsule

/** half_cheetah.xml: each body's parent, its place there, and its capsules: center, turn and half length; meters, radians. */
const BODIES = [
  [null, [0, 0.7], [0, 0, -Math.PI / 2, 0.5], [0.6, 0.1, 0.87, 0.15]],
  [0, [-0.5, 0], [0.1, -0.13, -3.8, 0.145]],
  [1, [0.16, -0.25], [-0.14, -0.07, -2.03, 0.15]],
  [2, [-0.28, -0.14], [0.03, -0.097, -0.27, 0.094]],
  [0, [0.5, 0], [-0.07, -0.12, 0.52, 0.133]],
  [4, [-0.14, -0.24], [0.065, -0.09, -0.6, 0.106]],
  [5, [0.13, -0.18], [0.045, -0.07, -0.6, 0.07]],
];

/** A point of a body that stands at x, z and is turned by an angle. */
function point({ x, z, angle }, across, up) {
  const cosine = Math.cos(angle), sine = Math.sin(angle);
  return [x + across * cosine + up * sine, z - across * sine + up * cosine];
}

/**
 * The capsules of a cheetah: both ends of each, [x, z, x, z] in meters.
 * @param {number[]} positions (9,): x, z, the torso's angle, then the joints'
 */
export function capsules(positions) {
  const placed = [], world = { x: positions[0], z: positions[1], angle: 0 };
  return BODIES.flatMap(([parent, at, ...rods], number) => {
    const above = placed[parent] ?? world, [x, z] = point(above, ...at);
    const body = { x, z, angle: above.angle + positions[number + 2] };
    placed.push(body);
    return rods.map(([across, up, turn, half]) => [-half, half].flatMap((along) =>
      point(body, across + along * Math.sin(turn), up + along * Math.cos(turn))));
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
    const speed = this.poses[this.last * POSITIONS] / this.last / STEP; // millimeters a millisecond
    this.speed.textContent = `${written(speed, 1)} m/s`;
    this.pose(this.still ? STILL : 0);
  }

  draw(width) {
    this.width = width;
    this.scale = Math.max(48, Math.min(78, width / 7.5));
    const meters = [...Array(44).keys()].map((each) => each - 8), at = (meter) => meter * this.scale;
    const ticks = meters.map((meter) =>
      make("svg:line", { x1: at(meter), x2: at(meter), y1: GROUND, y2: GROUND + (meter % 5 ? 4 : 8) }));
    const names = meters.filter((meter) => meter % 5 === 0).map((meter) =>
      make("svg:text", { x: at(meter), y: GROUND + 20, "text-anchor": "middle" }, `${written(meter)} m`));
    this.ground = make("svg:g", {}, ...ticks, ...names);
    this.rods = BODIES.flatMap(([, , ...rods], body) => rods.map(() =>
      make(`svg:line.touch-rod${body ? ".touch-leg" : ""}`, { "stroke-width": 2 * RADIUS * this.scale })));
    this.speed = make("svg:text", { x: width - 12, y: 18, "text-anchor": "end" });
    const [torso, head, ...legs] = this.rods, floor = make("svg:line.touch-axis", { x2: width, y1: GROUND, y2: GROUND });
    this.track.replaceChildren(floor, this.ground, ...legs, torso, head, this.speed);
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
    const across = (x) => left + x * this.scale, down = (z) => GROUND - z * this.scale;
    capsules(positions).forEach(([x, z, toX, toZ], rod) =>
      set(this.rods[rod], { x1: across(x), y1: down(z), x2: across(toX), y2: down(toZ) }));
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
