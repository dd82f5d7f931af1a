/** What is drawn on canvases: a cheetah on its track, where the acting token looked, and the return got so far. */

const CAPSULES = 8, JOINTS = 6, POSE = 4 * CAPSULES + 2 * JOINTS; // numbers of a pose, see half_cheetah.js
const BEHIND = [2, 3, 4]; // the hind leg's capsules; after it the fore leg's
const GROUND = 0.3, TALL = 1.55, WIDE = 3.2; // meters drawn: below the ground, from top to bottom, and across at least
const CALM_HEIGHT = 0.85; // meters above which the view follows the torso
const NEWTONS = 500; // drawn as a meter

/** A canvas that has as many pixels as the screen gives it, and is drawn in CSS pixels. */
class Canvas {
  constructor(element) {
    this.element = element;
    this.context = element.getContext("2d");
  }

  /** Clear it and return its size in CSS pixels. */
  begin() {
    const { element, context } = this, density = devicePixelRatio || 1;
    const width = element.clientWidth, height = element.clientHeight;
    if (element.width !== Math.round(width * density) || element.height !== Math.round(height * density)) {
      element.width = Math.round(width * density);
      element.height = Math.round(height * density);
    }
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    return { width, height };
  }
}

/** The page's colors, as its scheme has them now; `lanes` are those of the lanes' returns. */
export function colors() {
  const style = getComputedStyle(document.documentElement);
  const named = ["paper", "ink", "soft", "rule", "link", "return", "state", "action"];
  const family = style.getPropertyValue("--sans") || "sans-serif";
  const found = Object.fromEntries(named.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  return { family, ...found, lanes: [found.return, found.state, found.action, found.ink] };
}

/** A pose between two poses (POSE,), `share` of the way. */
export function between(one, other, share) {
  return one.map((value, place) => value + share * (other[place] - value));
}

/** A cheetah on its track, the view moving with it. */
export class Track {
  /** @param {HTMLCanvasElement} element @param {Float32Array} radii (capsule,) in meters */
  constructor(element, radii) {
    this.canvas = new Canvas(element);
    this.radii = radii;
    this.camera = { x: 0, z: 0, scale: 100, width: 0, ground: 0 };
  }

  /** A place on the canvas, in CSS pixels, as one on the track, in meters. */
  place(left, top) {
    const { x, z, scale, width, ground } = this.camera;
    return { x: x + (left - width / 2) / scale, z: z + (ground - top) / scale };
  }

  /**
   * @param {object} scene
   * @param {Float32Array} scene.pose (POSE,)
   * @param {Float32Array} scene.torques (6,) in [-1, 1]
   * @param {Float32Array[]} [scene.imagined] poses, the nearest first
   * @param {{x: number, z: number, turn: number}} scene.force that pushes the torso, in newtons and newton meters
   * @param {{x: number, z: number}} [scene.target] to where the torso is dragged
   * @param {string[]} [scene.keys] (joint,) that turn the joints
   * @param {object} palette see `colors`
   */
  draw({ pose, torques, imagined, force, target, keys }, palette) {
    const { width, height } = this.canvas.begin(), { context } = this.canvas;
    const scale = Math.min(height / TALL, width / WIDE), torso = [(pose[0] + pose[2]) / 2, (pose[1] + pose[3]) / 2];
    this.camera = { x: torso[0], z: Math.max(0, torso[1] - CALM_HEIGHT), scale, width, ground: height - GROUND * scale };
    this.drawGround(palette, height);
    imagined?.forEach((each, ahead) => {
      context.globalAlpha = 0.45 - 0.08 * ahead;
      this.drawBody(each, palette.link, palette.link);
    });
    context.globalAlpha = 1;
    this.drawBody(pose, palette.ink, palette.soft);
    this.drawTorques(pose, torques, palette);
    if (keys) this.drawKeys(pose, keys, palette);
    if (target) this.drawPull(torso, [target.x, target.z], palette);
    else if (force.x || force.z) this.drawPull(torso, [torso[0] + force.x / NEWTONS, torso[1] + force.z / NEWTONS], palette);
  }

  /** A place on the track, in meters, as one on the canvas, in CSS pixels. */
  at(x, z) {
    const { camera } = this;
    return [camera.width / 2 + (x - camera.x) * camera.scale, camera.ground - (z - camera.z) * camera.scale];
  }

  drawGround(palette, height) {
    const { context } = this.canvas, { x, scale, width } = this.camera, [, ground] = this.at(0, 0);
    context.fillStyle = palette.rule;
    context.fillRect(0, ground, width, 1);
    context.font = `11px ${palette.family}`;
    context.textAlign = "center";
    context.textBaseline = "top";
    for (let meter = Math.floor(x - width / 2 / scale); meter <= x + width / 2 / scale + 1; meter++) {
      const [left] = this.at(meter, 0);
      context.fillStyle = palette.rule;
      context.globalAlpha = 0.5;
      if (meter % 2) context.fillRect(left, ground, scale, height - ground); // every other meter is darker: how fast it goes is seen
      context.globalAlpha = 1;
      if (meter % 5) continue;
      context.fillStyle = palette.soft;
      context.fillRect(left, ground, 1, 8);
      context.fillText(`${meter} m`.replace("-", "\u2212"), left, ground + 10);
    }
  }

  drawBody(pose, near, far) {
    const { context } = this.canvas;
    context.lineCap = "round";
    const order = [...BEHIND, 5, 6, 7, 0, 1];
    for (const capsule of order) {
      context.strokeStyle = capsule >= 2 ? far : near;
      context.lineWidth = 2 * this.radii[capsule] * this.camera.scale;
      context.beginPath();
      context.moveTo(...this.at(pose[4 * capsule], pose[4 * capsule + 1]));
      context.lineTo(...this.at(pose[4 * capsule + 2], pose[4 * capsule + 3]));
      context.stroke();
    }
  }

  /** At every joint an arc that begins at the top, the longer the stronger the torque, on the side to which it turns. */
  drawTorques(pose, torques, palette) {
    const { context } = this.canvas, radius = Math.max(7, 0.1 * this.camera.scale);
    context.lineCap = "butt";
    for (let joint = 0; joint < JOINTS; joint++) {
      const [left, top] = this.at(pose[4 * CAPSULES + 2 * joint], pose[4 * CAPSULES + 2 * joint + 1]);
      context.fillStyle = palette.paper;
      context.beginPath();
      context.arc(left, top, 2.5, 0, 2 * Math.PI);
      context.fill();
      const torque = torques[joint];
      if (Math.abs(torque) < 0.02) continue;
      context.strokeStyle = palette.action;
      context.lineWidth = 3;
      context.beginPath();
      context.arc(left, top, radius, -Math.PI / 2, -Math.PI / 2 + 0.9 * Math.PI * torque, torque < 0);
      context.stroke();
    }
  }

  /** Beside every joint the key that turns it: left of the hind leg, right of the fore leg. */
  drawKeys(pose, keys, palette) {
    const { context } = this.canvas;
    context.font = `600 12px ${palette.family}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = palette.link;
    context.strokeStyle = palette.paper;
    context.lineWidth = 4;
    keys.forEach((key, joint) => {
      const [left, top] = this.at(pose[4 * CAPSULES + 2 * joint], pose[4 * CAPSULES + 2 * joint + 1]);
      const beside = left + (joint < JOINTS / 2 ? -20 : 20);
      context.strokeText(key, beside, top); // legible before a limb too
      context.fillText(key, beside, top);
    });
  }

  /** An arrow from the torso to where it is pushed or pulled. */
  drawPull(torso, target, palette) {
    const { context } = this.canvas, [left, top] = this.at(...torso), [toLeft, toTop] = this.at(...target);
    const way = Math.atan2(toTop - top, toLeft - left), head = 9;
    context.strokeStyle = palette.return;
    context.lineWidth = 3;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(left, top);
    context.lineTo(toLeft, toTop);
    for (const side of [-0.5, 0.5]) {
      context.moveTo(toLeft, toTop);
      context.lineTo(toLeft - head * Math.cos(way + side), toTop - head * Math.sin(way + side));
    }
    context.stroke();
  }
}

/** Where the acting token looks: a row a layer, a cell a token, the more color the more weight. */
export class Strip {
  /** @param {HTMLCanvasElement} element */
  constructor(element) {
    this.canvas = new Canvas(element);
  }

  /**
   * @param {Float32Array[] | null} layers weights (token,), the acting token last
   * @param {number} steps that a whole context has
   */
  draw(layers, steps, palette) {
    const { width, height } = this.canvas.begin(), { context } = this.canvas;
    if (!layers) return;
    const margin = 46, below = 16, cell = (width - margin) / (3 * steps), row = (height - below) / layers.length;
    const kinds = [palette.return, palette.state, palette.action];
    context.font = `11px ${palette.family}`;
    context.textBaseline = "middle";
    layers.forEach((weights, layer) => {
      context.fillStyle = palette.soft;
      context.textAlign = "left";
      context.fillText(`layer ${layer + 1}`, 0, (layer + 0.5) * row);
      const most = Math.max(...weights), empty = 3 * steps - 1 - weights.length;
      weights.forEach((weight, token) => {
        const left = margin + (empty + token) * cell;
        context.globalAlpha = Math.sqrt(weight / most);
        context.fillStyle = kinds[token % 3];
        context.fillRect(left, layer * row + 1, Math.max(1, cell - 1), row - 2);
        context.globalAlpha = 1;
      });
    });
    context.fillStyle = palette.soft;
    context.textBaseline = "bottom";
    context.fillText(`${steps - 1} steps ago`, margin, height);
    context.textAlign = "right";
    context.fillText("now", width, height);
  }
}

/** The return got against the steps taken, beside what would be on schedule for the return asked. */
export class Returns {
  /** @param {HTMLCanvasElement} element */
  constructor(element) {
    this.canvas = new Canvas(element);
  }

  /** @param {{asked: number | null, got: number[]}[]} lanes @param {number} steps of an episode */
  draw(lanes, steps, palette) {
    const { width, height } = this.canvas.begin(), { context } = this.canvas;
    const margin = { left: 40, right: 8 + 11 * lanes.length, top: 20, bottom: 16 }, most = 6000;
    const least = Math.min(0, ...lanes.map(({ got }) => Math.floor((got.at(-1) ?? 0) / 500) * 500));
    const x = (step) => margin.left + (step / steps) * (width - margin.left - margin.right);
    const y = (value) => margin.top + ((most - value) / (most - least)) * (height - margin.top - margin.bottom);
    context.font = `11px ${palette.family}`;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of [0, 2000, 4000, 6000]) {
      context.fillStyle = palette.rule;
      context.fillRect(margin.left, y(value), x(steps) - margin.left, 1);
      context.fillStyle = palette.soft;
      context.fillText(String(value), margin.left - 6, y(value));
    }
    context.textBaseline = "bottom";
    context.fillText(`${steps} steps`, x(steps), height);
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillText(width > 420 ? "return so far of each lane; dotted: on schedule for the return asked" : "return so far of each lane", 0, 0);
    context.save();
    context.beginPath();
    context.rect(margin.left, y(most), width, y(least) - y(most) + 2);
    context.clip();
    lanes.forEach(({ asked, got }, lane) => {
      context.strokeStyle = palette.lanes[lane];
      context.lineWidth = 1.5;
      if (asked !== null) {
        context.setLineDash([2, 4]);
        this.line([[0, 0], [steps, asked]], x, y);
      }
      context.lineWidth = lane % 2 ? 2 : 4; // lines that cover each other are both seen
      context.setLineDash([]);
      this.line(got.map((value, step) => [step + 1, value]), x, y);
    });
    context.restore();
    context.font = `650 12px ${palette.family}`;
    context.textBaseline = "middle";
    lanes.forEach(({ got }, lane) => {
      context.fillStyle = palette.lanes[lane];
      context.fillText(String(lane + 1), x(got.length) + 6 + 11 * lane, y(got.at(-1) ?? 0));
    });
  }

  line(points, x, y) {
    const { context } = this.canvas;
    context.beginPath();
    points.forEach(([step, value], place) => context[place ? "lineTo" : "moveTo"](x(step), y(value)));
    context.stroke();
  }
}

export { POSE };
