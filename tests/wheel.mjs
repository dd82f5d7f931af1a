// What the browser's modules compute, for tests in Python: `node tests/wheel.mjs QUESTION` with JSON on stdin and on stdout.
import { readFileSync } from "node:fs";
import { Drivers } from "../assets/wheel/drivers.js";
import { HalfCheetah } from "../assets/wheel/half_cheetah.js";
import { plan } from "../assets/wheel/planning.js";
import { generator } from "../assets/wheel/random.js";
import { sentence } from "../assets/wheel/reasons.js";
import { parse } from "../assets/wheel/safetensors.js";
import { Lane, Session } from "../assets/wheel/session.js";
import { makeWorld, read, readJson } from "../wheel/node.mjs";

const QUESTIONS = {
  /** One control step from each state: observations, rewards, and the first pose. */
  async steps({ positions, velocities, actions }) {
    const cheetah = new HalfCheetah(await makeWorld());
    return positions.map((each, place) => {
      cheetah.reset({ positions: each, velocities: velocities[place] });
      const { observation, reward, poses } = cheetah.step(Float32Array.from(actions[place]));
      return { observation: [...observation], reward, pose: [...poses.subarray(0, poses.length / 5)] };
    });
  },

  /** Torques and attention of a driver told what to see and what it earned, by episode. */
  async acts({ driver, asked, episodes }) {
    const { policy } = await (await Drivers.list(read)).make(driver);
    return episodes.map(({ observations, rewards }) => {
      policy.reset(asked, 0);
      const torques = observations.map((each, step) => [...policy.act(Float64Array.from(each), rewards[step])]);
      return { torques, attention: policy.attention ? policy.weights.map((weights) => [...weights]) : [] };
    });
  },

  /** Torques and attention of a Decision Transformer on whole contexts. */
  async contexts({ driver, contexts }) {
    const { policy: { model } } = await (await Drivers.list(read)).make(driver);
    return contexts.map(({ returns, states, actions, first }) => {
      const { torques, attention } = model.act({ returns, states, actions }, first);
      return { torques: [...torques], attention: attention.map((weights) => [...weights]) };
    });
  },

  /** Tokens of rows (row, dimension), and what tokens (row, dimension) decode to. */
  async bins({ values, tokens }) {
    const { policy: { model: { discretizer } } } = await (await Drivers.list(read)).make("tt_greedy");
    return { tokens: values.map((row) => discretizer.encode(row)), values: tokens.map((row) => discretizer.decode(row)) };
  },

  /** The best plan from an observation, as tokens after it, and the positions (state, 9) that are drawn of it. */
  async imagined({ driver, observation }) {
    const { policy } = await (await Drivers.list(read)).make(driver);
    policy.reset(undefined, 100);
    policy.act(Float64Array.from(observation), 0);
    return { best: policy.best, states: policy.imagined() };
  },

  /** Uniform numbers of each seed. */
  async uniform({ seeds, count }) {
    return seeds.map((seed) => Array.from({ length: count }, generator(seed)));
  },

  /** Plans (context, beam, time), given the uniform numbers (step, action, alternative, beam). */
  async plans({ driver, contexts }) {
    const { policy } = await (await Drivers.list(read)).make(driver), { decoder, discretizer } = policy.model;
    return contexts.map(({ context, uniform }) => plan(
      decoder, discretizer, context, policy.search, (step, action, alternative, beam) => uniform[step][action][alternative][beam],
    ).tokens);
  },

  /** Totals of whole episodes. */
  async totals({ driver, starts, steps }) {
    const lane = new Lane(await makeWorld()), { policy, asked } = await (await Drivers.list(read)).make(driver);
    return (await readJson("starts.json")).slice(0, starts).map((start) => {
      lane.reset(policy, asked, start);
      for (let step = 0; step < steps; step++) lane.step();
      return lane.total;
    });
  },

  /** The total after each step of an episode from the first start. */
  async paths({ driver, steps }) {
    const lane = new Lane(await makeWorld()), { policy, asked } = await (await Drivers.list(read)).make(driver);
    lane.reset(policy, asked, (await readJson("starts.json"))[0]);
    return Array.from({ length: steps }, () => lane.step().total);
  },

  /** How an error is told to the reader. */
  async sentences({ errors }) {
    const kinds = { Error, RangeError };
    return errors.map(([kind, message]) => sentence(new kinds[kind](message)));
  },

  /** What a push, or a drag of three steps, does to a cheetah whose torques are 0: a force left, and its torso, by step. */
  async forces({ push, steps }) {
    const session = new Session(await makeWorld(), await readJson("starts.json"), 1);
    session.seat(0, await (await Drivers.list(read)).make("you"));
    session.restart();
    const [lane] = session.lanes, left = () => lane.cheetah.data.xfrc_applied.some(Boolean);
    if (push === "drag") lane.drag({ x: 1, z: 2 });
    else if (push !== "none") lane.push(push);
    const found = [];
    for (let step = 0; step < steps; step++) {
      session.step();
      found.push({ left: left(), ...lane.cheetah.torso });
      if (push === "drag" && step === 2) lane.drag(null);
    }
    return found;
  },

  /** What a module of WebAssembly wants of its surroundings. */
  async imports({ file }) {
    return WebAssembly.Module.imports(new WebAssembly.Module(await read(file)));
  },

  /** Shapes and first values of a checkpoint's tensors. */
  async tensors({ checkpoint }) {
    const tensors = parse(await read(`checkpoints/${checkpoint}/model.safetensors`));
    return Object.fromEntries([...tensors].map(([name, { shape, values }]) => [name, { shape, values: [...values.slice(0, 9)] }]));
  },
};

const answer = await QUESTIONS[process.argv[2]](JSON.parse(readFileSync(0, "utf8")));
process.stdout.write(JSON.stringify(answer));
