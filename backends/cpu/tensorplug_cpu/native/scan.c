/* Cumulative sums, products and extrema, and the places of what is not zero. Operands are dense.
 * Floats accumulate in double and integers in int64. A long line is cut into pieces of a fixed size whose sums are found
 * first, so that results do not depend on the number of threads. */
#include "element.h"
#include "parallel.h"
#include "strided.h"

#include <math.h>
#include <stdlib.h>

enum { SUM, PROD, MAX, MIN }; /* shared with scan_sort.py */
enum { BLOCK = TP_SCAN_BLOCK, PIECE = TP_SCAN_PIECE, FEW_LINES = TP_SCAN_FEW_LINES, GRAIN = TP_SCAN_GRAIN };

typedef struct {
    char *out;
    int64_t *places; /* of extrema */
    const char *in;
    const tp_scan_params *params;
    void *carries; /* what comes before each piece, where lines are cut */
    int64_t pieces;
} Scan;

#define EACH(T, CONVERTED)                                                                                          \
    for (int64_t i = 0; i < n; i++)                                                                                 \
        CONVERTED;                                                                                                  \
    break
#define CONVERSIONS(NAME, A)                                                                                        \
    static void load_##NAME(A *to, const char *from, int64_t n, int64_t dtype) {                                    \
        switch (dtype) {                                                                                            \
        case TP_BOOL:                                                                                               \
        case TP_UINT8: EACH(uint8_t, to[i] = (A)((const uint8_t *)from)[i]);                                        \
        case TP_INT8: EACH(int8_t, to[i] = (A)((const int8_t *)from)[i]);                                           \
        case TP_INT16: EACH(int16_t, to[i] = (A)((const int16_t *)from)[i]);                                        \
        case TP_INT32: EACH(int32_t, to[i] = (A)((const int32_t *)from)[i]);                                        \
        case TP_INT64: EACH(int64_t, to[i] = (A)((const int64_t *)from)[i]);                                        \
        case TP_FLOAT16: EACH(tp_half, to[i] = (A)tp_half_to_float(((const tp_half *)from)[i]));                    \
        case TP_BFLOAT16: EACH(tp_bfloat16, to[i] = (A)tp_bfloat16_to_float(((const tp_bfloat16 *)from)[i]));       \
        case TP_FLOAT32: EACH(float, to[i] = (A)((const float *)from)[i]);                                          \
        default: EACH(double, to[i] = (A)((const double *)from)[i]);                                                \
        }                                                                                                           \
    }                                                                                                               \
    static void store_##NAME(char *to, const A *from, int64_t n, int64_t dtype) {                                   \
        switch (dtype) {                                                                                            \
        case TP_BOOL: EACH(uint8_t, ((uint8_t *)to)[i] = from[i] != 0);                                             \
        case TP_UINT8: EACH(uint8_t, ((uint8_t *)to)[i] = (uint8_t)from[i]);                                        \
        case TP_INT8: EACH(int8_t, ((int8_t *)to)[i] = (int8_t)from[i]);                                            \
        case TP_INT16: EACH(int16_t, ((int16_t *)to)[i] = (int16_t)from[i]);                                        \
        case TP_INT32: EACH(int32_t, ((int32_t *)to)[i] = (int32_t)from[i]);                                        \
        case TP_INT64: EACH(int64_t, ((int64_t *)to)[i] = (int64_t)from[i]);                                        \
        case TP_FLOAT16: EACH(tp_half, ((tp_half *)to)[i] = tp_float_to_half((float)from[i]));                      \
        case TP_BFLOAT16: EACH(tp_bfloat16, ((tp_bfloat16 *)to)[i] = tp_float_to_bfloat16((float)from[i]));         \
        case TP_FLOAT32: EACH(float, ((float *)to)[i] = (float)from[i]);                                            \
        default: EACH(double, ((double *)to)[i] = (double)from[i]);                                                 \
        }                                                                                                           \
    }
CONVERSIONS(real, double)
CONVERSIONS(whole, int64_t)

