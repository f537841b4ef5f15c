/* tensorplug-flags: -ffp-contract=fast
 * softmax, log_softmax and their cotangents along any dimension.
 * The operands are dense [outer, n, inner]; see softmax.py for the parameters. */
#include "element.h"
#include "mathfn.h"
#include "parallel.h"
#include "strided.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { COLUMNS = TP_SOFTMAX_COLUMNS, FEW_COLUMNS = TP_SOFTMAX_FEW_COLUMNS };

#define T float
#define LANES TP_NORM_LANES
#define EXP tpm_exp_float32
#define LOG tpm_log_float32
#define NAME(x) x##_f32
#include "softmax_rows.inc.h"
#undef T
#undef LANES
#undef EXP
#undef LOG
#undef NAME

#define T double
#define LANES (TP_NORM_LANES / 2)
#define EXP tpm_exp_float64
#define LOG tpm_log_float64
#define NAME(x) x##_f64
#include "softmax_rows.inc.h"
#undef T
#undef LANES
#undef EXP
#undef LOG
#undef NAME


typedef struct {
    void *const *data;
    const tp_softmax_params *params;
    _Atomic int32_t status;
} Job;

/* Writes a finished row of float32 to a result of any floating dtype whose elements lie `inner` apart. */
static void put(char *out, const float *row, int64_t n, int64_t inner, int dtype, bool stream) {
    if (inner > 1) {
        int64_t item = tp_itemsize(dtype);
        for (int64_t i = 0; i < n; i++)
            tp_store_floats(out + i * inner * item, row + i, 1, dtype);
    } else if (stream) {
        tp_stream(out, (const char *)row, n * (int64_t)sizeof(float));
    } else {
        tp_store_floats(out, row, n, dtype);
    }
}

static void take(float *row, const char *in, int64_t n, int64_t inner, int dtype) {
    int64_t item = tp_itemsize(dtype);
    if (inner == 1)
        tp_load_floats(row, in, n, dtype);
    else
        for (int64_t i = 0; i < n; i++)
            tp_load_floats(row + i, in + i * inner * item, 1, dtype);
}

/* Rows through float32 buffers: halves, few columns, and results that are written past the caches. */
static void buffered(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const tp_softmax_params *p = job->params;
    int dtype = (int)p->dtype;
    int64_t n = p->length, inner = p->inner, item = tp_itemsize(dtype);
    bool backward = p->function >= 2, direct = dtype == TP_FLOAT32 && inner == 1;
    float *row = malloc(sizeof(float) * (size_t)(3 * n + 1));
    if (!row) {
        job->status = TP_OUT_OF_MEMORY;
        return;
    }
    for (int64_t r = begin; r < end; r++) {
        int64_t place = (r / inner * n * inner + r % inner) * item;
        const char *x = (const char *)job->data[1] + place,
                   *y = backward ? (const char *)job->data[2] + place : NULL;
        if (!direct) {
            take(row + n, x, n, inner, dtype);
            if (backward)
                take(row + 2 * n, y, n, inner, dtype);
        }
        rows_f32[p->function](row, direct ? (const float *)x : row + n,
                              direct ? (const float *)y : row + 2 * n, n);
        put((char *)job->data[0] + place, row, n, inner, dtype, p->stream);
    }
    tp_stream_end();
    free(row);
}

static void by_columns(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const tp_softmax_params *p = job->params;
    int64_t n = p->length, inner = p->inner, blocks = (inner + COLUMNS - 1) / COLUMNS;
    for (int64_t b = begin; b < end; b++) {
        int64_t first = b % blocks * COLUMNS, place = b / blocks * n * inner + first,
                w = tp_min64(COLUMNS, inner - first);
        if (p->dtype == TP_FLOAT32)
            columns_f32[p->function]((float *)job->data[0] + place, (const float *)job->data[1] + place,
                                     (const float *)job->data[2] + place, n, inner, w);
        else
            columns_f64[p->function]((double *)job->data[0] + place, (const double *)job->data[1] + place,
                                     (const double *)job->data[2] + place, n, inner, w);
    }
}

static void by_rows(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const tp_softmax_params *p = job->params;
    int64_t n = p->length;
    for (int64_t r = begin; r < end; r++) {
        if (p->dtype == TP_FLOAT32)
            rows_f32[p->function]((float *)job->data[0] + r * n, (const float *)job->data[1] + r * n,
                                  (const float *)job->data[2] + r * n, n);
        else
            rows_f64[p->function]((double *)job->data[0] + r * n, (const double *)job->data[1] + r * n,
                                  (const double *)job->data[2] + r * n, n);
    }
}

int32_t tp_softmax(void *const *data, const int64_t *given) {
    const tp_softmax_params *params = (const void *)given;
    int64_t outer = params->outer, n = params->length, inner = params->inner, grain = TP_SOFTMAX_GRAIN;
    void *pointers[3] = {data[0], data[1], params->function >= 2 ? data[2] : data[1]};
    Job job = {.data = pointers, .params = params};
    if (outer * n * inner == 0)
        return TP_OK;
    bool halves = params->dtype == TP_FLOAT16 || params->dtype == TP_BFLOAT16;
    if (halves || params->stream || (inner > 1 && inner < FEW_COLUMNS && params->dtype == TP_FLOAT32))
        tp_parallel_for(outer * inner, (grain + n - 1) / n, buffered, &job);
    else if (inner == 1)
        tp_parallel_for(outer, (grain + n - 1) / n, by_rows, &job);
    else
        tp_parallel_for(outer * ((inner + COLUMNS - 1) / COLUMNS), (grain + n * COLUMNS - 1) / (n * COLUMNS),
                        by_columns, &job);
    return job.status;
}
