/** Why it may not run, each in one sentence. */

/** A module of one function that returns a vector of 128 bits; only an engine with SIMD takes it for valid. */
const VECTOR = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, // a module, version 1
  1, 5, 1, 96, 0, 1, 123, // a type: nothing to a vector
  3, 2, 1, 0, // a function of that type
  10, 22, 1, 20, 0, 253, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, // its body: a constant
);

/** @returns {string | null} what this browser lacks, as a sentence; null where it lacks nothing */
export function missing() {
  if (typeof WebAssembly !== "object") return "This browser has no WebAssembly, in which the simulator and the models run.";
  if (!WebAssembly.validate(VECTOR)) return "This browser's WebAssembly has no 128-bit SIMD, which the models need.";
  if (typeof Worker !== "function") return "This browser has no workers, in which the simulator and the models run.";
  if (typeof DecompressionStream !== "function") return "This browser has no DecompressionStream, which unpacks the simulator.";
  return null;
}

const UNREAD = /dynamically imported module|module script|failed to fetch|networkerror|load failed/i; // as browsers put it
const NO_ROOM = "There is not enough memory here for the simulator and the models.";

/** An error as a sentence for the reader. */
export function sentence(error) {
  const reason = String(error?.message ?? error);
  if (error instanceof RangeError || /memory|allocat/i.test(reason)) return NO_ROOM;
  if (UNREAD.test(reason)) {
    const [file = "a file of it"] = reason.match(/assets\/[\w./]+/) ?? [];
    return `It cannot run here: ${file} could not be loaded.`;
  }
  return `It cannot run here: ${reason.split("\n")[0].replace(/\.$/, "")}.`;
}
