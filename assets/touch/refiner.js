/** Be the refiner: mask an action of a plan, see what the model says of it given the others, and choose it again. */
import data from "./refiner.data.js";
import { Room } from "./room.js";
import { make, seat, set, unpacked, written } from "./shared.js";

const ACTIONS = ["turn left", "turn right", "step", "pick up", "drop", "toggle"];
const SIGNS = ["\u21ba", "\u21bb", "\u2191", "P", "D", "T"];
const COUNT = ACTIONS.length, CONTEXTS = COUNT ** (data.history[0].length - 1), REVISIONS = data.history.length - 1;
const MOST = 32, TICKS = [0, 10, 20, 30], SAME = 1e-3; // nats
const CHART = 160, LEFT = 34, RIGHT = 10, TOP = 16, BOTTOM = 22; // CSS pixels
const CAPTION = "One episode\u2019s first plan: from the full triangle to the empty one; dashed, the goal, which the model is given. "
  + `What the model says was computed beforehand for each of all ${written(data.plans)} plans. Orange: your revisions; `
  + "gray: LEAP\u2019s own, which takes the likeliest action at a random place.";
const listed = unpacked(data.costs, Uint16Array);

/** -log p of each action at one place given the plan's other actions, in nats: (6,). */
export function costs(plan, place) {
  const others = plan.filter((_, at) => at !== place).reduce((number, action) => number * COUNT + action, 0);
  const first = (place * CONTEXTS + others) * COUNT;
  return Array.from(listed.subarray(first, first + COUNT), (cost) => cost / data.steps);
}

/** Energy of a plan, in nats. */
export function energy(plan) {
  return plan.reduce((sum, action, place) => sum + costs(plan, place)[action], 0);
}

const percent = (share) => (share < 0.0005 ? "<0.1%" : `${written(100 * share, share < 0.0995 ? 1 : 0)}%`);
const nats = (value) => written(value, value < 0.095 ? 4 : 1);

class Refiner {
  constructor() {
    this.room = new Room(data);
    this.tiles = data.history[0].map((_, place) =>
      make("button.touch-tile", { type: "button", click: () => this.mask(place) }));
    this.offers = ACTIONS.map((name, action) => make("button.touch-offer", { type: "button", click: () => this.choose(action) },
      make("span", {}, SIGNS[action]), make("span", {}, name), make("span.touch-meter", {}, make("i")), make("span.touch-share")));
    this.choosers = [["Take the likeliest", this.likeliest], ["Draw one", this.drawn]].map(([name, action]) =>
      make("button", { type: "button", click: () => this.choose(action.call(this)) }, name));
    this.told = make("p.touch-told", { role: "status" });
    this.chart = make("svg:svg", { "aria-hidden": "true", height: CHART });
    this.scrubber = make("input", { type: "range", min: 0, max: REVISIONS, input: () => this.watch(Number(this.scrubber.value)) });
    this.panel = make("div.touch-panel", {},
      make("p", {}, make("b", {}, "Be the refiner. "),
        `The mission: \u201c${data.mission}\u201d. Tap an action to mask it, and choose it again.`),
      make("div.touch-split", {}, this.room.drawing, make("div", {},
        make("div.touch-tiles", { role: "group", "aria-label": "The plan" }, ...this.tiles),
        make("div.touch-offers", { role: "group", "aria-label": "What the model says of the masked action" }, ...this.offers),
        make("div.touch-choice", {}, ...this.choosers))),
      this.told, this.chart, make("label.touch-scrub", {}, `LEAP\u2019s own ${REVISIONS} revisions`, this.scrubber));
    this.watch(0);
  }

  /** Show LEAP's plan after so many revisions; the reader may go on from it. */
  watch(revision) {
    const last = Math.max(0, revision - 1), plan = data.history[revision];
    const at = plan.findIndex((action, place) => action !== data.history[last][place]);
    Object.assign(this, { from: revision, mine: [[...plan]], masked: null });
    this.scrubber.value = revision;
    const done = !revision ? "The first draft, all places filled at once."
      : `Revision ${revision}${at < 0 ? " changes nothing" : `: place ${at + 1} becomes \u201c${ACTIONS[plan[at]]}\u201d`}.`;
    this.show(at);
    this.say(done, data.energies[last], data.energies[revision], true);
  }

  get plan() {
    return this.mine.at(-1);
  }

  /** Hide an action, or let it be again. */
  mask(place) {
    this.masked = this.masked === place ? null : place;
    this.show();
  }

