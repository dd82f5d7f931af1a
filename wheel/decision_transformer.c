/* A Decision Transformer's action for one history, as transformers' DecisionTransformerModel computes it: one head, ReLU.
   Its maps, normalisation and exponential are those of decoding.c; weights lie in panels, see `map` there.

   Only the acting token's output is read, so the last layer computes nothing else but the keys and values of the others. */

#include "decoding.c"
#include "tangent.h"

enum { KINDS = 3, STRIP = 8 }; /* kinds of token; registers that hold a part of the mixed values */

/* Tokens (row, WIDTH) of one kind, into every third row: a linear map of `input` (step, inputs), and the step's number. */
INLINE const REAL *embed(const REAL *input, int64_t steps, int64_t inputs, const REAL *weights, const REAL *times, REAL *x)
{
    const REAL *after = weights;
    for (int64_t step = 0; step < steps; step++) {
        REAL *row = x + step * KINDS * WIDTH;
        after = map(input + step * inputs, 1, inputs, weights, row, WIDTH, 0);
        for (int place = 0; place < WIDTH; place++)
            row[place] += times[step * WIDTH + place];
    }
    return after;
}

/* Values (key, 3 * WIDTH apart) by their weights, divided by the weights' sum, into `mixed` (WIDTH). */
INLINE void mix(const REAL *values, const REAL *weights, int64_t count, REAL sum, REAL *mixed)
{
    for (int part = 0; part < WIDTH; part += STRIP * LANES) {
        wide found[STRIP] = {{0}};
        for (int64_t key = 0; key < count; key++)
            for (int lane = 0; lane < STRIP; lane++)
                found[lane] += weights[key] * WIDE(values + key * 3 * WIDTH + part + lane * LANES);
        for (int lane = 0; lane < STRIP; lane++)
            WIDE(mixed + part + lane * LANES) = found[lane] / sum;
    }
}

/* One layer for x (row, WIDTH), whose rows from `first` on are read later. The last row's attention goes into `attention`
   (row). Returns what follows the layer's weights. */
INLINE const REAL *transform(REAL *x, int64_t rows, int64_t first, const REAL *weights, REAL *narrow, REAL *broad,
                             REAL *attention)
{
    normalise(x, narrow, rows);
    weights = map(narrow, rows, WIDTH, weights, broad, 3 * WIDTH, 0);
    for (int64_t row = first; row < rows; row++) {
        for (int64_t key = 0; key <= row; key++)
            attention[key] = dot(broad + row * 3 * WIDTH, broad + key * 3 * WIDTH + WIDTH);
        REAL sum = weigh(attention, row + 1);
        mix(broad + 2 * WIDTH, attention, row + 1, sum, narrow + row * WIDTH);
        if (row == rows - 1)
            for (int64_t key = 0; key <= row; key++)
                attention[key] /= sum;
    }
    const int64_t read = rows - first;
    x += first * WIDTH, narrow += first * WIDTH;
    weights = map(narrow, read, WIDTH, weights, x, WIDTH, 1);
    normalise(x, narrow, read);
    weights = map(narrow, read, WIDTH, weights, broad, 4 * WIDTH, 0);
    for (int64_t place = 0; place < read * 4 * WIDTH; place++)
        broad[place] = broad[place] > 0 ? broad[place] : 0;
    return map(broad, read, 4 * WIDTH, weights, x, WIDTH, 1);
}

/* Torques (outputs) in [-1, 1] after the last state of a history of `steps` steps.

   returns    (step)                  still asked for, scaled
   states     (step, inputs)          normalised
   actions    (step, torques_taken)   of which the last has not happened yet and is not read
   times      (step, WIDTH)           embeddings of the steps' numbers
   weights    of the embeddings of returns, states and actions; of their normalisation, gain and offset; of the layers; of the
              action, its outputs filled up with zeros to a multiple of PANEL
   attention  (layer, 3 * steps - 1)  of the acting token, which is the last
   scratch    (3 * steps, 6, WIDTH) */
void act(const REAL *returns, const REAL *states, const REAL *actions, const REAL *times, const REAL *weights, REAL *attention,
         REAL *scratch, REAL *torques, int32_t steps, int32_t inputs, int32_t torques_taken, int32_t layers, int32_t outputs)
{
    const int64_t rows = KINDS * steps - 1;
    REAL *x = scratch, *narrow = x + KINDS * steps * WIDTH, *broad = narrow + KINDS * steps * WIDTH;
    weights = embed(returns, steps, 1, weights, times, x);
    weights = embed(states, steps, inputs, weights, times, x + WIDTH);
    weights = embed(actions, steps, torques_taken, weights, times, x + 2 * WIDTH);
    normalise(x, x, rows);
    for (int64_t row = 0; row < rows; row++)
        for (int place = 0; place < WIDTH; place++)
            x[row * WIDTH + place] = x[row * WIDTH + place] * weights[place] + weights[WIDTH + place];
    weights += 2 * WIDTH;
    for (int32_t layer = 0; layer < layers; layer++, attention += rows)
        weights = transform(x, rows, layer == layers - 1 ? rows - 1 : 0, weights, narrow, broad, attention);
    normalise(x + (rows - 1) * WIDTH, narrow, 1);
    map(narrow, 1, WIDTH, weights, torques, outputs, 0);
    for (int32_t place = 0; place < outputs; place++)
        torques[place] = tangent(torques[place]);
}
