/**
 * Decoding with a Trajectory Transformer: reading on from where it stopped, many beams of one episode at once.
 *
 * This is pipeline/methods/trajectory_transformer/decoding.py for a single episode: what beams share is kept once, what they read since lies in blocks
 * of a transition each, and a table says which blocks a beam reads. The layers are the same decoding.c.
 */
import { filled, linear, norm, pack } from "./packing.js";

const MOST_LANES = 16, MOST_TOGETHER = 8; // as the kernel is compiled (pipeline/wheel/kernels.py)
const roundUp = (count, to) => Math.ceil(count / to) * to;

/** Keys and values of tokens already read, and the position of the token that comes next. */
class Cache {
  /** @param {{keys: object, values: object, blocks: number}} room keys and values (layer, block, slot, head, size) */
  constructor(room, beams, time, position) {
    Object.assign(this, room, { time, position, filled: 0, alternatives: 1 });
    this.padded = roundUp(time, MOST_LANES);
    this.table = Array.from({ length: beams }, () => []); // (beam, column), the blocks each beam reads
  }
}

export class Decoder {
  /**
   * @param {import("./kernel.js").Kernel} kernel trajectory_transformer.wasm
   * @param {Map} tensors of the checkpoint
   * @param {object} config of the checkpoint
   * @param {{beams: number, expansion: number, horizon: number, context: number}} most of any search: memory is taken once
   */
  constructor(kernel, tensors, config, most) {
    const { n_embd: width, n_layer: layers, n_head: heads, transition_dim: dimensions, vocab_size: bins } = config;
    Object.assign(this, { kernel, config, slots: dimensions - 1, outputs: filled(bins + 1, kernel.panel) });
    this.embeddings = tensors.get("tok_emb.weight").values;
    this.positions = tensors.get("pos_emb").values;
    const rows = Math.max(most.context * dimensions + config.observation_dim, most.beams * most.expansion);
    const reals = (length) => kernel.allocate(Float32Array, length);
    const integers = (length) => kernel.allocate(BigInt64Array, length);
    const blocksOf = (blocks) => {
      const length = layers * blocks * this.slots * width;
      return { blocks, keys: reals(length), values: reals(length) };
    };
    const maps = Array.from({ length: layers }, (_, layer) => layerMaps(tensors, `blocks.${layer}`, config));
    this.layers = this.fill(pack(maps.flat(), kernel.panel));
    this.heads = this.fill(pack(headMaps(tensors, config), kernel.panel));
    this.first = blocksOf(Math.ceil(rows / this.slots));
    this.own = blocksOf((most.horizon + most.expansion) * most.beams);
    this.shared = { keys: reals(layers * width * roundUp(rows, MOST_LANES)), values: reals(layers * width * rows) };
    this.x = reals(rows * width);
    this.logits = reals(rows * this.outputs);
    this.normal = reals(width);
    this.scratch = reals(5 * rows * width + MOST_TOGETHER * heads * (2 * roundUp(config.block_size, MOST_LANES) + 1));
    this.table = integers(most.beams * most.expansion * Math.max(this.first.blocks, most.horizon + 1));
    this.order = integers(most.beams * most.expansion);
    this.slot = integers(rows);
    this.seen = integers(rows);
  }

  fill(numbers) {
    const region = this.kernel.allocate(Float32Array, numbers.length);
    region.view.set(numbers);
    return region;
  }

  /**
   * Read tokens that all beams share, and let `beams` go on from there.
   * @param {number[]} tokens (time,), at least one
   * @returns {Cache} the logits (1, token) of the next token lie in `this.logits`
   */
  begin(tokens, beams) {
    const cache = new Cache(this.first, 1, 0, 0);
    this.extend(cache, [tokens]);
    const begun = new Cache(this.own, beams, cache.filled, tokens.length);
    this.share(cache, begun.padded);
    return begun;
  }

  /** Lay the keys and values of a cache of one beam out as decoding.c reads shared ones: of keys, tokens side by side. */
  share({ keys: { view: keys }, values: { view: values }, blocks, filled: time }, padded) {
    const { n_layer: layers, n_head: heads, n_embd: width } = this.config, size = width / heads;
    const sharedKeys = this.shared.keys.view, sharedValues = this.shared.values.view;
    for (let row = 0; row < layers * heads; row++) {
      const layer = Math.floor(row / heads), head = row % heads;
      for (let token = 0; token < time; token++) {
        const from = ((layer * blocks * this.slots + token) * heads + head) * size;
        for (let place = 0; place < size; place++) sharedKeys[(row * size + place) * padded + token] = keys[from + place];
        sharedValues.set(values.subarray(from, from + size), (row * time + token) * size);
      }
      for (let place = 1; place <= size; place++) {
        const end = (row * size + place) * padded;
        sharedKeys.fill(0, end - padded + time, end);
      }
    }
  }

  /** Let each beam read tokens (beam, time); logits (beam, token) after the last lie in `this.logits`. */
  extend(cache, tokens) {
    const time = tokens[0].length, width = this.config.n_embd;
    this.read(cache, tokens);
    const dimension = (cache.position - 1) % this.config.transition_dim, size = this.outputs * (width + 1);
    const last = this.x.address + 4 * (time - 1) * width, head = this.heads.address + 4 * dimension * size;
    this.kernel.exports.head(last, head, this.logits.address, this.normal.address, tokens.length, time * width, this.outputs);
  }

