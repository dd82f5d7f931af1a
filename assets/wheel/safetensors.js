/** Tensors of a .safetensors file: 8 bytes that say how long the header is, the header in JSON, the numbers. */

const TYPES = { F32: Float32Array, F64: Float64Array };

/**
 * @param {ArrayBuffer} buffer a whole file
 * @returns {Map<string, {shape: number[], values: Float32Array | Float64Array}>} by name; half precision is widened
 * @throws {Error} the file is cut short, is no safetensors, or holds another type of number
 */
export function parse(buffer) {
  if (buffer.byteLength < 8) throw new Error("a checkpoint's file is cut short");
  const start = 8 + Number(new DataView(buffer).getBigUint64(0, true));
  if (start > buffer.byteLength) throw new Error("a checkpoint's file is cut short, or no safetensors");
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, start - 8)));
  delete header.__metadata__;
  return new Map(Object.entries(header).map(([name, { dtype, shape, data_offsets: [first, last] }]) => {
    if (start + last > buffer.byteLength) throw new Error("a checkpoint's file is cut short");
    const bytes = buffer.slice(start + first, start + last); // a copy, so that numbers are aligned whatever the header's length
    if (dtype === "F16") return [name, { shape, values: widen(new Uint16Array(bytes)) }];
    if (!(dtype in TYPES)) throw new Error(`a checkpoint's ${name} holds numbers of type ${dtype}, which is not read here`);
    return [name, { shape, values: new TYPES[dtype](bytes) }];
  }));
}

/** Numbers of 16 bits as 32-bit ones: a sign, 5 bits of exponent, 10 of fraction. */
function widen(halves) {
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
  });
}
