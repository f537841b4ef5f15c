/* Sorting, selection by rank and binary search along one dimension of dense operands; see scan_sort.py.
 *
 * Values become unsigned keys that are in the same order (NaN the largest, -0.0 equal to 0.0, all bits inverted for
 * descending order). Pairs of key and place are sorted by digits, which is stable; many lines go to different threads,
 * and a long one is cut into pieces. Values are then fetched from the input. */
#include "element.h"
#include "parallel.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SORT, TOPK, KTH }; /* shared with scan_sort.py */
enum { FEW = TP_SORT_FEW, PIECE = TP_SORT_PIECE, MOST_PIECES = TP_SORT_MOST_PIECES, GRAIN = TP_SORT_GRAIN };

typedef struct {
    uint64_t key, place;
} Wide;

#define NAME(x) narrow_##x
#define PAIR uint64_t
#define KEY(pair) ((uint32_t)((pair) >> 32))
#define PLACE(pair) ((int64_t)((pair)&0xffffffffu))
#define MAKE(key, place) ((uint64_t)(key) << 32 | (uint64_t)(place))
#define KEY_BYTES 4
#include "sort_pairs.inc.h"
#include "sort_lines.inc.h"
#undef NAME
#undef PAIR
#undef KEY
#undef PLACE
#undef MAKE
#undef KEY_BYTES

#define NAME(x) wide_##x
#define PAIR Wide
#define KEY(pair) ((pair).key)
#define PLACE(pair) ((int64_t)(pair).place)
#define MAKE(k, p) ((Wide){(k), (uint64_t)(p)})
#define KEY_BYTES 8
#include "sort_pairs.inc.h"
#include "sort_lines.inc.h"

/* data: (values,) places, input. params: function, dtype, outer, length, inner, number of results a line, descending,
 * whether values are wanted, (KTH) the rank, from 1 on */
int32_t tp_sort(void *const *data, const int64_t *given) {
    const tp_sort_params *params = (const void *)given;
    bool wide = tp_itemsize((int)params->dtype) == 8;
    return wide ? wide_run(data, params) : narrow_run(data, params);
}

/* ---- binary search */

typedef struct {
    int64_t *out;
    const char *sorted, *values;
    const tp_searchsorted_params *params;
} Search;

#define SAME(x) (x)
#define SEARCH(NAME, T, LOAD)                                                                                       \
    static void search_##NAME(void *context, int64_t begin, int64_t end) {                                          \
        const Search *s = context;                                                                                  \
        const int64_t right = s->params->right, length = s->params->length;                                                  \
        for (int64_t i = begin; i < end; i++) {                                                                     \
            const T *sorted = (const T *)s->sorted + (s->params->own ? i / s->params->values * length : 0);                \
            const __auto_type value = LOAD(((const T *)s->values)[i]);                                              \
            int64_t low = 0, high = length;                                                                         \
            while (low < high) { /* so written that NaN comes after everything */                                   \
                int64_t middle = low + (high - low) / 2;                                                            \
                bool reached = right ? LOAD(sorted[middle]) > value : LOAD(sorted[middle]) >= value;                \
                low = reached ? low : middle + 1;                                                                   \
                high = reached ? middle : high;                                                                     \
            }                                                                                                       \
            s->out[i] = low;                                                                                        \
        }                                                                                                           \
    }
SEARCH(u8, uint8_t, SAME)
SEARCH(i8, int8_t, SAME)
SEARCH(i16, int16_t, SAME)
SEARCH(i32, int32_t, SAME)
SEARCH(i64, int64_t, SAME)
SEARCH(f16, tp_half, tp_half_to_float)
SEARCH(bf16, tp_bfloat16, tp_bfloat16_to_float)
SEARCH(f32, float, SAME)
SEARCH(f64, double, SAME)

/* data: result, boundaries, values. params: dtype, right, whether there are boundaries for each row, how many, values a
 * row, values in all */
int32_t tp_searchsorted(void *const *data, const int64_t *given) {
    const tp_searchsorted_params *params = (const void *)given;
    static const tp_range_fn loops[] = {search_u8,  search_u8,  search_i8,   search_i16, search_i32,
                                        search_i64, search_f16, search_bf16, search_f32, search_f64};
    Search s = {data[0], data[1], data[2], params};
    tp_parallel_for(params->total, GRAIN / 8, loops[params->dtype], &s);
    return TP_OK;
}