  /** Let each alternative of each beam read one token, (beam, alternative), no value; logits (beam · alternative, token). */
  branch(cache, tokens) {
    const count = tokens[0].length;
    if (cache.alternatives !== count) {
      cache.table = cache.table.flatMap((chain) => Array.from({ length: count }, () => [...chain]));
      cache.alternatives = count;
      this.part(cache);
    }
    this.extend(cache, tokens.flat().map((token) => [token]));
  }

  /** Go on with chosen alternatives, numbered through all beams' (beam · alternatives + alternative), in that order. */
  keep(cache, chosen) {
    cache.table = chosen.map((each) => [...cache.table[each]]);
    cache.alternatives = 1;
    if (new Set(chosen).size < chosen.length) this.part(cache); // two beams may not go on writing to one block
  }

  /** Give every beam a last block of its own: a copy, unless it is full. */
  part(cache) {
    if (cache.filled % this.slots === 0) return;
    const last = cache.table.map((chain) => chain.pop());
    this.open(cache);
    const size = this.slots * this.config.n_embd;
    for (const { view } of [cache.keys, cache.values]) {
      for (let layer = 0; layer < this.config.n_layer; layer++) {
        const at = (block) => (layer * cache.blocks + block) * size;
        const copies = last.map((block) => view.slice(at(block), at(block + 1))); // all before any is written over
        copies.forEach((copy, beam) => view.set(copy, at(cache.table[beam].at(-1))));
      }
    }
  }

  /** Begin a new block for every beam: one that no beam reads. */
  open(cache) {
    const read = new Set(cache.table.flat());
    let block = 0;
    for (const chain of cache.table) {
      while (read.has(block)) block += 1;
      if (block === cache.blocks) throw new Error("the decoder's blocks do not suffice for this search");
      chain.push(block);
      block += 1;
    }
  }

  /** All layers for tokens (beam, time); the last one's output (beam · time, width) lies in `this.x`. */
  read(cache, tokens) {
    const { config } = this, time = tokens[0].length, beams = tokens.length, first = cache.position;
    if (first + time > config.block_size) {
      throw new Error(`position ${first + time - 1} lies beyond the ${config.block_size} that the model has`);
    }
    this.embed(tokens, first);
    const slot = this.slot.view, seen = this.seen.view;
    for (let token = 0; token < time; token++) {
      const kept = (first + token + 1) % config.transition_dim !== 0;
      slot[token] = BigInt(kept ? cache.filled : -1);
      cache.filled += kept;
      seen[token] = BigInt(cache.filled);
    }
    cache.position += time;
    while (cache.table[0].length * this.slots < cache.filled) this.open(cache);
    this.table.view.set(cache.table.flat().map(BigInt));
    this.order.view.set(readingOrder(cache.table).map(BigInt));
    const { shared } = this, regions = [
      this.x, this.layers, shared.keys, shared.values, cache.keys, cache.values, this.table, this.order, this.slot, this.seen,
      this.scratch,
    ];
    const sizes = [config.n_layer, 1, beams, time, cache.time, cache.padded, cache.blocks, cache.table[0].length];
    this.kernel.exports.decode(...regions.map(({ address }) => address), ...sizes.map(BigInt));
  }

  /** Embeddings (beam · time, width): each dimension has bins of its own, and all have one stop token. */
  embed(tokens, first) {
    const { vocab_size: bins, transition_dim: dimensions, n_embd: width } = this.config, x = this.x.view;
    tokens.forEach((row, beam) => row.forEach((token, time) => {
      const position = first + time, at = (beam * row.length + time) * width;
      const from = (token === bins ? bins * dimensions : (position % dimensions) * bins + token) * width;
      for (let place = 0; place < width; place++) {
        x[at + place] = this.embeddings[from + place] + this.positions[position * width + place];
      }
    }));
  }
}

/** Beams so ordered that those which read the same blocks are neighbors. */
function readingOrder(table) {
  const compare = (one, other) => {
    const column = table[one].findIndex((block, place) => block !== table[other][place]);
    return column < 0 ? one - other : table[one][column] - table[other][column];
  };
  return table.map((_, beam) => beam).sort(compare);
}

/** A layer's four maps; queries come out scaled by the root of a head's size. */
function layerMaps(tensors, name, { n_embd: width, n_head: heads }) {
  const scale = (width / heads) ** -0.5;
  const parts = ["query", "key", "value"].map((part) => linear(tensors, `${name}.attn.${part}`, part === "query" ? scale : 1));
  const stacked = {
    inputs: width, outputs: 3 * width,
    weight: (output, input) => parts[Math.floor(output / width)].weight(output % width, input),
    bias: (output) => parts[Math.floor(output / width)].bias(output % width),
  };
  return [
    { ...stacked, norm: norm(tensors, `${name}.ln1`) },
    linear(tensors, `${name}.attn.proj`),
    { ...linear(tensors, `${name}.l1`), norm: norm(tensors, `${name}.ln2`) },
    linear(tensors, `${name}.l2`),
  ];
}

/** The head of each dimension, (outputs, width) without a bias, after the last normalization. */
function headMaps(tensors, { transition_dim: dimensions, vocab_size: bins, n_embd: width }) {
  const { values } = tensors.get("head.weight"), last = norm(tensors, "ln_f"), outputs = bins + 1;
  return Array.from({ length: dimensions }, (_, dimension) => ({
    inputs: width, outputs, norm: last,
    weight: (output, input) => values[(dimension * outputs + output) * width + input],
  }));
}
