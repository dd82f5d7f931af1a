/* Attention of decoding.py: one softmax over the tokens that an episode's beams share and over a beam's blocks. Compiled for one
   precision (REAL, with its exponential EXP), head size (SIZE) and number of slots in a block (SLOTS).

   Reading keys and values from memory takes most of the time. So all heads of a slot lie side by side, rows that share blocks
   follow each other, and what is read next is asked for before it is needed. */

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

/* `wide` fills a register, for tokens that several rows read; `narrow` sums up sooner, for what a row reads alone. */
enum { FIT = BYTES / sizeof(REAL), LANES = SIZE % FIT ? 1 : FIT, PARTS = SIZE / LANES, TOGETHER = 4 };
enum { FEW = SIZE % 8 ? 1 : 8, PIECES = SIZE / FEW, LINE = 64 / sizeof(REAL) };
typedef REAL wide __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef REAL narrow __attribute__((vector_size(FEW * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#define WIDE(pointer) (*(wide *)(pointer))
#define NARROW(pointer) (*(narrow *)(pointer))
#define INLINE static inline __attribute__((always_inline))

INLINE REAL dot(const REAL *left, const REAL *right)
{
    narrow product = NARROW(left) * NARROW(right);
    for (int piece = 1; piece < PIECES; piece++)
        product += NARROW(left + piece * FEW) * NARROW(right + piece * FEW);
    REAL sum = 0;
    for (int lane = 0; lane < FEW; lane++)
        sum += product[lane];
    return sum;
}

/* The second-level cache is near enough: the first holds fewer requests than memory can answer at once. */
INLINE void ask_for(const REAL *key_or_value)
{
    for (int place = 0; place < SIZE; place += LINE)
        __builtin_prefetch(key_or_value + place, 0, 2);
}

INLINE REAL largest(const REAL *scores, int64_t count, REAL most)
{
    for (int64_t i = 0; i < count; i++)
        most = scores[i] > most ? scores[i] : most;
    return most;
}

INLINE REAL exponentiate(REAL *scores, int64_t count, REAL most)
{
    REAL sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += scores[i] = EXP(scores[i] - most);
    return sum;
}

/* Scores of some rows of one head for the shared tokens. Queries lie `apart` from each other, scores `stride`. */
INLINE void score_shared(const REAL *queries, int64_t apart, const int count, const REAL *keys, int64_t padded, REAL *scores,
                         int64_t stride)
{
    for (int64_t first = 0; first < padded; first += LANES) {
        wide found[TOGETHER] = {{0}};
        for (int place = 0; place < SIZE; place++)
            for (int row = 0; row < count; row++)
                found[row] += queries[row * apart + place] * WIDE(keys + place * padded + first);
        for (int row = 0; row < count; row++)
            WIDE(scores + row * stride + first) = found[row];
    }
}

/* Add the shared tokens' values by their weights, and divide by the sum of all weights. */
INLINE void mix_shared(const REAL *weights, int64_t stride, const int count, const REAL *values, int64_t time, const REAL *sums,
                       int64_t heads, REAL *mixed)
{
    wide found[TOGETHER][PARTS];
    for (int row = 0; row < count; row++)
        for (int part = 0; part < PARTS; part++)
            found[row][part] = WIDE(mixed + row * heads * SIZE + part * LANES);
    for (int64_t token = 0; token < time; token++)
        for (int row = 0; row < count; row++)
            for (int part = 0; part < PARTS; part++)
                found[row][part] += weights[row * stride + token] * WIDE(values + token * SIZE + part * LANES);
    for (int row = 0; row < count; row++)
        for (int part = 0; part < PARTS; part++)
            WIDE(mixed + row * heads * SIZE + part * LANES) = found[row][part] / sums[row * heads];
}

/* Rows that are read together, one or two. */
struct Row {
    const REAL *query;    /* (head, SIZE) */
    const int64_t *chain; /* its blocks */
    REAL *shared;         /* (head, padded), scores of the shared tokens, then weights */
    REAL *own;            /* (head, most), those of the slots */
    REAL *sums;           /* (head), of all weights */
    REAL *mixed;          /* (head, SIZE), the slots' values by their weights */
};

/* Slots of a block, `first` the number of the first among those a row reads. */
INLINE void score_block(const struct Row *rows, const int count, int64_t heads, int64_t first, int64_t most, const REAL *keys,
                        const REAL *values, int64_t slots)
{
    for (int64_t slot = 0; slot < slots; slot++)
        for (int64_t head = 0; head < heads; head++) {
            int64_t at = (slot * heads + head) * SIZE;
            ask_for(values + at);
            for (int row = 0; row < count; row++)
                rows[row].own[head * most + first + slot] = dot(rows[row].query + head * SIZE, keys + at);
        }
}

/* The same slots' values; as many keys of the rows that come after are asked for, `coming` those of each. */
INLINE void mix_block(const struct Row *rows, const int count, int64_t heads, int64_t first, int64_t most, const REAL *values,
                      const REAL *const *coming, int64_t slots)
{
    for (int64_t head = 0; head < heads; head++) {
        narrow found[2][PIECES];
        for (int row = 0; row < count; row++)
            for (int piece = 0; piece < PIECES; piece++)
                found[row][piece] = NARROW(rows[row].mixed + head * SIZE + piece * FEW);
        for (int64_t slot = 0; slot < slots; slot++) {
            int64_t at = (slot * heads + head) * SIZE;
            for (int row = 0; row < count; row++) {
                ask_for(coming[row] + at);
                for (int piece = 0; piece < PIECES; piece++)
                    found[row][piece] += rows[row].own[head * most + first + slot] * NARROW(values + at + piece * FEW);
            }
        }
        for (int row = 0; row < count; row++)
            for (int piece = 0; piece < PIECES; piece++)
                NARROW(rows[row].mixed + head * SIZE + piece * FEW) = found[row][piece];
    }
}

/* Scores for the slots of one or two rows, then the weights of all tokens, then the slots' values by theirs. `next` are the
   chains of the rows that come after. */
INLINE void attend_slots(const struct Row *rows, const int count, const int64_t *const *next, const REAL *keys, const REAL *values,
                         int64_t seen, int64_t heads, int64_t time, int64_t padded, int64_t most)
{
    const int64_t block = SLOTS * heads * SIZE;
    for (int64_t column = 0, first = 0; first < seen; column++, first += SLOTS) {
        int64_t slots = seen - first < SLOTS ? seen - first : SLOTS, at = rows[0].chain[column] * block;
        if (count == 2 && rows[0].chain[column] == rows[1].chain[column])
            score_block(rows, 2, heads, first, most, keys + at, values + at, slots);
        else
            for (int row = 0; row < count; row++) {
                at = rows[row].chain[column] * block;
                score_block(rows + row, 1, heads, first, most, keys + at, values + at, slots);
            }
    }
    for (int row = 0; row < count; row++) {
        for (int64_t head = 0; head < heads; head++) {
            REAL *shared = rows[row].shared + head * padded, *own = rows[row].own + head * most;
            REAL highest = largest(own, seen, largest(shared, time, (REAL)-1e30));
            rows[row].sums[head] = exponentiate(shared, time, highest) + exponentiate(own, seen, highest);
        }
        memset(rows[row].mixed, 0, heads * SIZE * sizeof(REAL));
    }
    for (int64_t column = 0, first = 0; first < seen; column++, first += SLOTS) {
        int64_t slots = seen - first < SLOTS ? seen - first : SLOTS, at = rows[0].chain[column] * block;
        const REAL *coming[2];
        for (int row = 0; row < count; row++)
            coming[row] = keys + next[row][column] * block;
        if (count == 2 && rows[0].chain[column] == rows[1].chain[column])
            mix_block(rows, 2, heads, first, most, values + at, coming, slots);
        else
            for (int row = 0; row < count; row++) {
                at = rows[row].chain[column] * block;
                mix_block(rows + row, 1, heads, first, most, values + at, coming + row, slots);
            }
    }
}

/* Rows run over episodes, an episode's beams and a beam's tokens.

   mapped        (row, 3, head, SIZE)                  query, key and value of each row
   shared_keys   (episode, head, SIZE, padded)         of the tokens that all beams share; none beyond `time` counts
   shared_values (episode, head, time, SIZE)
   keys, values  (episode, block, SLOTS, head, SIZE)   gain those of the rows
   table         (episode, beam, column)               the blocks that a beam reads
   order         (episode, beam)                       beams as they are best read
   slot          (token)                               where a token's key and value go, -1 for nowhere
   seen          (token)                               how many slots a token looks at
   scratch       (beam * token, head, padded), then (beam * token, head), then (2, head, most slots seen)
   mixed         (row, head, SIZE)                     becomes the mixed values */
void attend(const REAL *mapped, const REAL *shared_keys, const REAL *shared_values, REAL *keys, REAL *values,
            const int64_t *table, const int64_t *order, const int64_t *slot, const int64_t *seen, REAL *scratch, REAL *mixed,
            int64_t episodes, int64_t beams, int64_t tokens, int64_t heads, int64_t time, int64_t padded, int64_t blocks,
            int64_t columns)
{
    const int64_t rows = beams * tokens, most = seen[tokens - 1], width = heads * SIZE, apart = 3 * width;
    const int64_t stride = heads * padded;
    REAL *shared = scratch, *sums = shared + rows * stride, *own = sums + rows * heads;
    for (int64_t episode = 0; episode < episodes; episode++) {
        const int64_t *chains = table + episode * beams * columns, *turns = order + episode * beams;
        const REAL *row = mapped + episode * rows * apart;
        REAL *key = keys + episode * blocks * SLOTS * width, *value = values + episode * blocks * SLOTS * width;
        REAL *mix = mixed + episode * rows * width;

        for (int64_t i = 0; i < rows; i++) {
            int64_t place = slot[i % tokens];
            if (place < 0)
                continue;
            int64_t to = (chains[i / tokens * columns + place / SLOTS] * SLOTS + place % SLOTS) * width;
            memcpy(key + to, row + i * apart + width, width * sizeof(REAL));
            memcpy(value + to, row + i * apart + 2 * width, width * sizeof(REAL));
        }
        for (int64_t head = 0; head < heads; head++) {
            const REAL *past = shared_keys + (episode * heads + head) * SIZE * padded, *query = row + head * SIZE;
            REAL *scores = shared + head * padded;
            int64_t i = 0;
            for (; i + TOGETHER <= rows; i += TOGETHER)
                score_shared(query + i * apart, apart, TOGETHER, past, padded, scores + i * stride, stride);
            for (; i < rows; i++)
                score_shared(query + i * apart, apart, 1, past, padded, scores + i * stride, stride);
        }
        for (int64_t turn = 0, count; turn < rows; turn += count) {
            struct Row pair[2];
            const int64_t *next[2];
            count = tokens == 1 && turn + 1 < rows ? 2 : 1;
            for (int64_t n = 0; n < count; n++) {
                int64_t beam = turns[(turn + n) / tokens], i = beam * tokens + turn % tokens;
                int64_t after = turn + count + n < rows ? turn + count + n : rows - 1;
                pair[n] = (struct Row){row + i * apart, chains + beam * columns, shared + i * stride, own + n * heads * most,
                                       sums + i * heads, mix + i * width};
                next[n] = chains + turns[after / tokens] * columns;
            }
            if (count == 2)
                attend_slots(pair, 2, next, key, value, most, heads, time, padded, most);
            else
                attend_slots(pair, 1, next, key, value, seen[turn % tokens], heads, time, padded, most);
        }
        for (int64_t head = 0; head < heads; head++) {
            const REAL *past = shared_values + (episode * heads + head) * time * SIZE, *weights = shared + head * padded;
            REAL *to = mix + head * SIZE, *sum = sums + head;
            int64_t i = 0;
            for (; i + TOGETHER <= rows; i += TOGETHER)
                mix_shared(weights + i * stride, stride, TOGETHER, past, time, sum + i * heads, heads, to + i * heads * SIZE);
            for (; i < rows; i++)
                mix_shared(weights + i * stride, stride, 1, past, time, sum + i * heads, heads, to + i * heads * SIZE);
        }
    }
}
