/** A kernel in WebAssembly, compiled from C below wheel/, and the memory it computes in. */
export class Kernel {
  /** @param {WebAssembly.Instance} instance of a module without imports that exports its memory and where its heap begins */
  constructor(instance) {
    this.exports = instance.exports;
    this.end = instance.exports.__heap_base.value;
    /** Outputs of a map whose weights lie side by side (PANEL in decoding.c). */
    this.panel = Number(new BigInt64Array(this.exports.memory.buffer, this.exports.panel.value, 1)[0]);
  }

  /**
   * @param {ArrayBuffer} bytes of a .wasm file
   * @returns {Promise<Kernel>}
   */
  static async compile(bytes) {
    return new Kernel((await WebAssembly.instantiate(bytes)).instance);
  }

  /**
   * Room in the kernel's memory, which is never given back: allocate once.
   * @param {Function} Type a typed array's constructor
   * @param {number} length how many numbers
   * @returns {Region}
   */
  allocate(Type, length) {
    const { memory } = this.exports, address = Math.ceil(this.end / 64) * 64;
    this.end = address + length * Type.BYTES_PER_ELEMENT;
    const missing = this.end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return new Region(memory, Type, address, length);
  }
}

/** Numbers in a kernel's memory. */
class Region {
  constructor(memory, Type, address, length) {
    Object.assign(this, { memory, Type, address, length });
  }

  /** The numbers as a typed array. Take it anew each time: it dies when the memory grows. */
  get view() {
    return new this.Type(this.memory.buffer, this.address, this.length);
  }
}
