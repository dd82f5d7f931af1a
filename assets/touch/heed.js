/** Look or heed? The reader guesses which tokens move the action; then what attention shows stands beside what exchanging them does. */
import data from "./heed.data.js";
import { choice, make, seat, set, written } from "./shared.js";

const TYPES = ["return", "state", "action"], STEPS = 20, TOKENS = 59; // the acting token is the last one, the latest state
const LEAST = 0.01, MOST = 1000, TICKS = [0.01, 1, 100, 1000]; // thousandths of full torque
const ROW = 34, HEAD = 24, RIGHT = 14; // CSS pixels

/** What can be exchanged: its name, its type, what the evidence calls it, and whether it has that token. */
const GROUPS = [
  ["the 20 returns", "return", "returns_swapped", (token) => token % 3 === 0],
  ["the 20 states", "state", "states_swapped", (token) => token % 3 === 1],
  ["the 19 actions", "action", "actions_swapped", (token) => token % 3 === 2],
  ["the latest return", "return", "latest_return_swapped", (token) => token === TOKENS - 2],
  ["the latest state", "state", "latest_state_swapped", (token) => token === TOKENS - 1],
  ["all but the latest state", null, "all_but_latest_state_swapped", (token) => token !== TOKENS - 1],
];

const CAPTION = `Left: attention that state tokens, where actions are predicted, give to each type of token; to single tokens, that the acting token gives.
  Dotted: uniform attention under the causal mask. Right: how far the action moves, root mean square of six torques, on a logarithmic axis. Lines: 95% t-intervals over ${data.contexts} contexts.`;

