/* What a Trajectory Transformer computes between its tokens: the layers, which are decoding.c's `decode` as it is, and what
   decoding.py beside it does with their output. */

#include "decoding.c"

/* Logits (row, outputs) from the last layer's output x (row, apart), by one dimension's head; `normal` has room for a row. */
void head(const REAL *x, const REAL *weights, REAL *logits, REAL *normal, int32_t rows, int32_t apart, int32_t outputs)
{
    for (int32_t row = 0; row < rows; row++) {
        normalise(x + row * apart, normal, 1);
        map(normal, 1, WIDTH, weights, logits + row * outputs, outputs, 0);
    }
}

/* Logits (row, apart), of which `bins` count, become probabilities. */
void softmax(REAL *logits, int32_t rows, int32_t apart, int32_t bins)
{
    for (int32_t row = 0; row < rows; row++, logits += apart) {
        REAL sum = weigh(logits, bins);
        for (int32_t bin = 0; bin < bins; bin++)
            logits[bin] /= sum;
    }
}
