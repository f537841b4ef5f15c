/* tensorplug-flags: -ffp-contract=off
 * weight_only_linear: some rows of a weight of few bits at a time are made numbers of, and multiplied as such. */
#include "gemm.h"
#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "sizes.h"

#include <stdatomic.h>

enum { INPUT = 1, WEIGHT, SCALE, POINT, BIAS };
enum { CHUNK = TP_WEIGHT_ROWS };

static _Thread_local TpScratch scratch; /* for CHUNK rows of numbers */

typedef struct {
    void *const *data;
    const tp_weight_only_params *params;
    _Atomic int32_t status;
} Job;

/* Row r of the weight as numbers: the levels first, then scaled group by group. */
static void numbers_of_row(void *const *data, const tp_weight_only_params *p, int64_t r, float *out) {
    const int64_t k = p->k;
    if (p->bits == 4) {
        const uint8_t *in = (const uint8_t *)data[WEIGHT] + r * ((k + 1) / 2);
        const int flip = p->signed_levels ? 8 : 0;
        for (int64_t i = 0; i < k / 2; i++) {
            out[2 * i] = (float)(((in[i] & 15) ^ flip) - flip);
            out[2 * i + 1] = (float)(((in[i] >> 4) ^ flip) - flip);
        }
        if (k % 2)
            out[k - 1] = (float)(((in[k / 2] & 15) ^ flip) - flip);
    } else if (p->signed_levels) {
        const int8_t *in = (const int8_t *)data[WEIGHT] + r * k;
        for (int64_t i = 0; i < k; i++)
            out[i] = (float)in[i];
    } else {
        const uint8_t *in = (const uint8_t *)data[WEIGHT] + r * k;
        for (int64_t i = 0; i < k; i++)
            out[i] = (float)in[i];
    }
    const int64_t group = p->group, first = p->own ? r * p->groups : 0;
    for (int64_t g = 0; g < p->groups; g++) {
        const float scale = ((const float *)data[SCALE])[first + g];
        const float point = data[POINT] ? (float)((const int32_t *)data[POINT])[first + g] : 0.0f;
        float *numbers = out + g * group;
        for (int64_t i = 0; i < group; i++)
            numbers[i] = (numbers[i] - point) * scale;
    }
}

static void weight_rows(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    void *const *data = job->data;
    const tp_weight_only_params *p = job->params;
    const int64_t k = p->k;
    float *numbers = tp_scratch(&scratch, sizeof(float) * (size_t)(CHUNK * k + 1));
    if (numbers == NULL) {
        atomic_store(&job->status, TP_OUT_OF_MEMORY);
        return;
    }
    for (int64_t r = begin; r < end; r += CHUNK) {
        const int64_t rows = end - r < CHUNK ? end - r : CHUNK;
        for (int64_t i = 0; i < rows; i++)
            numbers_of_row(data, p, r + i, numbers + i * k);
        const TpGemm product = {
            .m = p->m, .n = rows, .k = k, .a = data[INPUT], .a_rs = k, .a_cs = 1, .b = numbers, .b_rs = 1,
            .b_cs = k, .c = (float *)data[0] + r, .ldc = p->n,
            .bias = p->bias ? (const float *)data[BIAS] + r : NULL, .bias_rs = 0, .bias_cs = 1};
        const int32_t status = tp_gemm(&product, TP_FLOAT32);
        if (status)
            atomic_store(&job->status, status);
    }
}

int32_t tp_weight_only_linear(void *const *data, const int64_t *params) {
    const tp_weight_only_params *p = (const void *)params;
    Job job = {.data = data, .params = p};
    const int64_t work = p->k * (p->m + 2);
    int64_t grain = (TP_WEIGHT_GRAIN / (work + 1) + CHUNK) / CHUNK * CHUNK;
    tp_parallel_for(p->n, grain, weight_rows, &job);
    return atomic_load(&job.status);
}
