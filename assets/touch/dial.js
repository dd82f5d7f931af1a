/**
 * The dial: a return is asked for, a runner runs, and the returns of its episodes stand above those of the log.
 * Only what was measured can be asked for, and only what was measured is shown.
 */
import data from "./dial.data.js";
import { Runner } from "./runner.js";
import { choice, make, seat, set, written } from "./shared.js";

const DRIVERS = ["narrow", "wide"];
const MOST = 12000; // points of return
const ROWS = { handle: 36, got: 92, mean: 131, log: 204, height: 228 }, LOG = 56, EDGE = 20; // CSS pixels
const CAPTION = "Every dot is an episode; below them their mean with its 95% t-interval, over episodes of one trained model. "
  + "Thin lines lead from what you have asked for to what came. "
  + "Bars: the returns of the log that the model learned from. The runner: seconds 2 to 6 of the first episode.";

/** Where dots of a radius stand beside a line so that none hides another: offsets (dot,) in pixels for places (dot,). */
export function swarm(places, radius) {
  const order = places.map((_, dot) => dot).sort((one, other) => places[one] - places[other]);
  const offsets = places.map(() => 0), stood = [];
  const tries = [...Array(60).keys()].map((each) => (each % 2 ? 1 : -1) * Math.ceil(each / 2) * radius * 0.5);
  for (const dot of order) {
    const near = stood.filter((other) => places[dot] - places[other] < 2 * radius);
    const clear = (offset) => near.every((other) =>
      Math.hypot(places[dot] - places[other], offset - offsets[other]) >= 2 * radius);
    offsets[dot] = tries.find(clear) ?? 0;
    stood.push(dot);
  }
  return offsets;
}

class Dial {
  constructor() {
    this.chosen = { narrow: 0, wide: 3 };
    this.asked = { narrow: new Set(), wide: new Set() }; // what the reader has asked for so far
    this.driver = "narrow";
    this.runner = new Runner();
    this.plot = make("svg:svg", { "aria-hidden": "true", height: ROWS.height });
    this.handle = make("div.touch-handle", {
      role: "slider", tabindex: 0, "aria-label": "Return asked for", keydown: (event) => this.press(event),
    });
    this.area = make("div.touch-area", {
      pointerdown: (event) => this.grasp(event),
      pointermove: (event) => { if (this.area.hasPointerCapture(event.pointerId)) this.pull(event); },
    }, this.plot, this.handle);
    this.told = make("p.touch-told");
    const drive = (index) => {
      this.driver = DRIVERS[index];
      this.draw();
      this.runner.run();
    };
    this.panel = make("div.touch-panel", {},
      make("p", {}, make("b", {}, "Turn the dial: "),
        "ask for a return. If the model obeyed, its dots would stand on the dashed line."),
      choice("It learned from the", ["narrow log", "wide log"], 0, drive),
      make("div.touch-stage", {}, this.runner.track,
        make("button", { type: "button", click: () => this.runner.run(true) }, "Run again")),
      this.area, this.told);
  }

  get log() {
    return data[this.driver];
  }

  get now() {
    return this.log.asked[this.chosen[this.driver]];
  }

  get radius() {
    return (this.now.returns.length < 20 ? 4 : 2) * (this.width < 480 ? 0.8 : 1);
  }

  x(value) {
    return EDGE + (value / MOST) * (this.width - 2 * EDGE);
  }

  ask(index) {
    const place = Math.max(0, Math.min(this.log.asked.length - 1, index));
    if (place === this.chosen[this.driver]) return;
    this.chosen[this.driver] = place;
    this.move();
    this.runner.run();
  }

  grasp(event) {
    event.preventDefault();
    this.area.setPointerCapture(event.pointerId);
    this.handle.focus({ preventScroll: true });
    this.pull(event);
  }

  /** Ask for the measured return nearest to the pointer. */
  pull({ clientX }) {
    const at = clientX - this.area.getBoundingClientRect().left;
    const far = this.log.asked.map(({ asked }) => Math.abs(this.x(asked) - at));
    this.ask(far.indexOf(Math.min(...far)));
  }

