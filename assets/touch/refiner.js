/** Be the refiner: mask an action of a plan, see what the model says of it given the others, choose it again, and watch the energy. */
import data from "./refiner.data.js";
import { Room } from "./room.js";
import { make, seat, set, unpacked, written } from "./shared.js";

const ACTIONS = ["turn left", "turn right", "step", "pick up", "drop", "toggle"], SIGNS = ["\u21ba", "\u21bb", "\u2191", "P", "D", "T"];
const COUNT = ACTIONS.length, PLACES = data.history[0].length, REVISIONS = data.history.length - 1, CONTEXTS = COUNT ** (PLACES - 1);
const MOST = 32, TICKS = [0, 10, 20, 30], SAME = 1e-3; // nats
const CHART = 160, LEFT = 34, RIGHT = 10, TOP = 16, BOTTOM = 22; // CSS pixels
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
const told = (nats) => written(nats, nats < 0.095 ? 4 : 1);

const CAPTION = `One episode\u2019s first plan: from the full triangle to the empty one; dashed, the goal, which the model is given. What the model says was
  computed beforehand for each of all ${written(data.plans)} plans. Orange: your revisions; grey: LEAP\u2019s own, which takes the likeliest action at a random place.`;

class Refiner {
  constructor() {
    this.room = new Room(data);
    this.tiles = data.history[0].map((_, place) => make("button.touch-tile", { type: "button", click: () => this.mask(place) }));
    this.offers = ACTIONS.map((name, action) => make("button.touch-offer", { type: "button", click: () => this.choose(action) },
      make("span.touch-sign", {}, SIGNS[action]), make("span", {}, name), make("span.touch-meter", {}, make("i")), make("span.touch-share")));
    this.likeliest = make("button", { type: "button", click: () => this.choose(this.best()) }, "Take the likeliest");
    this.draws = make("button", { type: "button", click: () => this.choose(this.drawn()) }, "Draw one");
    this.told = make("p.touch-told", { role: "status" });
    this.chart = make("svg:svg", { "aria-hidden": "true", height: CHART });
    this.scrubber = make("input", { type: "range", min: 0, max: REVISIONS, value: 0, "aria-label": "LEAP's own revisions", input: () => this.watch(Number(this.scrubber.value)) });
    this.panel = make("div.touch-panel", {},
      make("p.touch-lead", {}, make("b", {}, "Be the refiner. "), `The mission: \u201c${data.mission}\u201d. Tap an action to mask it, and choose it again.`),
      make("div.touch-split", {}, this.room.drawing, make("div", {},
        make("div.touch-tiles", { role: "group", "aria-label": "The plan" }, ...this.tiles),
        make("div.touch-offers", { role: "group", "aria-label": "What the model says of the masked action" }, ...this.offers),
        make("div.touch-choice", {}, this.likeliest, this.draws))),
      this.told, this.chart,
      make("label.touch-scrub", {}, "LEAP\u2019s own 30 revisions", this.scrubber));
    this.watch(0);
  }

  /** Show LEAP's plan after so many revisions; the reader may go on from it. */
  watch(revision) {
    const before = data.history[Math.max(0, revision - 1)], plan = data.history[revision], at = plan.findIndex((action, place) => action !== before[place]);
    Object.assign(this, { from: revision, mine: [[...plan]], masked: null });
    this.scrubber.value = revision;
    this.say(data.energies[Math.max(0, revision - 1)], data.energies[revision],
      revision === 0 ? "The first draft, all places filled at once." : at < 0 ? `Revision ${revision} changes nothing.` : `Revision ${revision}: place ${at + 1} becomes \u201c${ACTIONS[plan[at]]}\u201d.`, true);
    this.show(at);
  }

  get plan() {
    return this.mine.at(-1);
  }

  mask(place) {
    this.masked = this.masked === place ? null : place;
    this.show(-2);
  }

  best() {
    const found = costs(this.plan, this.masked);
    return found.indexOf(Math.min(...found));
  }

  drawn() {
    let left = Math.random();
    const found = costs(this.plan, this.masked).map((cost) => Math.exp(-cost)), sum = found.reduce((one, other) => one + other, 0);
    return Math.max(0, found.findIndex((share) => (left -= share / sum) < 0));
  }

