/** Weights as the kernels read them. */

/** @returns {number} the outputs of a map, filled up to whole panels */
export const filled = (outputs, panel) => Math.ceil(outputs / panel) * panel;

/**
 * One linear map.
 * @typedef {object} LinearMap
 * @property {number} inputs
 * @property {number} outputs
 * @property {(output: number, input: number) => number} weight
 * @property {(output: number) => number} [bias] 0 where it is left out
 * @property {{gain: Float32Array, offset: Float32Array}} [norm] what a normalization before the map multiplies by and adds
 */

/**
 * Maps one after the other, each as `map` in decoding.c takes it: weights (output / panel, input, panel), then biases. What a
 * normalization multiplies by and adds becomes part of the map; outputs are filled up with zeros.
 * @param {(LinearMap | Float32Array)[]} parts an array is taken as it is
 * @param {number} panel outputs that lie side by side, see Kernel
 * @returns {Float32Array}
 */
export function pack(parts, panel) {
  const packed = parts.map((part) => (part instanceof Float32Array ? part : packMap(part, panel)));
  const all = new Float32Array(packed.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of packed) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function packMap({ inputs, outputs, weight, bias = () => 0, norm }, width) {
  const rows = filled(outputs, width), packed = new Float32Array(rows * (inputs + 1));
  for (let output = 0; output < outputs; output++) {
    const panel = Math.floor(output / width) * width * inputs + (output % width);
    let constant = bias(output);
    for (let input = 0; input < inputs; input++) {
      const factor = weight(output, input);
      packed[panel + input * width] = norm ? factor * norm.gain[input] : factor;
      if (norm) constant += factor * norm.offset[input];
    }
    packed[rows * inputs + output] = constant;
  }
  return packed;
}

/**
 * A map of torch's nn.Linear: weights (output, input).
 * @param {Map} tensors of a checkpoint
 * @param {string} name of the layer
 * @returns {LinearMap}
 */
export function linear(tensors, name, scale = 1) {
  const { shape: [outputs, inputs], values } = tensors.get(`${name}.weight`), bias = tensors.get(`${name}.bias`)?.values;
  return {
    inputs, outputs,
    weight: (output, input) => scale * values[output * inputs + input],
    bias: (output) => (bias ? scale * bias[output] : 0),
  };
}

/** A layer's gain and offset of normalization. */
export const norm = (tensors, name) => ({
  gain: tensors.get(`${name}.weight`).values, offset: tensors.get(`${name}.bias`).values,
});
