/* The layers of decoding.py: attention, one softmax over the tokens that an episode's beams share and over a beam's blocks, and
   the maps around it. Compiled for one precision (REAL), width (WIDTH), head size (SIZE) and number of a block's slots (SLOTS).

   What takes time are products and the memory that keys and values are read from. So weights lie in panels of one register or
   two, and several rows meet each number that is read; all heads of a slot lie side by side, rows that share blocks follow each
   other, and what is read next is asked for before it is needed. It is written for one thread. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined __AVX512F__
#define BYTES 64
#elif defined __AVX__
#define BYTES 32
#else
#define BYTES 16
#endif

enum { FIT = BYTES / sizeof(REAL), LANES = SIZE % FIT ? 1 : FIT, PARTS = SIZE / LANES, HEADS = WIDTH / SIZE };
/* Rows taken together, and registers that each of them fills. */
enum { TOGETHER = BYTES == 64 ? 8 : 4, ACROSS = BYTES == 64 ? 3 : 2, SPAN = WIDTH % (2 * LANES) ? 1 : 2, PANEL = SPAN * LANES };
enum { LINE = 64 / sizeof(REAL) };
/* Of a number's bits, and of the exponential's series. */
enum { SINGLE = sizeof(REAL) == 4, MANTISSA = SINGLE ? 23 : 52, BIAS = SINGLE ? 127 : 1023, TERMS = SINGLE ? 7 : 13 };
typedef REAL wide __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef __typeof__(__builtin_choose_expr(sizeof(REAL) == 4, (int32_t)0, (int64_t)0)) whole;
typedef __typeof__(__builtin_choose_expr(sizeof(REAL) == 4, (uint32_t)0, (uint64_t)0)) unsigned_whole;
#define WIDE(pointer) (*(wide *)(pointer))
#define LEAST ((REAL)(SINGLE ? -87 : -708)) /* e to less would soon be no normal number */
#define LOWEST ((REAL)-1e30)
#define INLINE static inline __attribute__((always_inline))

_Static_assert(LANES <= MOST_LANES && MOST_LANES % LANES == 0, "decoding.py pads to too few numbers");
_Static_assert(TOGETHER <= MOST_TOGETHER, "decoding.py has too little room for rows taken together");

const int64_t panel = PANEL; /* how decoding.py is to arrange weights */

/* e to the power x, which is at most 0: a power of 2, and a series for the rest. Less than LEAST counts as LEAST: what is to
   have no weight has 2e-38. Relative errors in single precision are some 1e-7 where x is above -20, 3e-7 below. */
INLINE REAL exponential(REAL x)
{
    x = x > LEAST ? x : LEAST;
    whole power = (whole)(x * (REAL)1.4426950408889634 - (REAL)0.5);
    REAL rest = x - power * (REAL)0.6931471805599453;
    double share = 1; /* of the series' terms: 1 over a factorial */
    for (int term = TERMS; term > 0; term--)
        share /= term;
    REAL sum = share;
    for (int term = TERMS; term > 0; term--)
        sum = sum * rest + (REAL)(share *= term);
    union {
        whole bits;
        REAL number;
    } scale = {(whole)((unsigned_whole)(power + BIAS) << MANTISSA)}; /* unsigned: of no number, the power may be negative */
    return sum * scale.number;
}

/* x times the normal distribution's integral up to x. In single precision that beyond |x| is approximated (Abramowitz & Stegun,
   7.1.26, itself within 8e-8); with rounding, what is returned is within 4e-7. */
INLINE REAL gelu(REAL x)
{
    REAL size = x < 0 ? -x : x, beyond;
    if (SINGLE) {
        REAL t = 1 / (1 + (REAL)0.23164189 * size);
        REAL series = (REAL)-0.7265760135 + t * (REAL)0.5307027145;
        series = (REAL)0.1274147960 + t * ((REAL)-0.1422483680 + t * ((REAL)0.7107068705 + t * series));
        beyond = t * series * exponential((REAL)-0.5 * x * x);
    } else
        beyond = (REAL)0.5 * (REAL)erfc(size * 0.70710678118654752);
    return (x < 0 ? 0 : x) - size * beyond;
}

