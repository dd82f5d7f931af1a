/** The same files in node, where nothing is drawn: for tests, measurements and benchmarks. */
import { readFile } from "node:fs/promises";
import { World } from "../assets/wheel/half_cheetah.js";

const ROOT = new URL("../", import.meta.url), HERE = new URL("assets/wheel/", ROOT);
const MUJOCO = new URL("node_modules/@mujoco/mujoco/", ROOT);

/** A file as the site has it below assets/wheel/. */
export async function read(path) {
  const bytes = await readFile(new URL(path, path.startsWith("checkpoints/") ? ROOT : HERE));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** @returns {Promise<World>} */
export async function makeWorld() {
  const { default: load } = await import(new URL("mujoco.js", MUJOCO));
  const mujoco = await load({ wasmBinary: await readFile(new URL("mujoco.wasm", MUJOCO)), printErr: () => {} });
  return new World(mujoco, new TextDecoder().decode(await read("half_cheetah.xml")));
}

/** What a file of JSON holds. */
export async function readJson(path) {
  return JSON.parse(new TextDecoder().decode(await read(path)));
}
