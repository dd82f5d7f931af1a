/**
 * Planning by beam search in a Trajectory Transformer, as methods/trajectory_transformer/planning.py does it for many episodes.
 * Source: Janner et al. 2021 (arXiv 2106.02039), section 4.3 and algorithm 1.
 *
 * For each transition ahead, every beam is tried with `expansion` draws of an action; the likeliest reward and value end the
 * transition; all are scored by expected rewards and the expected value at their end; the best go on, and their next
 * observation is the likeliest one. Numbers are rounded to single precision where the pipeline's are: draws fall alike.
 */

/**
 * @typedef {object} Search
 * @property {number} beams kept after each transition
 * @property {number} horizon transitions ahead
 * @property {number} expansion actions drawn for each beam
 * @property {number} context transitions of the past that the model sees
 * @property {number} cdf tokens of an action are dropped while their probabilities, from the smallest, sum to less
 */

const DISCOUNT = 0.99;
const { fround } = Math;

/**
 * @param {import("./decoding.js").Decoder} decoder
 * @param {import("./discretization.js").Discretizer} discretizer
 * @param {number[]} context (time,) tokens: the last transitions, then the present observation
 * @param {Search} search
 * @param {(step: number, action: number, alternative: number, beam: number) => number} uniform in [0, 1)
 * @returns {{tokens: number[][], scores: number[]}} of the last beams, the best first: tokens (beam, time) after the context
 */
export function plan(decoder, discretizer, context, search, uniform) {
  const { beams, horizon, expansion } = search, { observation_dim } = decoder.config;
  const cache = decoder.begin(context, beams);
  let plans = Array.from({ length: beams }, () => ({ tokens: [], earned: 0, score: 0 }));
  let logits = Array.from({ length: beams }, () => rowOf(decoder, 0));
  for (let step = 0; step < horizon; step++) {
    const tried = act(decoder, discretizer, cache, logits, search, (...which) => uniform(step, ...which));
    const parents = tried.map((_, each) => plans[Math.floor(each / expansion)]);
    const totals = tried.map(({ reward }, each) => fround(parents[each].earned + discounted(reward, step)));
    const outlook = tried.map(({ value }, each) => fround(totals[each] + discounted(value, step + 1)));
    const best = tried.map((_, each) => each).sort((one, other) => (
      outlook[other] - outlook[one] || (one % expansion) - (other % expansion) || one - other
    )).slice(0, beams);
    plans = best.map((each) => ({
      tokens: [...parents[each].tokens, ...tried[each].tokens], earned: totals[each], score: outlook[each],
    }));
    if (step + 1 === horizon) break;
    decoder.keep(cache, best);
    decoder.extend(cache, plans.map(({ tokens }) => [tokens.at(-1)]));
    for (let dimension = 0; dimension < observation_dim; dimension++) {
      plans.forEach(({ tokens }, beam) => tokens.push(likeliest(rowOf(decoder, beam))));
      decoder.extend(cache, plans.map(({ tokens }) => [tokens.at(-1)]));
    }
    logits = plans.map((_, beam) => rowOf(decoder, beam));
  }
  return { tokens: plans.map(({ tokens }) => tokens), scores: plans.map(({ score }) => score) };
}

/** A reward or value so many transitions ahead, as it counts now. */
function discounted(number, steps) {
  return fround(fround(DISCOUNT ** steps) * number);
}

/** A row (token,) of the decoder's logits, which are written over at the next reading. */
function rowOf({ logits, outputs, config }, row) {
  return logits.view.slice(row * outputs, row * outputs + config.vocab_size + 1);
}

/** Every beam's alternatives for the rest of a transition, (beam · expansion,): their tokens, expected reward and value. */
function act(decoder, discretizer, cache, logits, { beams, expansion, cdf }, uniform) {
  const { action_dim, transition_dim } = decoder.config, rows = beams * expansion;
  const tokens = Array.from({ length: rows }, () => []);
  const branch = (chosen) => {
    chosen.forEach((token, row) => tokens[row].push(token));
    decoder.branch(cache, Array.from({ length: beams }, (_, beam) => chosen.slice(beam * expansion, (beam + 1) * expansion)));
    return chosen.map((_, row) => rowOf(decoder, row));
  };
  let next = tokens.map((_, row) => logits[Math.floor(row / expansion)]);
  for (let action = 0; action < action_dim; action++) {
    next = branch(probabilities(decoder, next).map((each, row) => (
      sample(each, uniform(action, row % expansion, Math.floor(row / expansion)), cdf)
    )));
  }
  const rewards = probabilities(decoder, next).map((each) => expected(each, discretizer.middles(transition_dim - 2)));
  next = branch(next.map(likeliest));
  const values = probabilities(decoder, next).map((each) => expected(each, discretizer.middles(transition_dim - 1)));
  return tokens.map((row, each) => ({ tokens: [...row, likeliest(next[each])], reward: rewards[each], value: values[each] }));
}

/** Softmax of logits (row, token), in the kernel: the engine's own exponential must not decide an action. */
function probabilities(decoder, logits) {
  const { kernel, logits: region, outputs, config } = decoder, view = region.view;
  logits.forEach((row, place) => view.set(row, place * outputs));
  kernel.exports.softmax(region.address, logits.length, outputs, config.vocab_size + 1);
  return logits.map((_, row) => rowOf(decoder, row));
}

/** The first of the greatest. */
function likeliest(logits) {
  return logits.indexOf(logits.reduce((one, other) => Math.max(one, other)));
}

/** Expectation under probabilities (bins + 1,); the stop token's mass is dropped, the rest not renormalized. */
function expected(probabilities, middles) {
  return fround(middles.reduce((sum, middle, bin) => sum + middle * probabilities[bin], 0));
}

/**
 * A token by inversion of a uniform number, unlikely tokens dropped: probabilities are summed from the smallest, and all tokens
 * no likelier than the last one before the sum reaches `cdf` are left out
 * (jannerm/trajectory-transformer:trajectory/search/sampling.py, `filter_cdf`). Where that is all of them, all stay.
 * @param {Float32Array} probabilities (token,)
 */
export function sample(probabilities, uniform, cdf) {
  const ascending = probabilities.slice().sort(), count = ascending.length;
  const below = cumulative(ascending).reduce((found, sum) => found + (sum < fround(cdf)), 0);
  const floor = below ? ascending[Math.min(below - 1, count - 2)] : -1;
  const kept = floor < ascending[count - 1] ? probabilities.map((each) => (each > floor ? each : 0)) : probabilities;
  const sums = cumulative(kept), total = sums[count - 1];
  const goal = Math.min(fround(fround(uniform) * total), beneath(total)); // a number that rounds to 1 must not fall off the end
  return sums.findIndex((sum) => sum > goal);
}

/** Sums up to each number, in double precision, each rounded. */
function cumulative(numbers) {
  let sum = 0;
  return numbers.map((number) => (sum += number));
}

/** The greatest number of single precision below a positive one. */
function beneath(number) {
  const bits = new Int32Array(Float32Array.of(number).buffer);
  bits[0] -= 1;
  return new Float32Array(bits.buffer)[0];
}