/* Rows (row, WIDTH) less their mean, over the root of their variance and 1e-5. */
INLINE void normalise(const REAL *x, REAL *normal, int64_t rows)
{
    for (int64_t row = 0; row < rows; row++, x += WIDTH, normal += WIDTH) {
        REAL mean = 0, variance = 0;
        for (int place = 0; place < WIDTH; place++)
            mean += x[place];
        mean /= WIDTH;
        for (int place = 0; place < WIDTH; place++)
            variance += (x[place] - mean) * (x[place] - mean);
        REAL scale = (REAL)(1 / sqrt(variance / WIDTH + 1e-5));
        for (int place = 0; place < WIDTH; place++)
            normal[place] = (x[place] - mean) * scale;
    }
}

/* Some rows' numbers of one panel. */
INLINE void map_tile(const REAL *x, const int count, int64_t inputs, const REAL *weights, const REAL *bias, REAL *out,
                     int64_t outputs, const int add)
{
    wide found[TOGETHER][SPAN];
    for (int row = 0; row < count; row++)
        for (int part = 0; part < SPAN; part++) {
            found[row][part] = WIDE(bias + part * LANES);
            if (add)
                found[row][part] += WIDE(out + row * outputs + part * LANES);
        }
    for (int64_t input = 0; input < inputs; input++)
        for (int row = 0; row < count; row++)
            for (int part = 0; part < SPAN; part++)
                found[row][part] += x[row * inputs + input] * WIDE(weights + input * PANEL + part * LANES);
    for (int row = 0; row < count; row++)
        for (int part = 0; part < SPAN; part++)
            WIDE(out + row * outputs + part * LANES) = found[row][part];
}

/* x (row, inputs) through weights (outputs / PANEL, inputs, PANEL) and the bias (outputs) that follows them, into `out` (row,
   outputs), or added to it. Returns what follows the bias. */
INLINE const REAL *map(const REAL *x, int64_t rows, const int64_t inputs, const REAL *weights, REAL *out, const int64_t outputs,
                       const int add)
{
    const REAL *bias = weights + inputs * outputs;
    for (int64_t first = 0; first < outputs; first += PANEL, weights += inputs * PANEL) {
        int64_t row = 0;
        for (; row + TOGETHER <= rows; row += TOGETHER)
            map_tile(x + row * inputs, TOGETHER, inputs, weights, bias + first, out + row * outputs + first, outputs, add);
        for (; row < rows; row++)
            map_tile(x + row * inputs, 1, inputs, weights, bias + first, out + row * outputs + first, outputs, add);
    }
    return bias + outputs;
}

INLINE REAL dot(const REAL *left, const REAL *right)
{
    wide product = WIDE(left) * WIDE(right);
    for (int part = 1; part < PARTS; part++)
        product += WIDE(left + part * LANES) * WIDE(right + part * LANES);
    REAL sum = 0;
    for (int lane = 0; lane < LANES; lane++)
        sum += product[lane];
    return sum;
}

/* The second-level cache is near enough: the first holds fewer requests than memory can answer at once. */
INLINE void ask_for(const REAL *key_or_value)
{
    for (int place = 0; place < SIZE; place += LINE)
        __builtin_prefetch(key_or_value + place, 0, 2);
}

/* Scores become weights, not yet divided by their sum, which is returned. */
INLINE REAL weigh(REAL *scores, int64_t count)
{
    REAL most = LOWEST, sum = 0;
    for (int64_t i = 0; i < count; i++)
        most = scores[i] > most ? scores[i] : most;
    for (int64_t i = 0; i < count; i++)
        sum += scores[i] = exponential(scores[i] - most);
    return sum;
}

/* Rows that are read one after the other, up to TOGETHER. */
struct Row {
    const REAL *query;    /* (head, SIZE) */
    const int64_t *chain; /* its blocks */
    REAL *weights;        /* (head, stride), scores and then weights: of the shared tokens, padded, then of the slots */
    REAL *sums;           /* (head), of all weights */
    REAL *mixed;          /* (head, SIZE), values by their weights */
};

