/* float16 and bfloat16 to float32 and back, in blocks. Rounding is to nearest even; NaN stays NaN. */
#ifndef TENSORPLUG_HALVES_H
#define TENSORPLUG_HALVES_H

#include "element.h"

#define TP_HALF_INLINE static inline __attribute__((always_inline, unused))

TP_HALF_INLINE uint32_t tp_float_bits(float x) { uint32_t i; memcpy(&i, &x, 4); return i; }
TP_HALF_INLINE float tp_bits_float(uint32_t i) { float x; memcpy(&x, &i, 4); return x; }

TP_HALF_INLINE float tp_from_bf16(uint16_t x) { return tp_bits_float((uint32_t)x << 16); }

TP_HALF_INLINE uint16_t tp_to_bf16(float x) {
    uint32_t bits = tp_float_bits(x);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return (uint16_t)(x != x ? 0x7fc0u : rounded);
}

/* Source: F. Giesen, "float->half variants" and "half->float variants" (public domain). */
TP_HALF_INLINE float tp_from_f16(uint16_t x) {
    uint32_t shifted = (uint32_t)(x & 0x7fff) << 13, exponent = shifted & 0x0f800000u;
    uint32_t normal = shifted + (112u << 23);
    float tiny = tp_bits_float(shifted + (113u << 23)) - tp_bits_float(113u << 23);
    uint32_t magnitude = exponent == 0x0f800000u ? normal + (112u << 23)
                         : exponent == 0 ? tp_float_bits(tiny) : normal;
    return tp_bits_float(magnitude | (uint32_t)(x & 0x8000) << 16);
}

TP_HALF_INLINE uint16_t tp_to_f16(float x) {
    uint32_t bits = tp_float_bits(x), sign = bits & 0x80000000u, magnitude = bits ^ sign;
    uint32_t tiny = tp_float_bits(tp_bits_float(magnitude) + 0.5f) - 0x3f000000u;
    uint32_t normal = (magnitude + (0xc8000000u + 0xfffu) + ((magnitude >> 13) & 1u)) >> 13;
    uint32_t result = magnitude < (113u << 23) ? tiny : normal;
    result = magnitude >= (143u << 23) ? 0x7c00u : result;
    result = magnitude > 0x7f800000u ? 0x7e00u : result;
    return (uint16_t)(result | sign >> 16);
}

static inline __attribute__((unused)) void tp_widen_f16(float *to, const uint16_t *from, int64_t n) {
    int64_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
#endif
    for (; i < n; i++)
        to[i] = tp_from_f16(from[i]);
}

static inline __attribute__((unused)) void tp_narrow_f16(uint16_t *to, const float *from, int64_t n) {
    int64_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < n; i++)
        to[i] = tp_to_f16(from[i]);
}

static inline __attribute__((unused)) void tp_widen_bf16(float *to, const uint16_t *from, int64_t n) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        to[i] = tp_from_bf16(from[i]);
}

static inline __attribute__((unused)) void tp_narrow_bf16(uint16_t *to, const float *from, int64_t n) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        to[i] = tp_to_bf16(from[i]);
}

/* `code` is TP_FLOAT16 or TP_BFLOAT16. */
TP_HALF_INLINE void tp_widen(float *to, const uint16_t *from, int64_t n, int code) {
    if (code == TP_FLOAT16)
        tp_widen_f16(to, from, n);
    else
        tp_widen_bf16(to, from, n);
}

TP_HALF_INLINE void tp_narrow(uint16_t *to, const float *from, int64_t n, int code) {
    if (code == TP_FLOAT16)
        tp_narrow_f16(to, from, n);
    else
        tp_narrow_bf16(to, from, n);
}

#endif
