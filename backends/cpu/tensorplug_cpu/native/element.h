/* What the hand-written kernels share: half-precision conversion, doubles in params. Codes and parameters are in
 * kernels.h. */
#ifndef TENSORPLUG_ELEMENT_H
#define TENSORPLUG_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "sizes.h"
#if defined(__F16C__)
#include <immintrin.h>
#endif

typedef uint16_t tp_half;     /* IEEE binary16 bits */
typedef uint16_t tp_bfloat16; /* the upper half of a binary32 */

static inline int64_t tp_min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t tp_max64(int64_t a, int64_t b) { return a > b ? a : b; }

static inline double tp_double_param(int64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float tp_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t tp_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float tp_bfloat16_to_float(tp_bfloat16 x) { return tp_float_of_bits((uint32_t)x << 16); }

static inline tp_bfloat16 tp_float_to_bfloat16(float x) { /* round to nearest even; NaN stays NaN */
    uint32_t bits = tp_bits_of_float(x);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
    return (tp_bfloat16)((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

static inline float tp_half_to_float(tp_half x) {
#if defined(__F16C__)
    return _cvtsh_ss(x);
#else
    uint32_t sign = (uint32_t)(x & 0x8000u) << 16, rest = x & 0x7fffu;
    if (rest >= 0x7c00u)
        return tp_float_of_bits(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    /* multiplying by 2^112 moves the exponent's bias and makes subnormals normal */
    return tp_float_of_bits(sign | tp_bits_of_float(tp_float_of_bits(rest << 13) * 0x1p112f));
#endif
}

static inline tp_half tp_float_to_half(float x) {
#if defined(__F16C__)
    return (tp_half)_cvtss_sh(x, 0);
#else
    uint32_t bits = tp_bits_of_float(x), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u)
        return (tp_half)(sign | 0x7e00u);
    if (rest >= 0x477ff000u) /* 65520 and above round to infinity */
        return (tp_half)(sign | 0x7c00u);
    if (rest < 0x38800000u) /* subnormal: adding 0.5 puts the rounding at the last bit of a half */
        return (tp_half)(sign | (tp_bits_of_float(tp_float_of_bits(rest) + 0.5f) - 0x3f000000u));
    return (tp_half)(sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1)) >> 13);
#endif
}

/* n elements of a floating dtype (not float64), as float32 and back. */
static inline void tp_load_floats(float *out, const void *in, int64_t n, int dtype) {
    if (dtype == TP_FLOAT32) {
        memcpy(out, in, (size_t)n * sizeof(float));
    } else if (dtype == TP_BFLOAT16) {
        const tp_bfloat16 *x = in;
        for (int64_t i = 0; i < n; i++)
            out[i] = tp_bfloat16_to_float(x[i]);
    } else {
        const tp_half *x = in;
        int64_t i = 0;
#if defined(__F16C__)
        for (; i + 8 <= n; i += 8)
            _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
#endif
        for (; i < n; i++)
            out[i] = tp_half_to_float(x[i]);
    }
}

static inline void tp_store_floats(void *out, const float *in, int64_t n, int dtype) {
    if (dtype == TP_FLOAT32) {
        memcpy(out, in, (size_t)n * sizeof(float));
    } else if (dtype == TP_BFLOAT16) {
        tp_bfloat16 *y = out;
        for (int64_t i = 0; i < n; i++)
            y[i] = tp_float_to_bfloat16(in[i]);
    } else {
        tp_half *y = out;
        int64_t i = 0;
#if defined(__F16C__)
        for (; i + 8 <= n; i += 8)
            _mm_storeu_si128((__m128i *)(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(in + i), 0));
#endif
        for (; i < n; i++)
            y[i] = tp_float_to_half(in[i]);
    }
}

static inline int64_t tp_itemsize(int dtype) {
    static const int8_t sizes[] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
    return sizes[dtype];
}

#endif
