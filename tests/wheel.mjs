// What the browser's modules compute, for tests in Python: `node tests/wheel.mjs` answers `[QUESTION, told]` with `{answer}` or
// `{error}`, all in JSON, line by line. Simulator and models are loaded once.
import { createInterface } from "node:readline";
import { Drivers } from "../assets/wheel/drivers.js";
import { HalfCheetah } from "../assets/wheel/half_cheetah.js";
import { plan } from "../assets/wheel/planning.js";
import { generator } from "../assets/wheel/random.js";
import { sentence } from "../assets/wheel/reasons.js";
import { parse } from "../assets/wheel/safetensors.js";
import { Lane, Session } from "../assets/wheel/session.js";
import { makeWorld, read, readJson } from "../wheel/node.mjs";

const world = await makeWorld(), drivers = await Drivers.list(read);

const QUESTIONS = {
  /** One control step from each state: observations, rewards, and the first pose. */
  async steps({ positions, velocities, actions }) {
    const cheetah = new HalfCheetah(world);
    return positions.map((each, place) => {
      cheetah.reset({ positions: each, velocities: velocities[place] });
      const { observation, reward, poses } = cheetah.step(Float32Array.from(actions[place]));
      return { observation: [...observation], reward, pose: [...poses.subarray(0, poses.length / 5)] };
    });
  },

  /** Torques and attention of a driver told what to see and what it earned, by episode. */
  async acts({ driver, asked, episodes }) {
    const { policy } = await drivers.make(driver);
    return episodes.map(({ observations, rewards }) => {
      policy.reset(asked, 0);
      const torques = observations.map((each, step) => [...policy.act(Float64Array.from(each), rewards[step])]);
      return { torques, attention: policy.attention ? policy.weights.map((weights) => [...weights]) : [] };
    });
  },

  /** Torques and attention of a Decision Transformer on whole contexts. */
  async contexts({ driver, contexts }) {
    const { policy: { model } } = await drivers.make(driver);
    return contexts.map(({ returns, states, actions, first }) => {
      const { torques, attention } = model.act({ returns, states, actions }, first);
      return { torques: [...torques], attention: attention.map((weights) => [...weights]) };
    });
  },

  /** Tokens of rows (row, dimension), and what tokens (row, dimension) decode to. */
  async bins({ values, tokens }) {
    const { policy: { model: { discretizer } } } = await drivers.make("tt_greedy");
    return { tokens: values.map((row) => discretizer.encode(row)), values: tokens.map((row) => discretizer.decode(row)) };
  },

  /** The best plan from an observation, as tokens after it, and the positions (state, 9) that are drawn of it. */
  async imagined({ driver, observation }) {
    const { policy } = await drivers.make(driver);
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
    const { policy } = await drivers.make(driver), { decoder, discretizer } = policy.model;
    return contexts.map(({ context, uniform }) => plan(
      decoder, discretizer, context, policy.search, (step, action, alternative, beam) => uniform[step][action][alternative][beam],
    ).tokens);
  },

  /** Totals of whole episodes. */
  async totals({ driver, starts, steps }) {
    const lane = new Lane(world), { policy, asked } = await drivers.make(driver);
    return (await readJson("starts.json")).slice(0, starts).map((start) => {
      lane.reset(policy, asked, start);
      for (let step = 0; step < steps; step++) lane.step();
      return lane.total;
    });
  },

  /** The least processor time, in milliseconds, of a driver's action and its control step, among some. */
  async times({ driver, steps }) {
    const lane = new Lane(world), { policy, asked } = await drivers.make(driver);
    lane.reset(policy, asked, (await readJson("starts.json"))[0]);
    const taken = Array.from({ length: 40 + steps }, () => {
      const began = process.cpuUsage().user;
      lane.step();
      return (process.cpuUsage().user - began) / 1000;
    });
    return Math.min(...taken.slice(-steps)); // of whole contexts, compiled code
  },

  /** The total after each step of an episode from the first start. */
  async paths({ driver, steps }) {
    const lane = new Lane(world), { policy, asked } = await drivers.make(driver);
    lane.reset(policy, asked, (await readJson("starts.json"))[0]);
    return Array.from({ length: steps }, () => lane.step().total);
  },

  /** How an error is told to the reader. */
  async sentences({ errors }) {
    const kinds = { Error, RangeError, TypeError };
    return errors.map(([kind, message]) => sentence(new kinds[kind](message)));
  },

  /** What each push, or a drag of three steps, does to a cheetah whose torques are 0: a force left, and its torso, by step. */
  async forces({ pushes, steps }) {
    const session = new Session(world, await readJson("starts.json"), 1), [lane] = session.lanes;
    session.seat(0, await drivers.make("you"));
    return pushes.map((push) => {
      session.next = 0;
      session.restart();
      if (push === "drag") lane.drag({ x: 1, z: 2 });
      else if (push !== "none") lane.push(push);
      return Array.from({ length: steps }, (_, step) => {
        session.step();
        if (push === "drag" && step === 2) lane.drag(null);
        return { left: lane.cheetah.data.xfrc_applied.some(Boolean), ...lane.cheetah.torso };
      });
    });
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

for await (const line of createInterface({ input: process.stdin })) {
  const [question, told] = JSON.parse(line);
  const answer = await QUESTIONS[question](told).then((found) => ({ answer: found }), (error) => ({ error: error.stack }));
  console.log(JSON.stringify(answer));
}
