/**
 * The worker in which everything runs: simulator, models, clock. The page only draws what it says.
 *
 * It is told `{seat: [name, ...]}`, a driver a lane, `{run: true}`, `{taken: true}` for each frame, `{restart: true}`, `{push: {name}}`,
 * `{drag: {lane, target}}` and `{torques}`. It says `{loaded}` in bytes, `{ready}` with what is drawn, `{seated}`, `{running}`,
 * `{began}` with how all stand, `{frame}` with what a control step did, and `{failed}`, a sentence.
 */
import { Drivers } from "./drivers.js";
import { World } from "./half_cheetah.js";
import { sentence } from "./reasons.js";
import { CONTROL_SECONDS, Session } from "./session.js";

const LANES = 4, PERIOD = 1000 * CONTROL_SECONDS, LATEST = 5 * PERIOD, AHEAD = 4;
let drivers, session, lanes, loaded = 0;

/** A file below assets/wheel/. Told bytes are those that travel. */
async function read(path) {
  const response = await fetch(new URL(path, import.meta.url)).catch(() => ({ status: "no answer" }));
  if (!response.ok) throw new Error(`assets/wheel/${path} could not be loaded (${response.status})`);
  const reader = response.body.getReader(), parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    loaded += part.value.length;
    postMessage({ loaded });
  }
  return new Blob(parts).arrayBuffer();
}

/** A gzipped file, unpacked; a server may have done so itself. */
async function unpack(path) {
  const bytes = await read(path), [first, second] = new Uint8Array(bytes, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function load() {
  const [wasmBinary, xml, starts, { default: loadMujoco }] = await Promise.all([
    unpack("mujoco.wasm.gz"), read("half_cheetah.xml"), read("starts.json"), import("./mujoco.js"),
  ]);
  const decode = (bytes) => new TextDecoder().decode(bytes);
  const mujoco = await loadMujoco({ wasmBinary, printErr: () => {} }); // it warns of its own model's total mass at every start
  const world = new World(mujoco, decode(xml));
  drivers = await Drivers.list(read);
  session = new Session(world, JSON.parse(decode(starts)), LANES);
  ({ lanes } = session); // all are made at once: the simulator's memory is not given back
  postMessage({ ready: { radii: world.radii } });
}

/** The clock: a control step every 50 ms, or as fast as the drivers can and the page, which says what it has taken, follows. */
const clock = {
  wanted: false,
  timer: null,
  ahead: 0, // frames that the page has not taken yet
  stalled: false, // whether it waits for the page

  set(wanted) {
    this.wanted = wanted;
    clearTimeout(this.timer);
    this.due = performance.now();
    if (wanted) this.tick();
    postMessage({ running: wanted });
  },

  tick() {
    this.stalled = this.ahead === AHEAD;
    if (this.stalled) return;
    try {
      if (session.over) begin();
      const frame = session.step();
      postMessage({ frame }, frame.map(({ poses }) => poses.buffer));
      this.ahead += 1;
    } catch (error) {
      this.set(false);
      postMessage({ failed: sentence(error) });
      return;
    }
    const now = performance.now();
    this.due = Math.max(this.due + PERIOD, now - LATEST);
    this.timer = setTimeout(() => this.tick(), Math.max(0, this.due - now));
  },

  /** The page has taken a frame: where that was waited for, go on. */
  follow() {
    this.ahead -= 1;
    if (this.stalled && this.wanted) this.tick();
  },
};

function begin() {
  session.restart();
  postMessage({ began: { asked: session.lanes.map((lane) => lane.asked ?? null), frames: session.look() } });
}

const ORDERS = {
  async seat(names) {
    const wanted = clock.wanted;
    clock.set(false);
    try {
      if (!session) await load();
      const seated = [];
      for (const name of names) seated.push(await drivers.make(name)); // one after the other: two may share a model
      session.lanes = lanes.slice(0, names.length);
      seated.forEach((driver, lane) => session.seat(lane, driver));
      begin();
      postMessage({ seated: names });
    } finally {
      if (wanted) clock.set(true);
    }
  },
  run: (wanted) => clock.set(wanted),
  taken: () => clock.follow(),
  restart: () => begin(),
  push: ({ name }) => session.lanes.forEach((lane) => lane.push(name)),
  drag: ({ lane, target }) => lanes[lane].drag(target),
  torques(torques) {
    for (const { policy } of session.lanes) if (policy.torques) policy.torques.set(torques);
  },
};

/** Orders are carried out one after the other. */
let last = Promise.resolve();
onmessage = ({ data }) => {
  for (const [order, told] of Object.entries(data)) {
    last = last.then(() => ORDERS[order](told)).catch((error) => postMessage({ failed: sentence(error) }));
  }
};
