/* Mathematical functions that a compiler can vectorize: no branches, no tables, no calls. One text for C and for
 * OpenCL C on processors, whose own functions do not vectorize in a loop.
 *
 * float32 polynomials for exp, log, sin and cos are those of the Cephes library (S. Moshier); erf's are N. Juffa's;
 * log for float64 is that of FreeBSD's msun (fdlibm). erfc and atan were fitted for this file (weighted minimax).
 * All handle NaN, infinities and subnormals. Files that include this one are compiled with -ffp-contract=fast.
 * What the float64 side takes from libm is not vectorized. Functions named *_any take operands of any size where the
 * plain one is for moderate operands only. */
#ifndef TENSORPLUG_MATHFN_H
#define TENSORPLUG_MATHFN_H

#ifdef __OPENCL_VERSION__
typedef char int8_t; typedef short int16_t; typedef int int32_t; typedef long int64_t;
typedef uchar uint8_t; typedef ushort uint16_t; typedef uint uint32_t; typedef ulong uint64_t;
#define copysignf copysign
#define fabsf fabs
#define floorf floor
#define fmaf fma
#define fmodf fmod
#define sinf sin
#define cosf cos
#define tanf tan
#else
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#define TP_INLINE static inline __attribute__((always_inline, unused))

TP_INLINE int32_t tpm_bits_f32(float x) { union { float f; int32_t i; } u = {.f = x}; return u.i; }
TP_INLINE float tpm_float_f32(int32_t i) { union { int32_t i; float f; } u = {.i = i}; return u.f; }
TP_INLINE int64_t tpm_bits_f64(double x) { union { double f; int64_t i; } u = {.f = x}; return u.i; }
TP_INLINE double tpm_float_f64(int64_t i) { union { int64_t i; double f; } u = {.i = i}; return u.f; }
TP_INLINE double tpm_real(int64_t bits) { return tpm_float_f64(bits); }

