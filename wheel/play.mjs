// Whole episodes as the reader's browser plays them: `node wheel/play.mjs DRIVER EPISODES` prints one return a line.
import { Drivers } from "../assets/wheel/drivers.js";
import { EPISODE_STEPS, Lane } from "../assets/wheel/session.js";
import { makeWorld, read, readJson } from "./node.mjs";

const [name, episodes] = process.argv.slice(2);
const { policy, asked } = await (await Drivers.list(read)).make(name), lane = new Lane(await makeWorld());
for (const start of (await readJson("starts.json")).slice(0, Number(episodes))) {
  lane.reset(policy, asked, start);
  while (lane.steps < EPISODE_STEPS) lane.step();
  console.log(lane.total);
}
