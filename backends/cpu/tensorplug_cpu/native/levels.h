/* Numbers as levels: what quantize and the quantized products write. */
#pragma once
#include <math.h>
#include <stdint.h>
#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

static inline uint8_t level_of(float v, float inverse, float point, float low, float high) {
    v = rintf(v * inverse) + point;
    v = v < low ? low : v <= high ? v : high; /* NaN: the highest, as PyTorch has it */
    return (uint8_t)(int32_t)v;
}

/* `n` levels, a multiple of 16. */
static inline void levels_of(const float *v, uint8_t *out, int64_t n, float inverse, float point, float low,
                             float high) {
#if defined(__AVX512BW__)
    const __m512 far = _mm512_set1_ps(1e6f), near = _mm512_set1_ps(-1e6f), by = _mm512_set1_ps(inverse);
    const __m512i zero = _mm512_set1_epi32((int32_t)point);
    const __m512i first = _mm512_set1_epi32((int32_t)low), last = _mm512_set1_epi32((int32_t)high);
    for (int64_t i = 0; i < n; i += 16) {
        const __m512 x = _mm512_loadu_ps(v + i);
        const __m512 y = _mm512_mul_ps(x, by);
        const __m512i q =
            _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_max_ps(_mm512_min_ps(y, far), near)), zero);
        const __m512i level = _mm512_mask_mov_epi32(_mm512_min_epi32(_mm512_max_epi32(q, first), last),
                                                    _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q), last);
        _mm_storeu_si128((__m128i *)(out + i), _mm512_cvtepi32_epi8(level));
    }
#else
    for (int64_t i = 0; i < n; i++)
        out[i] = level_of(v[i], inverse, point, low, high);
#endif
}