  /** Put an action in the masked place. */
  choose(action) {
    const place = this.masked, plan = this.plan.with ? this.plan.with(place, action) : Object.assign([...this.plan], { [place]: action });
    const before = energy(this.plan), likeliest = action === this.best();
    this.mine.push(plan);
    this.masked = null;
    this.say(before, energy(plan), `Place ${place + 1} is now \u201c${ACTIONS[action]}\u201d.`, likeliest);
    this.show(place);
    this.tiles[place].focus({ preventScroll: true });
  }

  /** Tell what was done, and what became of the energy. */
  say(before, after, done, likeliest) {
    const rose = after > before + SAME, fell = after < before - SAME;
    this.told.replaceChildren(`${done} Energy `, make("b", {}, `${told(after)} nats`),
      rose ? `, up from ${told(before)}: ${likeliest ? "the likeliest action for its place, but beside it another one became unlikely" : "an unlikely action"}.` : fell ? `, down from ${told(before)}.` : ".",
      after < 1 ? ` The least of all ${written(data.plans)} plans is ${told(data.least)}.` : "");
  }

  show(changed = -1) {
    const { plan, masked } = this, shares = masked === null ? null : costs(plan, masked).map((cost) => Math.exp(-cost));
    this.tiles.forEach((tile, place) => {
      const hidden = place === masked;
      tile.textContent = hidden ? "?" : SIGNS[plan[place]];
      set(tile, { "aria-pressed": String(hidden), "aria-label": `Place ${place + 1}: ${hidden ? "masked" : ACTIONS[plan[place]]}` });
      tile.classList.toggle("changed", place === changed);
    });
    this.offers.forEach((offer, action) => {
      set(offer, { disabled: !shares });
      offer.querySelector("i").style.width = `${shares ? 100 * shares[action] : 0}%`;
      offer.lastChild.textContent = shares ? percent(shares[action]) : "";
    });
    for (const button of [this.likeliest, this.draws]) set(button, { disabled: !shares });
    this.room.show(plan.map((action, place) => (place === masked ? null : action)));
    if (this.room.arrived && masked === null && changed !== -2) this.told.append(" It ends before its goal.");
    if (this.width) this.draw();
  }

  /** Energies against revisions: LEAP's, and from where the reader took over the reader's. */
  draw(width = this.width) {
    this.width = width;
    const last = Math.max(REVISIONS, this.from + this.mine.length - 1), x = (revision) => LEFT + (revision / last) * (width - LEFT - RIGHT);
    const reached = this.mine.map(energy), most = Math.max(MOST, ...reached), y = (nats) => TOP + (CHART - TOP - BOTTOM) * (1 - nats / most);
    const mine = reached.map((nats, step) => [x(this.from + step), y(nats)]);
    const line = (points, kind) => make(`svg:polyline.${kind}`, { points: points.map((point) => point.join()).join(" ") });
    const own = data.energies.map((nats, revision) => [x(revision), y(nats)]), rise = data.energies.findIndex((nats, at) => at && nats > data.energies[at - 1] + SAME);
    set(this.chart, { width });
    this.chart.replaceChildren(
      ...TICKS.flatMap((nats) => [make("svg:line.touch-grid", { x1: LEFT, x2: width - RIGHT, y1: y(nats), y2: y(nats) }), make("svg:text", { x: LEFT - 6, y: y(nats) + 4, "text-anchor": "end" }, `${nats}`)]),
      make("svg:text.touch-head", { x: LEFT, y: 10 }, "energy, nats"), line(own, "touch-own"),
      ...own.map(([cx, cy]) => make("svg:circle.touch-own", { cx, cy, r: 2 })),
      ...(rise > 0 ? [make("svg:text", { x: own[rise][0] + 7, y: own[rise][1] - 3 }, "it rises once")] : []),
      line(mine, "touch-mine"), ...mine.map(([cx, cy], step) => make("svg:circle.touch-mine", { cx, cy, r: step === mine.length - 1 ? 5 : 3 })),
      make("svg:text", { x: LEFT, y: CHART - 4 }, "0"), make("svg:text", { x: width - RIGHT, y: CHART - 4, "text-anchor": "end" }, `${last} revisions`));
  }
}

/** Put the plan in the place of its picture. @param {HTMLElement} figure of _includes/figure.html */
export async function start(figure) {
  const refiner = new Refiner();
  await seat(figure, refiner.panel, CAPTION, (width) => refiner.draw(width));
}