  press(event) {
    const place = this.chosen[this.driver], less = place - 1, more = place + 1;
    const to = {
      ArrowRight: more, ArrowUp: more, PageUp: more, ArrowLeft: less, ArrowDown: less, PageDown: less,
      Home: 0, End: this.log.asked.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.ask(to);
  }

  /** All that hangs on the driver and on the width. */
  draw(width = this.width) {
    this.width = width;
    const { asked, episodes } = this.log, across = { x1: EDGE, x2: width - EDGE };
    const text = (x, y, anchor, words) => make("svg:text", { x, y, "text-anchor": anchor }, words);
    this.line = make("svg:line.touch-asked", { y1: ROWS.handle, y2: ROWS.log });
    this.name = make("svg:text.touch-name", { y: 14, "text-anchor": "middle" });
    this.mean = make("svg:path.touch-mean");
    this.echoes = make("svg:g.touch-echoes");
    this.dots = this.now.returns.map(() => make("svg:circle.touch-dot", { r: this.radius }));
    set(this.plot, { width });
    this.plot.replaceChildren(
      this.echoes, make("svg:line.touch-rail", { ...across, y1: ROWS.handle, y2: ROWS.handle }),
      ...asked.map((each) => make("svg:circle.touch-stop", { cx: this.x(each.asked), cy: ROWS.handle, r: 3 })),
      ...this.bars(), make("svg:line.touch-axis", { ...across, y1: ROWS.log, y2: ROWS.log }),
      ...[0, 4000, 8000, MOST].map((value) => text(this.x(value), ROWS.log + 17, "middle", written(value))), this.line,
      text(width - EDGE, ROWS.mean + 4, "end", `returned: ${this.now.returns.length} episodes`),
      text(width - EDGE, ROWS.log - 12, "end", `its log: ${written(episodes)} episodes`),
      ...this.dots, this.mean, this.name);
    set(this.handle, { "aria-valuemin": Math.round(asked[0].asked), "aria-valuemax": Math.round(asked.at(-1).asked) });
    this.runner.draw(width);
    this.move();
  }

  /** The log's returns. */
  bars() {
    const { edges, counts } = this.log.histogram, most = Math.max(...counts);
    return counts.map((count, bin) => {
      const height = (LOG * count) / most, x = this.x(edges[bin]);
      return make("svg:rect.touch-log", { x, y: ROWS.log - height, height, width: Math.max(1, this.x(edges[bin + 1]) - x - 0.5) });
    });
  }

  /** All that hangs on what is asked for. */
  move() {
    const { asked, returns, return_mean: mean, return_low: low, return_high: high, poses } = this.now, at = this.x(asked);
    const places = returns.map((each) => this.x(each)), offsets = swarm(places, this.radius);
    this.dots.forEach((dot, each) => {
      dot.style.transform = `translate(${places[each]}px, ${ROWS.got + offsets[each]}px)`;
    });
    set(this.mean, { d: `M${this.x(mean)} ${ROWS.mean - 5}v10M${this.x(low)} ${ROWS.mean}H${this.x(high)}` });
    this.echoes.replaceChildren(...[...this.asked[this.driver].add(this.now)].map((each) => make("svg:line", {
      x1: this.x(each.asked), x2: this.x(each.return_mean), y1: ROWS.handle, y2: ROWS.mean,
    })));
    set(this.line, { x1: at, x2: at });
    set(this.name, { x: Math.max(EDGE + 26, Math.min(this.width - EDGE - 30, at)) }).textContent = `asked ${written(asked)}`;
    this.handle.style.transform = `translate(${at}px, ${ROWS.handle}px)`;
    set(this.handle, {
      "aria-valuenow": Math.round(asked),
      "aria-valuetext": `asked for ${written(asked)}, returned ${written(mean)} on average`,
    });
    const over = `(95% interval ${written(low)} to ${written(high)}; ${returns.length} episodes of one trained model)`;
    this.told.replaceChildren("Asked for ", make("b.touch-wish", {}, written(asked)), ", it returned ",
      make("b.touch-got", {}, written(mean)), " on average ", make("span.touch-fine", {}, over), ".");
    this.runner.take(poses);
  }
}

/** Put the dial in the place of its picture. @param {HTMLElement} figure of _includes/figure.html */
export async function start(figure) {
  const dial = new Dial();
  await seat(figure, dial.panel, CAPTION, (width) => dial.draw(width));
  const seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    dial.runner.run();
  }, { threshold: 0.6 });
  seen.observe(dial.runner.track);
}