/* Scores of some rows for some shared tokens of one head. */
INLINE void score_tile(const struct Row *rows, const int count, int64_t query, int64_t score, const REAL *keys, int64_t padded,
                       const int parts)
{
    wide found[TOGETHER][ACROSS] = {{{0}}};
    for (int place = 0; place < SIZE; place++)
        for (int row = 0; row < count; row++)
            for (int part = 0; part < parts; part++)
                found[row][part] += rows[row].query[query + place] * WIDE(keys + place * padded + part * LANES);
    for (int row = 0; row < count; row++)
        for (int part = 0; part < parts; part++)
            WIDE(rows[row].weights + score + part * LANES) = found[row][part];
}

INLINE void score_shared(const struct Row *rows, const int count, int64_t stride, const REAL *keys, int64_t padded)
{
    for (int head = 0; head < HEADS; head++, keys += SIZE * padded) {
        int64_t token = 0;
        for (; token + ACROSS * LANES <= padded; token += ACROSS * LANES)
            score_tile(rows, count, head * SIZE, head * stride + token, keys + token, padded, ACROSS);
        for (; token < padded; token += LANES)
            score_tile(rows, count, head * SIZE, head * stride + token, keys + token, padded, 1);
    }
}

/* Add the shared tokens' values by their weights, and divide by the sum of all weights. */
INLINE void mix_shared(const struct Row *rows, const int count, int64_t stride, const REAL *values, int64_t time)
{
    for (int head = 0; head < HEADS; head++, values += time * SIZE) {
        wide found[TOGETHER][PARTS];
        for (int row = 0; row < count; row++)
            for (int part = 0; part < PARTS; part++)
                found[row][part] = WIDE(rows[row].mixed + head * SIZE + part * LANES);
        for (int64_t token = 0; token < time; token++)
            for (int row = 0; row < count; row++)
                for (int part = 0; part < PARTS; part++)
                    found[row][part] += rows[row].weights[head * stride + token] * WIDE(values + token * SIZE + part * LANES);
        for (int row = 0; row < count; row++)
            for (int part = 0; part < PARTS; part++)
                WIDE(rows[row].mixed + head * SIZE + part * LANES) = found[row][part] / rows[row].sums[head];
    }
}

/* Scores of one or two rows for the slots of a block, from `score` on; the values are asked for. */
INLINE void score_block(const struct Row *rows, const int count, int64_t stride, int64_t score, const REAL *keys,
                        const REAL *values, int64_t slots)
{
    for (int64_t slot = 0; slot < slots; slot++)
        for (int head = 0; head < HEADS; head++) {
            int64_t at = (slot * HEADS + head) * SIZE;
            ask_for(values + at);
            for (int row = 0; row < count; row++)
                rows[row].weights[head * stride + score + slot] = dot(rows[row].query + head * SIZE, keys + at);
        }
}

/* The same slots' values; as many keys of the rows that come after are asked for, `coming` those of each. */
INLINE void mix_block(const struct Row *rows, const int count, int64_t stride, int64_t score, const REAL *values,
                      const REAL *const *coming, int64_t slots)
{
    for (int head = 0; head < HEADS; head++) {
        wide found[2][PARTS];
        for (int row = 0; row < count; row++)
            for (int part = 0; part < PARTS; part++)
                found[row][part] = WIDE(rows[row].mixed + head * SIZE + part * LANES);
        for (int64_t slot = 0; slot < slots; slot++) {
            int64_t at = (slot * HEADS + head) * SIZE;
            for (int row = 0; row < count; row++) {
                ask_for(coming[row] + at);
                for (int part = 0; part < PARTS; part++)
                    found[row][part] += rows[row].weights[head * stride + score + slot] * WIDE(values + at + part * LANES);
            }
        }
        for (int row = 0; row < count; row++)
            for (int part = 0; part < PARTS; part++)
                WIDE(rows[row].mixed + head * SIZE + part * LANES) = found[row][part];
    }
}

