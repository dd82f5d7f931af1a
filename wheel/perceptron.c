/* A perceptron of two hidden layers with a tanh, as pipeline/methods/deterministic_policy.py has it. Its maps are those of
   decoding.c: weights lie in panels, see `map` there, and biases follow them. */

#include "decoding.c"
#include "tangent.h"

INLINE void rectify(REAL *x, int64_t count)
{
    for (int64_t place = 0; place < count; place++)
        x[place] = x[place] > 0 ? x[place] : 0;
}

/* Torques (outputs) in [-1, 1] for a normalised input (inputs). `hidden` has room for two layers of WIDTH; `outputs` is a
   multiple of PANEL, and the weights of what fills up to one are 0. */
void act(const REAL *input, const REAL *weights, REAL *hidden, REAL *torques, int32_t inputs, int32_t outputs)
{
    weights = map(input, 1, inputs, weights, hidden, WIDTH, 0);
    rectify(hidden, WIDTH);
    weights = map(hidden, 1, WIDTH, weights, hidden + WIDTH, WIDTH, 0);
    rectify(hidden + WIDTH, WIDTH);
    map(hidden + WIDTH, 1, WIDTH, weights, torques, outputs, 0);
    for (int32_t place = 0; place < outputs; place++)
        torques[place] = tangent(torques[place]);
}
