/** A room of BabyAI seen from above, and where a plan leads in it. */
import { make, set } from "./shared.js";

const EMPTY = 1, WALL = 2, KEY = 5, BALL = 6, BOX = 7; // of minigrid's objects; a single room has no doors
const COLORS = ["red", "green", "blue", "purple", "yellow", "grey"];
const AHEAD = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // by direction: right, down, left, up
const [LEFT, RIGHT, FORWARD] = [0, 1, 2];

/**
 * Where the agent stands and looks, at first and after each action: [x, y, direction].
 * @param {number[][][]} cells [object, color] by column and row
 * @param {number[]} pose [x, y, direction]
 * @param {number[]} plan actions; a masked one, null, ends it
 */
export function walk(cells, pose, plan) {
  const way = [pose];
  for (const action of plan) {
    if (action === null) break;
    let [x, y, direction] = way.at(-1);
    if (action === LEFT) direction = (direction + 3) % 4;
    if (action === RIGHT) direction = (direction + 1) % 4;
    const [across, down] = AHEAD[direction];
    if (action === FORWARD && cells[x + across]?.[y + down]?.[0] === EMPTY) [x, y] = [x + across, y + down];
    way.push([x, y, direction]);
  }
  return way;
}

/** Whether the agent stands before the goal and looks at it. */
export function arrived([x, y, direction], [goalX, goalY]) {
  return x + AHEAD[direction][0] === goalX && y + AHEAD[direction][1] === goalY;
}

/** The room as a drawing, and `show(plan)`, which draws where that leads. */
export class Room {
  constructor({ cells, pose, goal }) {
    Object.assign(this, { cells, pose, goal });
    const side = cells.filter((column) => column.some(([object]) => object)).length;
    this.way = make("svg:g");
    this.drawing = make("svg:svg.touch-room", { viewBox: `0 0 ${side} ${side}`, role: "img" },
      ...cells.flatMap((column, x) => column.flatMap(([object, color], y) => this.cell(object, color, x, y))),
      make("svg:rect.touch-goal", { x: goal[0] + 0.06, y: goal[1] + 0.06, width: 0.88, height: 0.88, rx: 0.12 }),
      this.way);
  }

  cell(object, color, x, y) {
    if (!object) return [];
    const floor = make(`svg:rect.${object === WALL ? "touch-wall" : "touch-floor"}`, { x, y, width: 1, height: 1 });
    const kind = `touch-${COLORS[color]}`, line = (d) => make(`svg:path.touch-line.${kind}`, { d });
    if (object === KEY) {
      const ring = make(`svg:circle.touch-line.${kind}`, { cx: x + 0.5, cy: y + 0.31, r: 0.13 });
      return [floor, ring, line(`M${x + 0.5} ${y + 0.45}v.36h.16m-.16 -.14h.12`)];
    }
    if (object === BALL) return [floor, make(`svg:circle.${kind}`, { cx: x + 0.5, cy: y + 0.5, r: 0.28 })];
    if (object === BOX) return [floor, line(`M${x + 0.24} ${y + 0.24}h.52v.52h-.52zm0 .26h.52`)];
    return [floor];
  }

  show(plan) {
    const way = walk(this.cells, this.pose, plan);
    const agent = ([x, y, direction], kind) => make(`svg:path.${kind}`, {
      d: "M.32 0L-.24 .26V-.26z", transform: `translate(${x + 0.5} ${y + 0.5}) rotate(${90 * direction})`,
    });
    this.way.replaceChildren(
      make("svg:polyline.touch-way", { points: way.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" ") }),
      agent(way[0], "touch-agent"), agent(way.at(-1), "touch-end"));
    this.arrived = arrived(way.at(-1), this.goal);
    set(this.drawing, { "aria-label": `The room from above: the plan ends ${this.arrived ? "before its goal" : "elsewhere"}.` });
  }
}