TP_INLINE float tpm_copysign_float32(float x, float y) { return copysignf(x, y); }
TP_INLINE double tpm_copysign_float64(double x, double y) { return copysign(x, y); }
TP_INLINE bool tpm_signbit_float32(float x) { return tpm_bits_f32(x) < 0; }
TP_INLINE bool tpm_signbit_float64(double x) { return tpm_bits_f64(x) < 0; }
TP_INLINE float tpm_clamp_f32(float x, float low, float high) { /* NaN passes */
    x = x < low ? low : x;
    return x > high ? high : x;
}
TP_INLINE double tpm_clamp_f64(double x, double low, double high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* ---- exp and its family, float32 */

/* exp(r) - 1 for |r| <= ln(2)/2 */
TP_INLINE float tpm_expm1_kernel_f32(float r) { /* Estrin's scheme: half the latency of Horner's */
    float z = r * r;
    float low = 1.6666665459e-1f * r + 5.0000001201e-1f;
    float middle = 8.3334519073e-3f * r + 4.1665795894e-2f;
    float high = 1.9875691500e-4f * r + 1.3981999507e-3f;
    return ((high * z + middle) * z + low) * z + r;
}

/* exp(x) * 2**shift */
TP_INLINE float tpm_exp_scaled_f32(float x, int32_t shift) {
    const float magic = 12582912.0f; /* 1.5 * 2**23: adding it rounds to an integer in the low bits */
    x = tpm_clamp_f32(x, -105.0f, 90.0f);
    float shifted = x * 1.44269504088896341f + magic;
    float n = shifted - magic;
    int32_t k = tpm_bits_f32(shifted) - tpm_bits_f32(magic) + shift;
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float value = tpm_expm1_kernel_f32(r) + 1.0f;
    int32_t halved = k >> 1; /* in two steps, so that results may be subnormal or overflow */
    return value * tpm_float_f32((halved + 127) << 23) * tpm_float_f32((k - halved + 127) << 23);
}

TP_INLINE float tpm_exp_float32(float x) { return tpm_exp_scaled_f32(x, 0); }

TP_INLINE float tpm_exp2_float32(float x) {
    const float magic = 12582912.0f;
    x = tpm_clamp_f32(x, -152.0f, 129.0f);
    float shifted = x + magic;
    int32_t k = tpm_bits_f32(shifted) - tpm_bits_f32(magic);
    float value = tpm_expm1_kernel_f32((x - (shifted - magic)) * 0.693147180559945309f) + 1.0f;
    int32_t halved = k >> 1;
    return value * tpm_float_f32((halved + 127) << 23) * tpm_float_f32((k - halved + 127) << 23);
}

TP_INLINE float tpm_expm1_float32(float x) {
    const float magic = 12582912.0f;
    float y = tpm_clamp_f32(x, -18.0f, 88.9f); /* above 88.73 the result is infinite */
    float shifted = y * 1.44269504088896341f + magic;
    float n = shifted - magic;
    int32_t k = tpm_bits_f32(shifted) - tpm_bits_f32(magic);
    float r = y - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float scale = tpm_float_f32((k - 1 + 127) << 23); /* 2**(k - 1): 2**k may overflow where the result does not */
    float result = 2.0f * (scale * tpm_expm1_kernel_f32(r) + (scale - 0.5f));
    return copysignf(k == 0 ? tpm_expm1_kernel_f32(r) : result, x); /* -0.0 stays what it is */
}

TP_INLINE float tpm_sinh_float32(float x) {
    float a = fabsf(x);
    float t = tpm_expm1_float32(a > 20.0f ? 20.0f : a);
    float near = 0.5f * (t + t / (t + 1.0f));
    float far = tpm_exp_scaled_f32(a, -1);
    return x != x ? x : copysignf(a > 20.0f ? far : near, x);
}

TP_INLINE float tpm_cosh_float32(float x) {
    float halved = tpm_exp_scaled_f32(fabsf(x), -1);
    return halved + 0.25f / halved;
}

TP_INLINE float tpm_tanh_float32(float x) {
    float a = fabsf(x);
    float t = tpm_expm1_float32(2.0f * (a > 10.0f ? 10.0f : a));
    return copysignf(t / (t + 2.0f), x);
}

/* ---- log and its family, float32 */

/* x = 2**e * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); x positive and finite */
TP_INLINE float tpm_log_reduce_f32(float x, float *f) {
    bool tiny = x < 1.17549435e-38f;
    int32_t bits = tpm_bits_f32(tiny ? x * 8388608.0f : x) - 0x3f3504f3;
    *f = tpm_float_f32((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    return (float)(bits >> 23) - (tiny ? 23.0f : 0.0f);
}

/* log(1 + f) - f for the reduced f */
TP_INLINE float tpm_log_kernel_f32(float f) {
    float z = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    return p * f * z - 0.5f * z;
}

/* `result` where x is positive and finite, else the logarithm's special value */
TP_INLINE float tpm_log_special_f32(float x, float result) {
    result = x == INFINITY ? x : result;
    result = x == 0.0f ? -INFINITY : result;
    return x >= 0.0f ? result : NAN;
}

TP_INLINE float tpm_log_float32(float x) {
    float f, e = tpm_log_reduce_f32(x, &f);
    float small = tpm_log_kernel_f32(f) + e * -2.12194440e-4f;
    return tpm_log_special_f32(x, (small + f) + e * 0.693359375f);
}

TP_INLINE float tpm_log1p_float32(float x) {
    float u = 1.0f + x;
    float lost = x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f); /* u + lost = 1 + x exactly */
    float f, e = tpm_log_reduce_f32(u, &f);
    f = f + lost * tpm_float_f32((127 - (int32_t)(e < 60.0f ? e : 60.0f)) << 23);
    float small = tpm_log_kernel_f32(f) + e * -2.12194440e-4f;
    float result = tpm_log_special_f32(u, (small + f) + e * 0.693359375f);
    return fabsf(x) < 1e-4f ? x - 0.5f * x * x : result; /* keeps -0 and subnormals */
}

TP_INLINE float tpm_log2_float32(float x) {
    float f, e = tpm_log_reduce_f32(x, &f);
    double log = (double)tpm_log_kernel_f32(f) + (double)f;
    return tpm_log_special_f32(x, (float)(log * 1.44269504088896341 + (double)e));
}

TP_INLINE float tpm_log10_float32(float x) {
    float f, e = tpm_log_reduce_f32(x, &f);
    double log = (double)tpm_log_kernel_f32(f) + (double)f;
    return tpm_log_special_f32(x, (float)(log * 0.434294481903251828 + (double)e * 0.301029995663981195));
}

/* ---- circular functions, float32; the plain ones for |x| < 1e6 */

/* x - n pi/2 for the nearest n, whose last two bits are *quadrant */
TP_INLINE float tpm_quarter_turns_f32(float x, int32_t *quadrant) {
    const double magic = 6755399441055744.0; /* 1.5 * 2**52 */
    double y = (double)x;
    double shifted = y * 0.636619772367581343 + magic;
    double n = shifted - magic;
    *quadrant = (int32_t)n;
    y = y - n * 1.57079632673412561417e+00;
    y = y - n * 6.07710050630396597660e-11;
    return (float)(y - n * 2.02226624879595063154e-21);
}

TP_INLINE float tpm_sin_kernel_f32(float r) {
    float z = r * r;
    float p = -1.9515295891e-4f;
    p = p * z + 8.3321608736e-3f;
    p = p * z - 1.6666654611e-1f;
    return copysignf(p * z * r + r, r); /* the sum alone makes 0 of -0 */
}

TP_INLINE float tpm_cos_kernel_f32(float r) {
    float z = r * r;
    float p = 2.443315711809948e-5f;
    p = p * z - 1.388731625493765e-3f;
    p = p * z + 4.166664568298827e-2f;
    return p * z * z - 0.5f * z + 1.0f;
}

TP_INLINE float tpm_sin_float32(float x) {
    int32_t q;
    float r = tpm_quarter_turns_f32(x, &q);
    float value = q & 1 ? tpm_cos_kernel_f32(r) : tpm_sin_kernel_f32(r);
    return tpm_float_f32(tpm_bits_f32(value) ^ ((q & 2) << 30));
}

TP_INLINE float tpm_cos_float32(float x) {
    int32_t q;
    float r = tpm_quarter_turns_f32(x, &q);
    float value = q & 1 ? tpm_sin_kernel_f32(r) : tpm_cos_kernel_f32(r);
    return tpm_float_f32(tpm_bits_f32(value) ^ (((q + 1) & 2) << 30));
}

TP_INLINE float tpm_tan_float32(float x) {
    int32_t q;
    float r = tpm_quarter_turns_f32(x, &q);
    float s = tpm_sin_kernel_f32(r), c = tpm_cos_kernel_f32(r);
    return q & 1 ? -(c / s) : s / c;
}

TP_INLINE float tpm_sin_float32_any(float x) { return sinf(x); }
TP_INLINE float tpm_cos_float32_any(float x) { return cosf(x); }
TP_INLINE float tpm_tan_float32_any(float x) { return tanf(x); }

TP_INLINE float tpm_atan2_float32(float y, float x) {
    float ax = fabsf(x), ay = fabsf(y);
    float large = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
    float t = small / large;
    t = large == 0.0f ? 0.0f : t;
    t = small == INFINITY ? 1.0f : t;
    float z = t * t;
    float p = -1.7936228541657329e-3f;
    p = p * z + 1.091461069881916e-2f;
    p = p * z - 3.1177856028079987e-2f;
    p = p * z + 5.795760452747345e-2f;
    p = p * z - 8.40345099568367e-2f;
    p = p * z + 1.0952185839414597e-1f;
    p = p * z - 1.4264242351055145e-1f;
    p = p * z + 1.9998548924922943e-1f;
    p = p * z - 3.3333298563957214e-1f;
    float angle = p * z * t + t;
    angle = ay > ax ? 1.57079637e+00f - (angle + 4.37113883e-08f) : angle;
    angle = tpm_bits_f32(x) < 0 ? 3.14159274e+00f - (angle + 8.74227766e-08f) : angle;
    angle = copysignf(angle, y);
    return ((x != x) | (y != y)) ? NAN : angle;
}

/* ---- error functions, float32 */

TP_INLINE float tpm_erf_float32(float x) {
    float t = fabsf(x), s = x * x;
    float p = -1.72853470e-5f * t + 3.83197126e-4f;
    float u = -3.88396438e-3f * t + 2.42546219e-2f;
    p = p * s + u;
    p = p * t - 1.06777877e-1f;
    p = p * t - 6.34846687e-1f;
    p = p * t - 1.28717512e-1f;
    p = p * t - t;
    float far = copysignf(1.0f - tpm_exp_float32(t > 5.0f ? -50.0f : p), x);
    float q = -5.96761703e-4f;
    q = q * s + 4.99119423e-3f;
    q = q * s - 2.67681349e-2f;
    q = q * s + 1.12819925e-1f;
    q = q * s - 3.76125336e-1f;
    q = q * s + 1.28379166e-1f;
    float near = q * x + x;
    return t > 0.921875f ? far : near;
}

/* 2**-64 * exp(a*a/2) * Phi(-a) for 0 <= a <= 15, with Phi the normal distribution's cumulative function */
TP_INLINE float tpm_scaled_tail_f32(float a) {
    float p = 0x1p-64f * 4.116360563784838e-3f, q = 1.0318065993487835e-2f;
    p = p * a + 0x1p-64f * 4.063357412815094e-2f;
    q = q * a + 1.0185971111059189e-1f;
    p = p * a + 0x1p-64f * 1.8323615193367004e-1f;
    q = q * a + 4.6947333216667175e-1f;
    p = p * a + 0x1p-64f * 4.382963180541992e-1f;
    q = q * a + 1.2025073766708374f;
    p = p * a + 0x1p-65f;
    q = q * a + 1.6744775772094727f;
    return p / (q * a + 1.0f);
}

/* exp(-scale * a * a) * 2**64 where scale * a * a <= 115, without the error that rounding a * a would bring; scale is
 * a power of two. The factor keeps what will be subnormal precise until it is multiplied away. */
TP_INLINE float tpm_exp_of_square_f32(float a, float scale) {
    const float magic = 12582912.0f;
#if defined(__FMA__)
    float x = -scale * (a * a), small = -scale * fmaf(a, a, -(a * a));
#else
    float high = tpm_float_f32(tpm_bits_f32(a) & ~0xfff); /* 12 bits: its square is exact */
    float x = -scale * high * high, small = -scale * (a - high) * (a + high);
#endif
    float shifted = x * 1.44269504088896341f + magic;
    float n = shifted - magic;
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float value = tpm_expm1_kernel_f32(r + small) + 1.0f;
    return tpm_float_f32(tpm_bits_f32(value) + ((tpm_bits_f32(shifted) + (64 - 0x4b400000)) << 23));
}

TP_INLINE float tpm_erfc_float32(float x) {
    float a = fabsf(x);
    a = a > 10.5f ? 10.5f : a; /* 0 from here on */
    float tail = tpm_exp_of_square_f32(a, 1.0f) * (2.0f * tpm_scaled_tail_f32(a * 1.41421356237309505f));
    return x < 0.0f ? 2.0f - tail : tail;
}

/* The cumulative function of the standard normal distribution, erfc(-x / sqrt(2)) / 2. */
TP_INLINE float tpm_normal_cdf_float32(float x) {
    float a = fabsf(x);
    a = a > 15.0f ? 15.0f : a; /* 0 from here on */
    float tail = tpm_exp_of_square_f32(a, 0.5f) * tpm_scaled_tail_f32(a);
    return x > 0.0f ? 1.0f - tail : tail;
}

/* ---- float64 */

/* exp(r) - 1 for |r| <= ln(2)/2: the Taylor series, whose remainder is below half a unit there */
TP_INLINE double tpm_expm1_kernel_f64(double r) {
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    return p * (r * r) + r;
}

/* 2**n for an integral n in [-1022, 1023] */
TP_INLINE double tpm_power_of_two_f64(double n) {
    const double magic = 6755399441055744.0;
    return tpm_float_f64((tpm_bits_f64(n + magic) + 1023) << 52);
}

TP_INLINE double tpm_exp_float64(double x) {
    const double magic = 6755399441055744.0;
    x = tpm_clamp_f64(x, -750.0, 715.0);
    double n = (x * 1.44269504088896340736 + magic) - magic;
    double r = x - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
    double halved = (n * 0.5 + magic) - magic;
    return (tpm_expm1_kernel_f64(r) + 1.0) * tpm_power_of_two_f64(halved) * tpm_power_of_two_f64(n - halved);
}

TP_INLINE double tpm_expm1_float64(double x) {
    const double magic = 6755399441055744.0;
    double y = tpm_clamp_f64(x, -40.0, 715.0);
    double n = (y * 1.44269504088896340736 + magic) - magic;
    double r = y - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
    double small = tpm_expm1_kernel_f64(r);
    double last = n > 1024.0 ? 1024.0 : n;
    double scale = tpm_power_of_two_f64(last - 1.0);
    double result = 2.0 * (scale * small + (scale - 0.5));
    result = n > 1024.0 ? (double)INFINITY : result;
    return copysign(n == 0.0 ? small : result, x);
}

TP_INLINE double tpm_tanh_float64(double x) {
    double a = fabs(x);
    double t = tpm_expm1_float64(2.0 * (a > 20.0 ? 20.0 : a));
    return copysign(t / (t + 2.0), x);
}

TP_INLINE double tpm_log_float64(double x) {
    bool tiny = x < 2.2250738585072014e-308;
    uint64_t bits = (uint64_t)tpm_bits_f64(tiny ? x * 0x1p54 : x) - 0x3fe6a09e667f3bcdULL + (1024ULL << 52);
    double e = tpm_float_f64((int64_t)((bits >> 52) | 0x4330000000000000ULL)) - (0x1p52 + 1024.0);
    e = e - (tiny ? 54.0 : 0.0);
    double f = tpm_float_f64((int64_t)((bits & 0xfffffffffffffULL) + 0x3fe6a09e667f3bcdULL)) - 1.0;
    double s = f / (2.0 + f), z = s * s, halved = 0.5 * f * f;
    double p = 1.479819860511658591e-01;
    p = p * z + 1.531383769920937332e-01;
    p = p * z + 1.818357216161805012e-01;
    p = p * z + 2.222219843214978396e-01;
    p = p * z + 2.857142874366239149e-01;
    p = p * z + 3.999999999940941908e-01;
    p = p * z + 6.666666666666735130e-01;
    double result = e * 6.93147180369123816490e-01
                    - ((halved - (s * (halved + p * z) + e * 1.90821492927058770002e-10)) - f);
    result = x == (double)INFINITY ? x : result;
    result = x == 0.0 ? -(double)INFINITY : result;
    return x >= 0.0 ? result : (double)NAN;
}

TP_INLINE double tpm_log1p_float64(double x) {
    double u = 1.0 + x;
    double lost = x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0); /* u + lost = 1 + x exactly */
    double result = tpm_log_float64(u);
    result = fabs(result) < (double)INFINITY ? result + lost / u : result;
    return fabs(x) < 1e-8 ? x - 0.5 * x * x : result; /* keeps -0 and subnormals */
}

/* exp(a*a) * erfc(a) for a >= 0; the polynomial is that of erfc in the op table */
TP_INLINE double tpm_erfcx_f64(double a) {
    double t = 1.0 / (1.0 + 0.3 * a);
    double u = t * 2.2469135802469136 - 1.2469135802469136;
    double p = -2.1882596195866733e-10;
    p = p * u + 3.6460374079583334e-10;
    p = p * u + 2.4944015299536576e-09;
    p = p * u - 5.510660942850502e-09;
    p = p * u - 1.86893429594463e-08;
    p = p * u + 5.5098592077743706e-08;
    p = p * u + 1.4212794446504038e-07;
    p = p * u - 4.88105997549867e-07;
    p = p * u - 1.3596666545725782e-06;
    p = p * u + 3.9517336214384095e-06;
    p = p * u + 1.6662966318270634e-05;
    p = p * u - 2.0745953290514356e-05;
    p = p * u - 0.00022279003660323013;
    p = p * u - 0.0002856788946223175;
    p = p * u + 0.0020106647956642043;
    p = p * u + 0.012957388132056224;
    p = p * u + 0.043280086390491405;
    p = p * u + 0.10319960243673718;
    p = p * u + 0.19199417005444938;
    p = p * u + 0.2891346043425454;
    p = p * u + 0.3579337561385727;
    return t * p;
}

/* exp(-scale * a * a) for a >= 0, without the error that rounding a * a would bring; scale is a power of two */
TP_INLINE double tpm_exp_of_square_f64(double a, double scale) {
#if defined(__FMA__)
    double square = a * a;
    double rest = 1.0 - scale * fma(a, a, -square);
#else
    double high = tpm_float_f64(tpm_bits_f64(a) & ~0x7ffffffLL), square = high * high;
    double rest = 1.0 + tpm_expm1_kernel_f64(-scale * (a - high) * (a + high));
#endif
    return tpm_exp_float64(-scale * square) * rest;
}

TP_INLINE double tpm_erfc_float64(double x) {
    double a = fabs(x);
    double tail = tpm_exp_of_square_f64(a, 1.0) * tpm_erfcx_f64(a);
    tail = a > 27.0 ? 0.0 : tail;
    return x < 0.0 ? 2.0 - tail : tail;
}

/* The cumulative function of the standard normal distribution, erfc(-x / sqrt(2)) / 2. */
TP_INLINE double tpm_normal_cdf_float64(double x) {
    double a = fabs(x);
    double tail = 0.5 * tpm_exp_of_square_f64(a, 0.5) * tpm_erfcx_f64(a * 0.707106781186547524401);
    tail = a > 38.6 ? 0.0 : tail;
    return x > 0.0 ? 1.0 - tail : tail;
}

TP_INLINE double tpm_erf_float64(double x) {
    double a = fabs(x), z = x * x;
    double p = 1.1079017947501558e-08;
    p = p * z - 1.5827667064567424e-07;
    p = p * z + 1.641705649300286e-06;
    p = p * z - 1.4923283048388212e-05;
    p = p * z + 0.00012055252657271225;
    p = p * z - 0.000854832526774754;
    p = p * z + 0.005223977601471378;
    p = p * z - 0.02686617064321942;
    p = p * z + 0.11283791670947298;
    p = p * z - 0.37612638903183626;
    p = p * z + 1.1283791670955126;
    double far = copysign(1.0 - tpm_erfc_float64(a), x);
    return a > 0.8 ? far : p * x;
}

#define TP_LIBM_F64(name) TP_INLINE double tpm_##name##_float64(double x) { return name(x); }
TP_LIBM_F64(sin) TP_LIBM_F64(cos) TP_LIBM_F64(tan) TP_LIBM_F64(asin) TP_LIBM_F64(acos) TP_LIBM_F64(atan)
TP_LIBM_F64(sinh) TP_LIBM_F64(cosh) TP_LIBM_F64(asinh) TP_LIBM_F64(acosh) TP_LIBM_F64(atanh) TP_LIBM_F64(log2) TP_LIBM_F64(log10) TP_LIBM_F64(exp2)
#undef TP_LIBM_F64
TP_INLINE double tpm_pow_float64(double x, double y) { return y == 2.0 ? x * x : pow(x, y); }
TP_INLINE double tpm_atan2_float64(double y, double x) { return atan2(y, x); }
TP_INLINE double tpm_hypot_float64(double x, double y) { return hypot(x, y); }
TP_INLINE double tpm_fmod_float64(double x, double y) { return fmod(x, y); }
TP_INLINE float tpm_fmod_float32(float x, float y) { return fmodf(x, y); }

/* ---- float32 through float64 */

TP_INLINE float tpm_hypot_float32(float x, float y) {
    float result = (float)sqrt((double)x * x + (double)y * y);
    return ((fabsf(x) == INFINITY) | (fabsf(y) == INFINITY)) ? INFINITY : result;
}

TP_INLINE float tpm_pow_float32(float x, float y) {
    const double magic = 6755399441055744.0;
    float ax = fabsf(x);
    double t = (double)y * (tpm_log_float64((double)ax) * 1.44269504088896340736);
    t = tpm_clamp_f64(t, -1000.0, 1000.0);
    double n = (t + magic) - magic;
    double magnitude = (tpm_expm1_kernel_f64((t - n) * 0.693147180559945309417) + 1.0) * tpm_power_of_two_f64(n);
    float result = (float)magnitude;
    bool whole = floorf(y) == y;
    float halves = y * 0.5f;
    bool odd = whole & (floorf(halves) != halves);
    result = (odd & (tpm_bits_f32(x) < 0)) ? -result : result;
    result = ((x < 0.0f) & !whole & (ax != INFINITY)) ? NAN : result;
    result = ((ax == 1.0f) & (fabsf(y) == INFINITY)) ? 1.0f : result;
    return ((y == 0.0f) | (x == 1.0f)) ? 1.0f : result;
}

#ifndef __OPENCL_VERSION__ /* programs of devices have their own, see dialect.py */

/* Python's modulo and floor division, as c10/util/generic_math.h of PyTorch computes them. */
#define TP_FLOATING_DIVISION(T, D, suffix)                                                                          \
    TP_INLINE T tpm_remainder_##D(T x, T y) {                                                                        \
        T r = fmod##suffix(x, y);                                                                                   \
        return (r != 0) & ((y < 0) != (r < 0)) ? r + y : r;                                                         \
    }                                                                                                               \
    TP_INLINE T tpm_floor_divide_##D(T x, T y) {                                                                     \
        if (y == 0)                                                                                                 \
            return x / y;                                                                                           \
        T r = fmod##suffix(x, y), q = (x - r) / y;                                                                  \
        if (r != 0 && (y < 0) != (r < 0))                                                                           \
            q -= 1;                                                                                                 \
        if (q == 0)                                                                                                 \
            return copysign##suffix(0, x / y);                                                                      \
        T whole = floor##suffix(q);                                                                                 \
        return q - whole > (T)0.5 ? whole + 1 : whole;                                                              \
    }