  likeliest() {
    const found = costs(this.plan, this.masked);
    return found.indexOf(Math.min(...found));
  }

  drawn() {
    const shares = costs(this.plan, this.masked).map((cost) => Math.exp(-cost));
    let left = Math.random() * shares.reduce((one, other) => one + other);
    return Math.max(0, shares.findIndex((share) => (left -= share) < 0));
  }

  /** Put an action in the masked place. */
  choose(action) {
    const place = this.masked, before = energy(this.plan), likeliest = action === this.likeliest();
    const plan = this.plan.map((other, at) => (at === place ? action : other));
    this.mine.push(plan);
    this.masked = null;
    this.show(place);
    this.say(`Place ${place + 1} is now \u201c${ACTIONS[action]}\u201d.`, before, energy(plan), likeliest);
    this.tiles[place].focus({ preventScroll: true });
  }

  /** Tell what was done, and what became of the energy. */
  say(done, before, after, likeliest) {
    const why = likeliest ? "the likeliest action for its place, but beside it another one became unlikely" : "an unlikely action";
    this.told.replaceChildren(`${done} Energy `, make("b", {}, `${nats(after)} nats`),
      after > before + SAME ? `, up from ${nats(before)}: ${why}.` : after < before - SAME ? `, down from ${nats(before)}.` : ".",
      after < 1 ? ` The least of all ${written(data.plans)} plans is ${nats(data.least)}.` : "",
      this.room.arrived ? " It ends before its goal." : "");
  }

  /** Show the plan, what the model says of a masked action, and where the plan leads. */
  show(changed = -1) {
    const { plan, masked } = this, shares = masked === null ? null : costs(plan, masked).map((cost) => Math.exp(-cost));
    this.tiles.forEach((tile, place) => {
      const hidden = place === masked;
      tile.textContent = hidden ? "?" : SIGNS[plan[place]];
      set(tile, { "aria-pressed": String(hidden), "aria-label": `Place ${place + 1}: ${hidden ? "masked" : ACTIONS[plan[place]]}` });
      tile.classList.toggle("changed", place === changed);
    });
    this.offers.forEach((offer, action) => {
      offer.querySelector("i").style.width = shares ? `${100 * shares[action]}%` : 0;
      offer.lastChild.textContent = shares ? percent(shares[action]) : "";
    });
    for (const button of [...this.offers, ...this.choosers]) set(button, { disabled: !shares });
    this.room.show(plan.map((action, place) => (place === masked ? null : action)));
    if (this.width) this.draw();
  }

  /** Energies against revisions: LEAP's, and from where the reader took over the reader's. */
  draw(width = this.width) {
    this.width = width;
    const energies = this.mine.map(energy), most = Math.max(MOST, ...energies);
    const last = Math.max(REVISIONS, this.from + energies.length - 1);
    const x = (revision) => LEFT + (revision / last) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (CHART - TOP - BOTTOM) * (1 - value / most);
    const text = (left, top, words, anchor = "start") => make("svg:text", { x: left, y: top, "text-anchor": anchor }, words);
    const curve = (kind, values, from, radius) => [
      make(`svg:polyline.touch-${kind}`, { points: values.map((value, step) => `${x(from + step)},${y(value)}`).join(" ") }),
      ...values.map((value, step) => make(`svg:circle.touch-${kind}`, { cx: x(from + step), cy: y(value), r: radius(step) })),
    ];
    const own = data.energies, rises = [...own.keys()].filter((at) => own[at] > own[at - 1] + SAME);
    set(this.chart, { width });
    this.chart.replaceChildren(
      ...TICKS.flatMap((tick) => [
        make("svg:line.touch-grid", { x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
        text(LEFT - 6, y(tick) + 4, `${tick}`, "end"),
      ]),
      make("svg:text.touch-head", { x: LEFT, y: 10 }, "energy, nats"),
      text(LEFT, CHART - 4, "0"), text(width - RIGHT, CHART - 4, `${last} revisions`, "end"),
      ...curve("own", own, 0, () => 2),
      ...rises.map((at) => text(x(at) + 7, y(own[at]) - 3, rises.length > 1 ? "it rises" : "it rises once")),
      ...curve("mine", energies, this.from, (step) => (step === energies.length - 1 ? 5 : 3)));
  }
}

/** Put the plan in the place of its picture. @param {HTMLElement} figure of _includes/figure.html */
export async function start(figure) {
  const refiner = new Refiner();
  await seat(figure, refiner.panel, CAPTION, (width) => refiner.draw(width));
}
