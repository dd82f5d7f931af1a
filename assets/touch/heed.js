/** Look or heed? After a guess, the attention that tokens get stands beside how far exchanging them moves the action. */
import data from "./heed.data.js";
import { choice, make, seat, set, written } from "./shared.js";

const TYPES = ["return", "state", "action"], MODELS = ["trained", "untrained"];
const STEPS = 20, TOKENS = 59; // the token that acts is the last one, the latest state
const LEAST = 0.01, MOST = 1000, TICKS = [0.01, 1, 100, 1000]; // thousandths of full torque
const ROW = 34, HEAD = 24, RIGHT = 14, MARGIN = 54; // CSS pixels
const NARROW = 480;
const CAPTION = "Left: attention that state tokens, where actions are predicted, give to each type of token; to single tokens, "
  + "that the acting token gives. Dotted: uniform attention under the causal mask. Right: how far the action moves, root mean "
  + `square of six torques, on a logarithmic axis. Lines: 95% t-intervals over ${data.contexts} contexts.`;

/** What can be exchanged: its name, its type, what the evidence calls that, and whether it has a token. */
const GROUPS = [
  ["the 20 returns", "return", "returns_swapped", (token) => token % 3 === 0],
  ["the 20 states", "state", "states_swapped", (token) => token % 3 === 1],
  ["the 19 actions", "action", "actions_swapped", (token) => token % 3 === 2],
  ["the latest return", "return", "latest_return_swapped", (token) => token === TOKENS - 2],
  ["the latest state", "state", "latest_state_swapped", (token) => token === TOKENS - 1],
  ["all but the latest state", "other", "all_but_latest_state_swapped", (token) => token !== TOKENS - 1],
];

class Heed {
  constructor() {
    Object.assign(this, { layer: 1, model: MODELS[0], guess: null, swapped: null });
    const group = (token) => (token % 3) + (token > TOKENS - 3 ? TYPES.length : 0);
    this.cells = [...Array(TOKENS).keys()].map((token) =>
      make(`svg:rect.touch-${TYPES[token % 3]}`, { rx: 1.5, click: () => this.swap(group(token)) }));
    this.strip = make("svg:svg.touch-strip", { "aria-hidden": "true" });
    this.guesses = make("div.touch-choice", { role: "group", "aria-label": "Your guess" }, ...TYPES.map((type, place) =>
      make(`button.touch-${type}`, { type: "button", click: () => this.answer(place) }, GROUPS[place][0])));
    this.rows = GROUPS.map(([name, type], place) => make(`button.touch-row.touch-${type}`, {
      type: "button", "aria-pressed": "false", click: () => this.swap(place), mouseenter: () => this.swap(place),
    }, make("span.touch-label", {}, name)));
    this.plot = make("svg:svg.touch-plot", { "aria-hidden": "true" });
    this.table = make("div.touch-rows", {}, this.plot, ...this.rows);
    this.told = make("p.touch-told", { role: "status" });
    const look = (layer) => this.draw(Object.assign(this, { layer }).width);
    const take = (index) => this.draw(Object.assign(this, { model: MODELS[index] }).width);
    this.panel = make("div.touch-panel", {},
      make("p", {}, make("b", {}, "Look or heed? "), "Take one kind of token from another context. Which moves the action most?"),
      this.guesses,
      make("div.touch-controls", {},
        choice("Where it looks, layer", ["1", "2", "3"], this.layer, look), choice("Weights", MODELS, 0, take)),
      this.strip, this.table, this.told);
  }

  get shown() {
    return data[this.model];
  }

  /** Share of the attention that a group gets in the chosen layer; of single tokens, from the acting token alone. */
  share(place) {
    const [, type, , holds] = GROUPS[place];
    if (place < TYPES.length) return this.shown.shares[type][this.layer];
    return { mean: this.shown.looks[this.layer].reduce((sum, weight, token) => sum + (holds(token) ? weight : 0), 0) };
  }

  change(place) {
    return this.shown.changes[GROUPS[place][2]];
  }

  answer(place) {
    this.guess = place;
    [...this.guesses.children].forEach((each, at) => set(each, { "aria-pressed": String(at === place) }));
    this.panel.classList.add("guessed");
    this.draw();
    this.swap(place, true);
  }

  /** Exchange a group: its tokens turn, and a sentence says how far the action moves; after an answer, whether it was right. */
  swap(place, answered = false) {
    if (this.guess === null || (place === this.swapped && this.judging && !answered)) return;
    Object.assign(this, { swapped: place, judging: answered });
    this.cells.forEach((cell, token) => cell.classList.toggle("swapped", GROUPS[place][3](token)));
    this.rows.forEach((row, at) => set(row, { "aria-pressed": String(at === place) }));
    this.told.replaceChildren(...(answered ? this.judgement() : this.sentence(place)), ".");
  }