TP_FLOATING_DIVISION(float, float32, f)
TP_FLOATING_DIVISION(double, float64, )
#undef TP_FLOATING_DIVISION

/* ---- integers: wrap around; -1 as a divisor is treated apart, since the minimum divided by it traps */

#define TP_INTEGER(T, U, D)                                                                                         \
    TP_INLINE T tpm_fmod_##D(T x, T y) { return (T)-1 < 0 && y == (T)-1 ? 0 : x % y; }                               \
    TP_INLINE T tpm_remainder_##D(T x, T y) {                                                                        \
        T r = tpm_fmod_##D(x, y);                                                                                    \
        return r != 0 && (r < 0) != (y < 0) ? r + y : r;                                                            \
    }                                                                                                               \
    TP_INLINE T tpm_floor_divide_##D(T x, T y) {                                                                     \
        if ((T)-1 < 0 && y == (T)-1)                                                                                \
            return (T)(0 - (U)x);                                                                                   \
        T q = x / y;                                                                                                \
        return x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;                                                        \
    }                                                                                                               \
    TP_INLINE T tpm_shift_left_##D(T x, T y) {                                                                       \
        return (U)y >= sizeof(T) * 8 ? 0 : (T)((U)x << y);                                                          \
    }                                                                                                               \
    TP_INLINE T tpm_shift_right_##D(T x, T y) {                                                                      \
        const int last = sizeof(T) * 8 - ((T)-1 < 0);                                                               \
        return (U)y >= (U)last ? (sizeof(T) * 8 == (size_t)last ? 0 : x >> last) : x >> y;                          \
    }                                                                                                               \
    TP_INLINE T tpm_pow_##D(T x, T y) {                                                                              \
        if ((T)-1 < 0 && y < 0)                                                                                     \
            return x == 1 ? 1 : x == (T)-1 ? (y & 1 ? (T)-1 : 1) : 0;                                               \
        U result = 1, base = (U)x;                                                                                  \
        for (U left = (U)y; left; left >>= 1) {                                                                     \
            if (left & 1)                                                                                           \
                result = (U)(result * base);                                                                        \
            base = (U)(base * base);                                                                                \
        }                                                                                                           \
        return (T)result;                                                                                           \
    }
TP_INTEGER(uint8_t, uint8_t, uint8)
TP_INTEGER(int8_t, uint8_t, int8)
TP_INTEGER(int16_t, uint16_t, int16)
TP_INTEGER(int32_t, uint32_t, int32)
TP_INTEGER(int64_t, uint64_t, int64)
#undef TP_INTEGER

#endif
#endif
