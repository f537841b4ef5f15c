/* Pooling over one to three dimensions, forward and backward; fewer than three are led by dimensions of size 1.
 *
 * Where a row has enough results, the windows of all of them are folded tap by tap, which vectorises; else one window
 * after the other. An equal value does not replace an earlier one; NaN replaces all. */
#include "element.h"
#include "halves.h"
#include "parallel.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { COLUMNS = TP_POOL_COLUMNS, FEW_COLUMNS = TP_POOL_FEW_COLUMNS, GRAIN = TP_POOL_GRAIN };

/* The parameters, as pooling.py gives them. */
typedef tp_pool_params Pool;

typedef struct {
    int64_t first, end, step;
} Span;

typedef struct {
    void *const *data;
    const Pool *pool;
    const Span *taps;      /* for each place in the kernel's row: the results that see an element through it */
    const int64_t *widths; /* for each result in a row: how many elements in a row its mean counts */
    _Atomic int32_t status;
} Job;

static inline int64_t volume(const int64_t *sizes) { return sizes[0] * sizes[1] * sizes[2]; }

static inline int64_t ceil_div(int64_t a, int64_t b) { return a <= 0 ? -(-a / b) : (a + b - 1) / b; }

/* The elements that result number o of dimension i sees. */
static Span window_of(const Pool *p, int i, int64_t o) {
    if (p->adaptive)
        return (Span){o * p->in[i] / p->out[i], ceil_div((o + 1) * p->in[i], p->out[i]), 1};
    int64_t first = o * p->stride[i] - p->padding[i], step = p->dilation[i];
    int64_t end = tp_min64(first + (p->kernel[i] - 1) * step + 1, p->in[i]);
    if (first < 0)
        first += ceil_div(-first, step) * step;
    return (Span){first, end, step};
}

/* The results [first, end) that see an element through place k of the kernel's row; it is o * stride + step. */
static Span tap_of(const Pool *p, int64_t k) {
    int64_t shift = k * p->dilation[2] - p->padding[2], stride = p->stride[2];
    int64_t end = p->in[2] - shift <= 0 ? 0 : ceil_div(p->in[2] - shift, stride);
    return (Span){shift < 0 ? ceil_div(-shift, stride) : 0, tp_min64(end, p->out[2]), shift};
}

/* The plane of a row of results, and the depths and heights that its windows see. */
static int64_t plane_of(const Pool *p, int64_t row, Span *w) {
    w[1] = window_of(p, 1, row % p->out[1]);
    w[0] = window_of(p, 0, row / p->out[1] % p->out[0]);
    return row / p->out[1] / p->out[0];
}

/* How many elements of dimension i the mean of result number o counts. */
static int64_t counted(const Pool *p, int i, int64_t o) {
    Span w = window_of(p, i, o);
    if (p->adaptive || !p->include_pad)
        return tp_max64(w.end - w.first, 0);
    int64_t first = o * p->stride[i] - p->padding[i];
    return tp_min64(first + p->kernel[i], p->in[i] + p->padding[i]) - first;
}

static int64_t divisor_of_row(const Pool *p, int64_t row) {
    return counted(p, 1, row % p->out[1]) * counted(p, 0, row / p->out[1] % p->out[0]);
}

static inline int64_t divisor(const Pool *p, int64_t outer, int64_t width) {
    return p->divisor ? p->divisor : outer * width;
}

#define S float
#define T float
#define PLACE int32_t
#define LANES TP_POOL_LANES
#define LOAD(x) (x)
#define STORE(x) (x)
#define NAME(x) x##_f32
#include "pool_windows.inc.h"
#undef S
#undef T
#undef PLACE
#undef LANES
#undef NAME

#define S double
#define T double
#define PLACE int64_t
#define LANES (TP_POOL_LANES / 2)
#define NAME(x) x##_f64
#include "pool_windows.inc.h"
#undef S
#undef T
#undef PLACE
#undef LANES
#undef LOAD
#undef STORE
#undef NAME

#define S uint16_t
#define T float
#define PLACE int32_t
#define LANES TP_POOL_LANES
#define LOAD tp_from_f16
#define STORE tp_to_f16
#define NAME(x) x##_f16
#include "pool_windows.inc.h"
#undef LOAD
#undef STORE
#undef NAME

#define LOAD tp_from_bf16
#define STORE tp_to_bf16
#define NAME(x) x##_bf16
#include "pool_windows.inc.h"

static int32_t run(void *const *data, const Pool *p, const tp_range_fn *by_dtype, int64_t units, int64_t cost) {
    Job job = {.data = data, .pool = p};
    int64_t taps = p->adaptive ? 0 : p->kernel[2];
    Span *spans = malloc(sizeof(Span) * (size_t)taps + sizeof(int64_t) * (size_t)p->out[2]);
    if (!spans)
        return TP_OUT_OF_MEMORY;
    int64_t *widths = (int64_t *)(spans + taps);
    for (int64_t k = 0; k < taps; k++)
        spans[k] = tap_of(p, k);
    for (int64_t o = 0; o < p->out[2]; o++)
        widths[o] = counted(p, 2, o);
    job.taps = spans;
    job.widths = widths;
    tp_parallel_for(units, GRAIN / tp_max64(cost, 1) + 1, by_dtype[p->dtype - TP_FLOAT16], &job);
    free(spans);
    return job.status;
}

/* How much work a row of results is, in elements. */
static int64_t row_cost(const Pool *p) {
    if (p->adaptive)
        return ceil_div(volume(p->in), p->out[0] * p->out[1]);
    return volume(p->kernel) * p->out[2];
}

/* out, indices, input */
int32_t tp_max_pool(void *const *data, const int64_t *params) {
    static const tp_range_fn functions[] = {max_pool_f16, max_pool_bf16, max_pool_f32, max_pool_f64};
    const Pool *p = (const Pool *)params;
    return run(data, p, functions, p->planes * p->out[0] * p->out[1], row_cost(p));
}

/* out, input */
int32_t tp_avg_pool(void *const *data, const int64_t *params) {
    static const tp_range_fn functions[] = {avg_pool_f16, avg_pool_bf16, avg_pool_f32, avg_pool_f64};
    const Pool *p = (const Pool *)params;
    return run(data, p, functions, p->planes * p->out[0] * p->out[1], row_cost(p));
}

/* d_input, grad_output, indices */
int32_t tp_max_pool_backward(void *const *data, const int64_t *params) {
    static const tp_range_fn functions[] = {max_pool_backward_f16, max_pool_backward_bf16, max_pool_backward_f32,
                                            max_pool_backward_f64};
    const Pool *p = (const Pool *)params;
    return run(data, p, functions, p->planes, volume(p->in) + volume(p->out));
}

/* d_input, grad_output */
int32_t tp_avg_pool_backward(void *const *data, const int64_t *params) {
    static const tp_range_fn functions[] = {avg_pool_backward_f16, avg_pool_backward_bf16, avg_pool_backward_f32,
                                            avg_pool_backward_f64};
    const Pool *p = (const Pool *)params;
    return run(data, p, functions, p->planes, volume(p->in) + row_cost(p) * p->out[0] * p->out[1]);
}