/* Scores of one or two rows for their slots, then the weights of all tokens, then the slots' values by theirs. `next` are the
   chains of the rows that come after. */
INLINE void attend_slots(const struct Row *rows, const int count, const int64_t *const *next, const REAL *keys,
                         const REAL *values, int64_t seen, int64_t time, int64_t padded, int64_t stride)
{
    const int64_t block = SLOTS * WIDTH, end = padded + (seen + LANES - 1) / LANES * LANES;
    for (int64_t column = 0, first = 0; first < seen; column++, first += SLOTS) {
        int64_t slots = seen - first < SLOTS ? seen - first : SLOTS, at = rows[0].chain[column] * block;
        if (count == 2 && rows[0].chain[column] == rows[1].chain[column])
            score_block(rows, 2, stride, padded + first, keys + at, values + at, slots);
        else
            for (int row = 0; row < count; row++) {
                at = rows[row].chain[column] * block;
                score_block(rows + row, 1, stride, padded + first, keys + at, values + at, slots);
            }
    }
    for (int row = 0; row < count; row++) {
        for (int head = 0; head < HEADS; head++) {
            REAL *weights = rows[row].weights + head * stride;
            for (int64_t nothing = time; nothing < padded; nothing++)
                weights[nothing] = LOWEST;
            for (int64_t nothing = padded + seen; nothing < end; nothing++)
                weights[nothing] = LOWEST;
            rows[row].sums[head] = weigh(weights, end);
        }
        memset(rows[row].mixed, 0, WIDTH * sizeof(REAL));
    }
    for (int64_t column = 0, first = 0; first < seen; column++, first += SLOTS) {
        int64_t slots = seen - first < SLOTS ? seen - first : SLOTS, at = rows[0].chain[column] * block;
        const REAL *coming[2];
        for (int row = 0; row < count; row++)
            coming[row] = keys + next[row][column] * block;
        if (count == 2 && rows[0].chain[column] == rows[1].chain[column])
            mix_block(rows, 2, stride, padded + first, values + at, coming, slots);
        else
            for (int row = 0; row < count; row++) {
                at = rows[row].chain[column] * block;
                mix_block(rows + row, 1, stride, padded + first, values + at, coming + row, slots);
            }
    }
}

/* What attention reads, and for whom; see `decode`. */
struct Past {
    const REAL *shared_keys, *shared_values;
    REAL *keys, *values;
    const int64_t *table, *order, *slot, *seen;
    int64_t beams, tokens, time, padded, blocks, columns;
};

/* Attention of one episode's rows: queries, keys and values `mapped` (row, 3, head, SIZE), mixed values (row, head, SIZE). */
INLINE void attend(const struct Past *past, int64_t episode, const REAL *mapped, REAL *mixed, REAL *scratch)
{
    const int64_t tokens = past->tokens, columns = past->columns, time = past->time, padded = past->padded;
    const int64_t rows = past->beams * tokens, apart = 3 * WIDTH, seen = past->seen[tokens - 1];
    const int64_t stride = padded + (seen + LANES - 1) / LANES * LANES;
    const int64_t *chains = past->table + episode * past->beams * columns, *turns = past->order + episode * past->beams;
    const REAL *shared_keys = past->shared_keys + episode * WIDTH * padded;
    const REAL *shared_values = past->shared_values + episode * WIDTH * time;
    const int64_t own = episode * past->blocks * SLOTS * WIDTH;
    REAL *keys = past->keys + own, *values = past->values + own;

    for (int64_t row = 0; row < rows; row++) {
        int64_t place = past->slot[row % tokens];
        if (place < 0)
            continue;
        int64_t to = (chains[row / tokens * columns + place / SLOTS] * SLOTS + place % SLOTS) * WIDTH;
        memcpy(keys + to, mapped + row * apart + WIDTH, WIDTH * sizeof(REAL));
        memcpy(values + to, mapped + row * apart + 2 * WIDTH, WIDTH * sizeof(REAL));
    }
    for (int64_t turn = 0, count; turn < rows; turn += count) {
        struct Row group[TOGETHER];
        const int64_t *next[TOGETHER + 2];
        count = rows - turn < TOGETHER ? rows - turn : TOGETHER;
        for (int64_t n = 0; n < count + 2; n++) {
            int64_t at = turn + n < rows ? turn + n : rows - 1, beam = turns[at / tokens], row = beam * tokens + at % tokens;
            next[n] = chains + beam * columns;
            if (n < count)
                group[n] = (struct Row){mapped + row * apart, next[n], scratch + n * HEADS * (stride + 1),
                                        scratch + n * HEADS * (stride + 1) + HEADS * stride, mixed + row * WIDTH};
        }
        if (count == TOGETHER)
            score_shared(group, TOGETHER, stride, shared_keys, padded);
        else
            for (int64_t n = 0; n < count; n++)
                score_shared(group + n, 1, stride, shared_keys, padded);
        for (int64_t n = 0, both; n < count; n += both) {
            both = tokens == 1 && n + 1 < count ? 2 : 1;
            if (both == 2)
                attend_slots(group + n, 2, next + n + 2, keys, values, seen, time, padded, stride);
            else
                attend_slots(group + n, 1, next + n + 1, keys, values, past->seen[(turn + n) % tokens], time, padded, stride);
        }
        if (count == TOGETHER)
            mix_shared(group, TOGETHER, stride, shared_values, time);
        else
            for (int64_t n = 0; n < count; n++)
                mix_shared(group + n, 1, stride, shared_values, time);
    }
}

