/** Uniform numbers from a seed: xoshiro128** of Blackman & Vigna (2021, arXiv 1805.01407), seeded by a multiplicative hash. */

/**
 * @param {number} seed an integer
 * @returns {() => number} uniform numbers in [0, 1), with 32 random bits each
 */
export function generator(seed) {
  const rotate = (word, by) => (word << by) | (word >>> (32 - by));
  let hash = seed | 0;
  const state = Int32Array.from({ length: 4 }, () => {
    hash = (hash + 0x9e3779b9) | 0;
    const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  });
  return () => {
    const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9), shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 11);
    return (result >>> 0) / 2 ** 32;
  };
}