  sentence(place) {
    const { mean, low, high } = this.change(place), exact = (value) => written(value, mean < 10 ? 2 : 0);
    return [
      `Exchange ${GROUPS[place][0]}, `, make("b", {}, `${written(100 * this.share(place).mean)}% of the attention`),
      place < TYPES.length ? "" : " of the token that acts", ": the action moves by ",
      make("b", {}, exact(mean)), " thousandths of full torque ",
      make("span.touch-fine", {}, `(95% interval ${exact(low)} to ${exact(high)}; ${data.contexts} contexts)`),
    ];
  }

  judgement() {
    const moved = TYPES.map((_, place) => this.change(place).mean), most = moved.indexOf(Math.max(...moved));
    const amount = (place) => make("b", {}, written(moved[place], moved[place] < 10 ? 2 : 0)), right = most === this.guess;
    const other = right ? 0 : this.guess;
    return [
      `${right ? "Right" : "Not those"}: exchanging ${GROUPS[most][0]} moves the action by `, amount(most),
      ` thousandths of full torque, exchanging ${GROUPS[other][0]} by `, amount(other),
    ];
  }

  /** All that hangs on layer, model and width. */
  draw(width = this.width) {
    this.width = width;
    this.drawStrip();
    const narrow = width < NARROW, bottom = HEAD + ROW * GROUPS.length;
    const label = Math.min(170, width * 0.36), gap = narrow ? 26 : 40, half = (width - label - gap - RIGHT) / 2;
    const look = (share) => label + share * half, start = label + half + gap;
    const heed = (change) => start + half * (Math.log(Math.max(LEAST, change) / LEAST) / Math.log(MOST / LEAST));
    const text = (x, y, words, anchor = "middle") => make("svg:text", { x, y, "text-anchor": anchor }, words);
    const grid = [
      ...(narrow ? [0, 0.5] : [0, 0.5, 1]).map((share) => [look(share), `${100 * share}%`]),
      ...TICKS.map((tick) => [heed(tick), narrow && tick === MOST ? "" : written(tick, tick < 1 ? 2 : 0)]),
    ];
    const marks = GROUPS.flatMap((_, place) => this.marks(place, look, heed));
    set(this.plot, { width, height: bottom + 26 });
    this.plot.replaceChildren(
      ...grid.map(([x]) => make("svg:line.touch-grid", { x1: x, x2: x, y1: HEAD, y2: bottom })),
      ...grid.map(([x, name]) => text(x, bottom + 16, name)), ...marks,
      ...(this.guess === null ? [text(start + half / 2, HEAD + ROW * 3 + 4, "your guess first")] : []),
      make("svg:text.touch-head", { x: label, y: 12 }, "it looks: attention"),
      make("svg:text.touch-head", { x: start, y: 12 }, narrow ? "it heeds: \u2030" : "it heeds: \u2030 of full torque"));
    this.table.style.setProperty("--label", `${label}px`);
    if (this.swapped !== null) this.swap(this.swapped, this.judging);
  }

  /** A group's share of attention and, after the guess, how far exchanging it moves the action. */
  marks(place, look, heed) {
    const kind = GROUPS[place][1], at = HEAD + ROW * (place + 0.5), share = this.share(place), change = this.change(place);
    const line = (name, x1, x2) => make(`svg:line.touch-${name}`, { x1, x2, y1: at, y2: at });
    const error = (x, { low, high }) => (low === undefined ? [] : [line("error", x(low), x(high))]);
    const bar = make(`svg:rect.touch-bar.touch-${kind}`, { x: look(0), y: at - 7, height: 14, width: look(share.mean) - look(0) });
    const even = (x) => make("svg:line.touch-even", { x1: x, x2: x, y1: at - 11, y2: at + 11 });
    return [
      bar, ...error(look, share), ...(place < TYPES.length ? [even(look(data.uniform[kind]))] : []),
      ...(this.guess === null ? [] : [
        line("stem", heed(LEAST), heed(change.mean)), ...error(heed, change),
        make(`svg:circle.touch-moved.touch-${kind}`, { cx: heed(change.mean), cy: at, r: 5.5 }),
      ]),
    ];
  }

  /** The tokens, a column a step, the more color the more the acting token looks there. */
  drawStrip() {
    const cell = (this.width - MARGIN) / STEPS, look = this.shown.looks[this.layer], most = Math.max(...look);
    this.cells.forEach((rect, token) => {
      set(rect, { x: MARGIN + cell * Math.floor(token / 3) + 1, y: 18 * (token % 3) + 1, width: cell - 2, height: 16 });
      rect.style.fillOpacity = 0.12 + 0.88 * Math.sqrt(look[token] / most);
    });
    set(this.strip, { width: this.width, height: 74 });
    this.strip.replaceChildren(...this.cells,
      ...TYPES.map((type, row) => make("svg:text", { x: 0, y: 18 * row + 13 }, `${type}s`)),
      make("svg:text", { x: MARGIN, y: 68 }, "19 steps ago"),
      make("svg:text", { x: this.width, y: 68, "text-anchor": "end" }, "now"));
  }
}

/** Put the question in the place of its picture. @param {HTMLElement} figure of _includes/figure.html */
export async function start(figure) {
  const heed = new Heed();
  await seat(figure, heed.panel, CAPTION, (width) => heed.draw(width));
}