/* Rows run over episodes, an episode's beams and a beam's tokens.

   x             (row, WIDTH)                                 embeddings, become the last layer's output
   weights       (layer, those of four maps, see `map`)       to queries, keys and values; from mixed values; to hidden, from
   shared_keys   (layer, episode, head, SIZE, padded)         of the tokens that all beams share; none beyond `time` counts
   shared_values (layer, episode, head, time, SIZE)
   keys, values  (layer, episode, block, SLOTS, head, SIZE)   gain those of the rows
   table         (episode, beam, column)                      the blocks that a beam reads
   order         (episode, beam)                              beams as they are best read
   slot          (token)                                      where a token's key and value go, -1 for nowhere
   seen          (token)                                      how many slots a token looks at
   scratch       (row, 5, WIDTH), then (8, head, padded + the most slots seen, rounded up to 16, + 1) */
void decode(REAL *x, const REAL *weights, const REAL *shared_keys, const REAL *shared_values, REAL *keys, REAL *values,
            const int64_t *table, const int64_t *order, const int64_t *slot, const int64_t *seen, REAL *scratch, int64_t layers,
            int64_t episodes, int64_t beams, int64_t tokens, int64_t time, int64_t padded, int64_t blocks, int64_t columns)
{
    const int64_t each = beams * tokens, rows = episodes * each;
    REAL *narrow = scratch, *broad = narrow + rows * WIDTH, *rest = broad + rows * 4 * WIDTH;
    for (int64_t layer = 0; layer < layers; layer++) {
        const int64_t shared = layer * episodes * WIDTH, own = layer * episodes * blocks * SLOTS * WIDTH;
        const struct Past past = {shared_keys + shared * padded, shared_values + shared * time, keys + own, values + own, table,
                                  order, slot, seen, beams, tokens, time, padded, blocks, columns};
        normalise(x, narrow, rows);
        weights = map(narrow, rows, WIDTH, weights, broad, 3 * WIDTH, 0);
        for (int64_t episode = 0; episode < episodes; episode++)
            attend(&past, episode, broad + episode * each * 3 * WIDTH, narrow + episode * each * WIDTH, rest);
        weights = map(narrow, rows, WIDTH, weights, x, WIDTH, 1);
        normalise(x, narrow, rows);
        weights = map(narrow, rows, WIDTH, weights, broad, 4 * WIDTH, 0);
        for (int64_t i = 0; i < rows * 4 * WIDTH; i++)
            broad[i] = gelu(broad[i]);
        weights = map(broad, rows, 4 * WIDTH, weights, x, WIDTH, 1);
    }
}