class Heed {
  constructor() {
    Object.assign(this, { layer: 1, model: "trained", guess: null, swapped: null });
    this.cells = [...Array(TOKENS).keys()].map((token) => make("svg:rect", { rx: 1.5, class: `touch-${TYPES[token % 3]}`, click: () => this.swap(token % 3 + (token > TOKENS - 3 ? 3 : 0)) }));
    this.strip = make("svg:svg.touch-strip", { "aria-hidden": "true" }, ...this.cells);
    this.guesses = make("div.touch-choice", { role: "group", "aria-label": "Your guess" },
      ...TYPES.map((type, place) => make(`button.touch-${type}`, { type: "button", click: () => this.answer(place) }, GROUPS[place][0])));
    this.rows = GROUPS.map(([name, type], place) => make(`button.touch-row${type ? `.touch-${type}` : ""}`, {
      type: "button", click: () => this.swap(place), mouseenter: () => this.swap(place), "aria-pressed": "false",
    }, make("span.touch-label", {}, name)));
    this.plot = make("svg:svg.touch-plot", { "aria-hidden": "true" });
    this.table = make("div.touch-rows", {}, this.plot, ...this.rows);
    this.told = make("p.touch-told", { role: "status" });
    this.panel = make("div.touch-panel", {},
      make("p.touch-lead", {}, make("b", {}, "Look or heed? "), "Take one kind of token from another context. Which moves the action most?"),
      this.guesses,
      make("div.touch-controls", {},
        choice("Where it looks, layer", ["1", "2", "3"], this.layer, (layer) => { this.layer = layer; this.draw(); }),
        choice("Weights", ["trained", "first"], 0, (index) => { this.model = ["trained", "untrained"][index]; this.draw(); })),
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

  /** Exchange a group: its tokens turn, and its line says how far the action moves. */
  swap(place, answered = false) {
    if (this.guess === null || (place === this.swapped && !answered && this.verdict)) return;
    this.swapped = place;
    const [name, , , holds] = GROUPS[place], { mean, low, high } = this.change(place), { mean: share } = this.share(place);
    this.cells.forEach((cell, token) => cell.classList.toggle("swapped", holds(token)));
    this.rows.forEach((row, at) => set(row, { "aria-pressed": String(at === place) }));
    this.verdict = answered;
    const exact = (value) => written(value, mean < 10 ? 2 : 0);
    this.told.replaceChildren(...(answered ? this.judged() : [
      `Exchange ${name}, `, make("b", {}, `${written(100 * share)}% of the attention`), place < TYPES.length ? "" : " of the token that acts", ": the action moves by ",
      make("b", {}, exact(mean)), " thousandths of full torque ", make("span.touch-fine", {}, `(95% interval ${exact(low)} to ${exact(high)}; ${data.contexts} contexts)`), "."]));
  }

  /** Whether the guess was right, and by how much. */
  judged() {
    const moved = TYPES.map((_, place) => this.change(place).mean), most = moved.indexOf(Math.max(...moved)), other = most === this.guess ? 0 : this.guess;
    const amount = (place) => make("b", {}, written(moved[place], moved[place] < 10 ? 2 : 0));
    return [`${most === this.guess ? "Right" : "Not those"}: exchanging ${GROUPS[most][0]} moves the action by `, amount(most), ` thousandths of full torque, exchanging ${GROUPS[other][0]} by `, amount(other), "."];
  }

  /** All that hangs on layer, model and width. */
  draw(width = this.width) {
    this.width = width;
    this.drawStrip();
    const label = Math.min(170, width * 0.36), gap = width < 480 ? 26 : 40, half = (width - label - gap - RIGHT) / 2;
    const look = (share) => label + share * half, heed = (change) => label + half + gap + half * (Math.log10(Math.max(LEAST, change) / LEAST) / Math.log10(MOST / LEAST));
    const height = HEAD + ROW * GROUPS.length + 26, bottom = HEAD + ROW * GROUPS.length;
    const marks = GROUPS.flatMap(([, type], place) => {
      const share = this.share(place), change = this.change(place), at = HEAD + ROW * (place + 0.5), kind = type ? `.touch-${type}` : "";
      const error = (x, { low, high }) => low === undefined ? [] : [make(`svg:line.touch-error${kind}`, { x1: x(low), x2: x(high), y1: at, y2: at })];
      return [
        make(`svg:rect.touch-bar${kind}`, { x: label, y: at - 7, height: 14, width: Math.max(1, look(share.mean) - label) }), ...error(look, share),
        ...(this.guess === null ? [] : [make("svg:line.touch-stem", { x1: heed(LEAST), x2: heed(change.mean), y1: at, y2: at }), ...error(heed, change),
          make(`svg:circle.touch-moved${kind}`, { cx: heed(change.mean), cy: at, r: 5.5 })]),
      ];
    });
    const grid = [
      ...(width < 480 ? [0, 0.5] : [0, 0.5, 1]).map((share) => [look(share), `${100 * share}%`]),
      ...TICKS.slice(0, width < 480 ? 3 : 4).map((tick) => [heed(tick), written(tick, tick < 1 ? 2 : 0)]),
    ].flatMap(([x, name]) => [make("svg:line.touch-grid", { x1: x, x2: x, y1: HEAD, y2: bottom }), make("svg:text", { x, y: bottom + 16, "text-anchor": "middle" }, name)]);
    const even = Object.entries(data.uniform).map(([type, share]) => {
      const at = HEAD + ROW * TYPES.indexOf(type);
      return make("svg:line.touch-even", { x1: look(share), x2: look(share), y1: at + 6, y2: at + ROW - 6 });
    });
    const heads = [[label, "it looks: attention"], [heed(LEAST), width < 480 ? "it heeds: ‰" : "it heeds: ‰ of full torque"]];
    const ask = this.guess === null ? [make("svg:text", { x: heed(LEAST) + half / 2, y: HEAD + ROW * 3 + 4, "text-anchor": "middle" }, "your guess first")] : [];
    set(this.plot, { width, height });
    this.plot.replaceChildren(...grid, ...marks, ...even, ...ask, ...heads.map(([x, text]) => make("svg:text.touch-head", { x, y: 12 }, text)));
    this.table.style.setProperty("--label", `${label}px`);
    if (this.swapped !== null) this.swap(this.swapped, this.verdict);
  }

  /** The tokens, a column a step, the more color the more the acting token looks there. */
  drawStrip() {
    const left = 54, cell = (this.width - left) / STEPS, look = this.shown.looks[this.layer], most = Math.max(...look);
    this.cells.forEach((rect, token) => {
      set(rect, { x: left + cell * Math.floor(token / 3) + 1, y: 18 * (token % 3) + 1, width: cell - 2, height: 16 });
      rect.style.fillOpacity = 0.12 + 0.88 * Math.sqrt(look[token] / most);
    });
    const words = TYPES.map((type, row) => make("svg:text", { x: 0, y: 18 * row + 13 }, `${type}s`));
    const times = [["19 steps ago", left, "start"], ["now", this.width, "end"]].map(([text, x, anchor]) => make("svg:text", { x, y: 68, "text-anchor": anchor }, text));
    set(this.strip, { width: this.width, height: 74 });
    this.strip.replaceChildren(...this.cells, ...words, ...times);
  }
}

/** Put the question in the place of its picture. @param {HTMLElement} figure of _includes/figure.html */
export async function start(figure) {
  const heed = new Heed();
  await seat(figure, heed.panel, CAPTION, (width) => heed.draw(width));
}
