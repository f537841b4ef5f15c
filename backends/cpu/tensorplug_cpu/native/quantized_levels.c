/* tensorplug-flags: -ffp-contract=off
 * quantize, dequantize and choose_qparams: numbers as levels, levels as numbers, and the scale for it. */
#include "kernels.h"
#include "levels.h"
#include "parallel.h"
#include "sizes.h"

#include <stdbool.h>

typedef struct {
    void *const *data;
    const void *params;
} Levels;

static void to_levels(void *ctx, int64_t begin, int64_t end) {
    const Levels *job = ctx;
    const tp_quantize_params *p = job->params;
    const float *x = job->data[1], *scales = job->data[2];
    const int32_t *points = job->data[3];
    uint8_t *out = job->data[0];
    const float low = (float)p->low, high = (float)p->high;
    while (begin < end) {
        const int64_t row = begin / p->inner, stop = (row + 1) * p->inner < end ? (row + 1) * p->inner : end;
        const float inverse = 1.0f / scales[row % p->scales];
        const float point = points ? (float)points[row % p->scales] : 0.0f;
        const int64_t whole = begin + (stop - begin) / 16 * 16;
        levels_of(x + begin, out + begin, whole - begin, inverse, point, low, high);
        for (int64_t i = whole; i < stop; i++)
            out[i] = level_of(x[i], inverse, point, low, high);
        begin = stop;
    }
}

int32_t tp_quantize(void *const *data, const int64_t *params) {
    const tp_quantize_params *p = (const void *)params;
    Levels job = {data, p};
    tp_parallel_for(p->count, TP_LEVELS_GRAIN, to_levels, &job);
    return 0;
}

static void to_numbers(void *ctx, int64_t begin, int64_t end) {
    const Levels *job = ctx;
    const tp_dequantize_params *p = job->params;
    const float *scales = job->data[2];
    const int32_t *points = job->data[3];
    float *out = job->data[0];
    while (begin < end) {
        const int64_t row = begin / p->inner, stop = (row + 1) * p->inner < end ? (row + 1) * p->inner : end;
        const float scale = scales[row % p->scales];
        const int32_t point = points ? points[row % p->scales] : 0;
        if (p->signed_levels) {
            const int8_t *x = job->data[1];
            for (int64_t i = begin; i < stop; i++)
                out[i] = (float)(x[i] - point) * scale;
        } else {
            const uint8_t *x = job->data[1];
            for (int64_t i = begin; i < stop; i++)
                out[i] = (float)(x[i] - point) * scale;
        }
        begin = stop;
    }
}

int32_t tp_dequantize(void *const *data, const int64_t *params) {
    const tp_dequantize_params *p = (const void *)params;
    Levels job = {data, p};
    tp_parallel_for(p->count, TP_LEVELS_GRAIN, to_numbers, &job);
    return 0;
}

/* ---- the scale that fits a range ---- */

enum { RANGE_CHUNK = TP_RANGE_CHUNK, MOST_CHUNKS = TP_RANGE_MOST_CHUNKS, LANE_COUNT = TP_LEVELS_LANES };

typedef struct {
    const float *x;
    int64_t count, chunk;
    float least[MOST_CHUNKS], most[MOST_CHUNKS];
    bool nan[MOST_CHUNKS];
} Range;

static void range_of(void *ctx, int64_t begin, int64_t end) {
    Range *range = ctx;
    for (int64_t c = begin; c < end; c++) {
        const int64_t first = c * range->chunk;
        const int64_t stop = first + range->chunk < range->count ? first + range->chunk : range->count;
        float low[LANE_COUNT] = {0}, high[LANE_COUNT] = {0};
        int32_t bad[LANE_COUNT] = {0};
        int64_t i = first;
#if defined(__AVX512BW__)
        __m512 least = _mm512_setzero_ps(), most = least;
        __mmask16 odd = 0;
        for (; i + LANE_COUNT <= stop; i += LANE_COUNT) {
            const __m512 v = _mm512_loadu_ps(range->x + i);
            least = _mm512_min_ps(v, least); /* the second where one is NaN */
            most = _mm512_max_ps(v, most);
            odd |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        }
        _mm512_storeu_ps(low, least);
        _mm512_storeu_ps(high, most);
        bad[0] = odd;
#endif
        for (; i + LANE_COUNT <= stop; i += LANE_COUNT)
            for (int l = 0; l < LANE_COUNT; l++) {
                const float v = range->x[i + l];
                low[l] = v < low[l] ? v : low[l];
                high[l] = v > high[l] ? v : high[l];
                bad[l] |= v != v;
            }
        for (; i < stop; i++) {
            const float v = range->x[i];
            low[0] = v < low[0] ? v : low[0];
            high[0] = v > high[0] ? v : high[0];
            bad[0] |= v != v;
        }
        for (int l = 1; l < LANE_COUNT; l++) {
            low[0] = low[l] < low[0] ? low[l] : low[0];
            high[0] = high[l] > high[0] ? high[l] : high[0];
            bad[0] |= bad[l];
        }
        range->least[c] = low[0];
        range->most[c] = high[0];
        range->nan[c] = bad[0] != 0;
    }
}

/* choose_qparams(input) -> scale, zero_point. */
int32_t tp_choose_qparams(void *const *data, const int64_t *params) {
    const tp_choose_qparams_params *p = (const void *)params;
    Range range = {.x = data[2], .count = p->count, .chunk = RANGE_CHUNK};
    if (range.count > (int64_t)RANGE_CHUNK * MOST_CHUNKS)
        range.chunk = (range.count + MOST_CHUNKS - 1) / MOST_CHUNKS;
    const int64_t chunks = (range.count + range.chunk - 1) / range.chunk;
    tp_parallel_for(chunks, 1, range_of, &range);
    float least = 0.0f, most = 0.0f;
    bool nan = false;
    for (int64_t c = 0; c < chunks; c++) {
        least = range.least[c] < least ? range.least[c] : least;
        most = range.most[c] > most ? range.most[c] : most;
        nan |= range.nan[c];
    }
    if (nan)
        least = most = NAN;
    const float low = (float)p->low, high = (float)p->high, smallest = 0x1p-103f;
    const float steps = (float)(p->symmetric ? 2.0 / (double)(p->high - p->low)
                                               : 1.0 / (double)(p->high - p->low));
    const float reach = p->symmetric ? (-least > most ? -least : most) : most - least;
    float scale = reach * steps;
    scale = scale < smallest ? smallest : scale;
    *(float *)data[0] = scale;
    if (p->symmetric) {
        *(int32_t *)data[1] = (int32_t)((p->low + p->high + 1) / 2);
        return 0;
    }
    float point = low - rintf(least * (1.0f / scale));
    point = point < low ? low : point > high ? high : point;
    *(int32_t *)data[1] = nan ? 0 : (int32_t)point;
    return 0;
}