/* NAME: of the accumulator type A; U: in which it is added and multiplied (integers wrap around) */
#define SCANS(NAME, A, U, IS_NAN, LOWEST, HIGHEST)                                                                  \
    static A neutral_##NAME(int64_t function) {                                                                     \
        return function == SUM ? 0 : function == PROD ? 1 : function == MAX ? LOWEST : HIGHEST;                     \
    }                                                                                                               \
    /* Whether x takes the place of the extremum so far: the last of equal ones does, and NaN for good. */          \
    static inline bool takes_over_##NAME(int64_t function, A x, A so_far) {                                         \
        return IS_NAN(x) || (!IS_NAN(so_far) && (function == MAX ? x >= so_far : x <= so_far));                     \
    }                                                                                                               \
    static void row_##NAME(const Scan *s, int64_t first, int64_t n, A acc) {                                        \
        const tp_scan_params *p = s->params;\
        const int64_t function = p->function, from = tp_itemsize((int)p->from);                     \
        const int64_t to = tp_itemsize((int)p->to);                                                                 \
        int64_t place = 0;                                                                                          \
        A block[BLOCK];                                                                                             \
        for (int64_t done = 0; done < n; done += BLOCK) {                                                           \
            int64_t m = tp_min64(BLOCK, n - done), at = first + done;                                               \
            load_##NAME(block, s->in + at * from, m, p->from);                                                      \
            if (function == SUM) {                                                                                  \
                for (int64_t i = 0; i < m; i++)                                                                     \
                    block[i] = acc = (A)((U)acc + (U)block[i]);                                                     \
            } else if (function == PROD) {                                                                          \
                for (int64_t i = 0; i < m; i++)                                                                     \
                    block[i] = acc = (A)((U)acc * (U)block[i]);                                                     \
            } else {                                                                                                \
                for (int64_t i = 0; i < m; i++) {                                                                   \
                    if (takes_over_##NAME(function, block[i], acc)) {                                               \
                        acc = block[i];                                                                             \
                        place = done + i;                                                                           \
                    }                                                                                               \
                    block[i] = acc;                                                                                 \
                    s->places[at + i] = place;                                                                      \
                }                                                                                                   \
            }                                                                                                       \
            store_##NAME(s->out + at * to, block, m, p->to);                                                        \
        }                                                                                                           \
    }                                                                                                               \
    static void rows_##NAME(void *context, int64_t begin, int64_t end) {                                            \
        const Scan *s = context;                                                                                    \
        for (int64_t r = begin; r < end; r++)                                                                       \
            row_##NAME(s, r * s->params->length, s->params->length, neutral_##NAME(s->params->function));           \
    }                                                                                                               \
    /* `width` lines side by side */                                                                                \
    static void columns_##NAME(void *context, int64_t begin, int64_t end) {                                         \
        const Scan *s = context;                                                                                    \
        const tp_scan_params *p = s->params;\
        const int64_t function = p->function, from = tp_itemsize((int)p->from);                     \
        const int64_t to = tp_itemsize((int)p->to), inner = p->inner, blocks = (inner + BLOCK - 1) / BLOCK;         \
        A acc[BLOCK], next[BLOCK];                                                                                  \
        int64_t place[BLOCK];                                                                                       \
        for (int64_t unit = begin; unit < end; unit++) {                                                            \
            int64_t column = unit % blocks * BLOCK, width = tp_min64(BLOCK, inner - column);                        \
            for (int64_t j = 0; j < width; j++) {                                                                   \
                acc[j] = neutral_##NAME(function);                                                                  \
                place[j] = 0;                                                                                       \
            }                                                                                                       \
            for (int64_t i = 0; i < p->length; i++) {                                                               \
                int64_t at = (unit / blocks * p->length + i) * inner + column;                                      \
                load_##NAME(next, s->in + at * from, width, p->from);                                               \
                if (function == SUM) {                                                                              \
                    for (int64_t j = 0; j < width; j++)                                                             \
                        acc[j] = (A)((U)acc[j] + (U)next[j]);                                                       \
                } else if (function == PROD) {                                                                      \
                    for (int64_t j = 0; j < width; j++)                                                             \
                        acc[j] = (A)((U)acc[j] * (U)next[j]);                                                       \
                } else {                                                                                            \
                    for (int64_t j = 0; j < width; j++) {                                                           \
                        bool taken = takes_over_##NAME(function, next[j], acc[j]);                                  \
                        acc[j] = taken ? next[j] : acc[j];                                                          \
                        place[j] = taken ? i : place[j];                                                            \
                    }                                                                                               \
                    memcpy(s->places + at, place, sizeof(int64_t) * (size_t)width);                                 \
                }                                                                                                   \
                store_##NAME(s->out + at * to, acc, width, p->to);                                                  \
            }                                                                                                       \
        }                                                                                                           \
    }                                                                                                               \
    static void piece_sums_##NAME(void *context, int64_t begin, int64_t end) {                                      \
        const Scan *s = context;                                                                                    \
        const tp_scan_params *p = s->params;\
        const int64_t from = tp_itemsize((int)p->from);                                             \
        A block[BLOCK];                                                                                             \
        for (int64_t unit = begin; unit < end; unit++) {                                                            \
            int64_t first = unit % s->pieces * PIECE, n = tp_min64(PIECE, p->length - first);                       \
            const char *in = s->in + (unit / s->pieces * p->length + first) * from;                                 \
            U first_sum = 0, second = 0, third = 0, fourth = 0; /* apart: GCC 12 adds an array of four wrongly for AVX-512 */\
            for (int64_t done = 0; done < n; done += BLOCK) {                                                       \
                int64_t m = tp_min64(BLOCK, n - done);                                                              \
                load_##NAME(block, in + done * from, m, p->from);                                                   \
                for (int64_t i = m; i < BLOCK; i++)                                                                 \
                    block[i] = 0;                                                                                   \
                for (int64_t i = 0; i < BLOCK; i += 4) {                                                            \
                    first_sum += (U)block[i], second += (U)block[i + 1];                                            \
                    third += (U)block[i + 2], fourth += (U)block[i + 3];                                            \
                }                                                                                                   \
            }                                                                                                       \
            ((A *)s->carries)[unit] = (A)(first_sum + second + (third + fourth));                                   \
        }                                                                                                           \
    }                                                                                                               \
    static void piece_scans_##NAME(void *context, int64_t begin, int64_t end) {                                     \
        const Scan *s = context;                                                                                    \
        for (int64_t unit = begin; unit < end; unit++) {                                                            \
            int64_t first = unit % s->pieces * PIECE, length = s->params->length;                                   \
            row_##NAME(s, unit / s->pieces * length + first, tp_min64(PIECE, length - first),                       \
                       ((A *)s->carries)[unit]);                                                                    \
        }                                                                                                           \
    }                                                                                                               \
    static int32_t scan_##NAME(Scan *s) {                                                                           \
        const tp_scan_params *p = s->params;\
        const int64_t length = p->length;                                                           \
        if (p->inner > 1) {                                                                                         \
            int64_t units = p->outer * ((p->inner + BLOCK - 1) / BLOCK), work = length * tp_min64(p->inner, BLOCK); \
            tp_parallel_for(units, (GRAIN + work - 1) / work, columns_##NAME, s);                                   \
        } else if (p->function == SUM && p->outer < FEW_LINES && length >= TP_SCAN_LONG * PIECE) {                  \
            s->pieces = (length + PIECE - 1) / PIECE;                                                               \
            A *carries = s->carries = malloc(sizeof(A) * (size_t)(p->outer * s->pieces));                           \
            if (!carries)                                                                                           \
                return TP_OUT_OF_MEMORY;                                                                            \
            tp_parallel_for(p->outer * s->pieces, 1, piece_sums_##NAME, s);                                         \
            for (int64_t r = 0; r < p->outer; r++, carries += s->pieces) {                                          \
                A acc = 0;                                                                                          \
                for (int64_t i = 0; i < s->pieces; i++) {                                                           \
                    A sum = carries[i];                                                                             \
                    carries[i] = acc;                                                                               \
                    acc = (A)((U)acc + (U)sum);                                                                     \
                }                                                                                                   \
            }                                                                                                       \
            tp_parallel_for(p->outer * s->pieces, 1, piece_scans_##NAME, s);                                        \
            free(s->carries);                                                                                       \
        } else {                                                                                                    \
            tp_parallel_for(p->outer, (GRAIN + length - 1) / length, rows_##NAME, s);                               \
        }                                                                                                           \
        return TP_OK;                                                                                               \
    }
#define NEVER(x) false
SCANS(real, double, double, isnan, -INFINITY, INFINITY)
SCANS(whole, int64_t, uint64_t, NEVER, INT64_MIN, INT64_MAX)

/* data: result, (extrema: places,) input */
int32_t tp_scan(void *const *data, const int64_t *given) {
    const tp_scan_params *params = (const void *)given;
    bool extremum = params->function >= MAX;
    Scan s = {.out = data[0], .places = extremum ? data[1] : NULL, .in = data[extremum ? 2 : 1], .params = params};
    if (params->outer == 0 || params->length == 0 || params->inner == 0)
        return TP_OK;
    return params->to >= TP_FLOAT16 ? scan_real(&s) : scan_whole(&s);
}

/* ---- nonzero */

typedef struct {
    const char *in;
    int64_t *out;
    const int64_t *sizes;
    int64_t itemsize, floating, numel, count, ndim;
    int64_t *before; /* how many lie before each piece */
} Nonzero;

/* Calls STATEMENT for every i in [0, n) whose element is not zero; -0.0 is zero. */
#define WHERE_TRUE(STATEMENT)                                                                                       \
    switch (z->itemsize) {                                                                                          \
    case 1: WHERE_TRUE_OF(uint8_t, 0xff, STATEMENT);                                                                \
    case 2: WHERE_TRUE_OF(uint16_t, 0x7fff, STATEMENT);                                                             \
    case 4: WHERE_TRUE_OF(uint32_t, 0x7fffffff, STATEMENT);                                                         \
    default: WHERE_TRUE_OF(uint64_t, 0x7fffffffffffffff, STATEMENT);                                                \
    }
#define WHERE_TRUE_OF(T, MAGNITUDE, STATEMENT)                                                                      \
    {                                                                                                               \
        const T mask = z->floating ? (T)MAGNITUDE : (T)-1;                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            bool truth = (((const T *)x)[i] & mask) != 0;                                                           \
            STATEMENT;                                                                                              \
        }                                                                                                           \
        break;                                                                                                      \
    }

static void count_pieces(void *context, int64_t begin, int64_t end) {
    const Nonzero *z = context;
    for (int64_t piece = begin; piece < end; piece++) {
        const char *x = z->in + piece * GRAIN * z->itemsize;
        int64_t n = tp_min64(GRAIN, z->numel - piece * GRAIN), found = 0;
        WHERE_TRUE(found += truth)
        z->before[piece] = found;
    }
}

static void write_pieces(void *context, int64_t begin, int64_t end) {
    const Nonzero *z = context;
    const int last = (int)z->ndim - 1;
    int64_t flat[GRAIN], position[TP_MAX_DIMS];
    for (int64_t piece = begin; piece < end; piece++) {
        const char *x = z->in + piece * GRAIN * z->itemsize;
        int64_t n = tp_min64(GRAIN, z->numel - piece * GRAIN), found = 0;
        int64_t *out = z->out + z->before[piece] * z->ndim;
        if (z->before[piece + 1] == z->before[piece] || z->before[piece] >= z->count)
            continue;
        WHERE_TRUE(flat[found] = i; found += truth)
        found = tp_min64(found, z->count - z->before[piece]);
        tp_unravel(piece * GRAIN, last + 1, z->sizes, position);
        for (int64_t k = 0, row = -position[last]; k < found; k++, out += z->ndim) { /* row: where the line begins */
            while (flat[k] - row >= z->sizes[last]) {
                row += z->sizes[last];
                for (int d = last - 1; d >= 0; d--) {
                    if (++position[d] < z->sizes[d])
                        break;
                    position[d] = 0;
                }
            }
            for (int d = 0; d < last; d++)
                out[d] = position[d];
            out[last] = flat[k] - row;
        }
    }
}

/* data: result [count, ndim], input */
int32_t tp_nonzero(void *const *data, const int64_t *params) {
    const tp_nonzero_params *p = (const void *)params;
    Nonzero z = {.in = data[1], .out = data[0], .itemsize = p->itemsize, .floating = p->floating, .numel = p->numel,
                 .count = p->count, .ndim = p->ndim, .sizes = p->sizes};
    int64_t pieces = (z.numel + GRAIN - 1) / GRAIN, found = 0;
    z.before = malloc(sizeof(int64_t) * (size_t)(pieces + 1));
    if (!z.before)
        return TP_OUT_OF_MEMORY;
    tp_parallel_for(pieces, 4, count_pieces, &z);
    for (int64_t piece = 0; piece <= pieces; piece++) {
        int64_t own = piece < pieces ? z.before[piece] : 0;
        z.before[piece] = found;
        found += own;
    }
    if (z.ndim > 0) {
        tp_parallel_for(pieces, 4, write_pieces, &z);
        if (found < z.count)
            memset(z.out + found * z.ndim, 0, sizeof(int64_t) * (size_t)((z.count - found) * z.ndim));
    }
    free(z.before);
    return TP_OK;
}
