/**
 * Quantile bins: every dimension of a transition to one of a hundred tokens and back, as discretization.py does it.
 * Source: Janner et al. 2021 (arXiv 2106.02039), section 3.1.
 */
export class Discretizer {
  /** @param {{shape: number[], values: Float64Array}} thresholds (bins + 1, dimension), never falling */
  constructor({ shape: [rows, dimensions], values }) {
    Object.assign(this, { bins: rows - 1, dimensions, thresholds: values });
  }

  /** Tokens of the first dimensions of a transition, such as an observation alone. */
  encode(values) {
    return Array.from(values, (value, dimension) => {
      let bin = 0;
      while (bin < this.bins - 1 && this.thresholds[(bin + 1) * this.dimensions + dimension] <= value) bin += 1;
      return bin;
    });
  }

  /** What a bin decodes to: its middle. The stop token decodes as the last bin. */
  middle(token, dimension) {
    const bin = Math.min(token, this.bins - 1), low = this.thresholds[bin * this.dimensions + dimension];
    return low + (this.thresholds[(bin + 1) * this.dimensions + dimension] - low) / 2;
  }

  /** Middles (bin,) of a dimension in single precision. */
  middles(dimension) {
    return Float32Array.from({ length: this.bins }, (_, bin) => this.middle(bin, dimension));
  }

  /** Middles of the bins of the first dimensions. */
  decode(tokens) {
    return Array.from(tokens, (token, dimension) => this.middle(token, dimension));
  }
}
