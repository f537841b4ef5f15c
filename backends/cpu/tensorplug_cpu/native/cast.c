/* tensorplug-flags: -fwrapv
 * The contiguous loops of cast between the dtypes that are computed with; float16 and bfloat16 are converted to and
 * from float32 by the elementwise driver. Floating to integer cuts towards zero; what int32 (or int64) cannot hold, NaN
 * included, becomes the lowest number, and small integers are the low bits of that: uint8 of int64, the others of int32
 * (conversion.py). To bool is "not zero". */
#include "kernels.h"

#define LOOP(FROM, from, TO, to, EXPRESSION)                                                                        \
    int32_t tp_cast_##from##_##to(void *const *data, const int64_t *params) {                                       \
        TO *const target = data[0];                                                                                 \
        const FROM *const source = data[1];                                                                         \
        const int64_t n = ((const tp_loop_params *)params)->count;                                                  \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                                      \
            const FROM x = source[i];                                                                               \
            target[i] = (TO)(EXPRESSION);                                                                           \
        }                                                                                                           \
        return 0;                                                                                                   \
    }

/* The rule is that of x86's instructions, whose result C leaves undefined where it does not fit. */
#if defined(__x86_64__)
#define CUT32(x) ((int32_t)(x))
#define CUT64(x) ((int64_t)(x))
#else
#define CUT32(x) ((x) > -0x1p31 && (x) < 0x1p31 ? (int32_t)(x) : INT32_MIN)
#define CUT64(x) ((x) > -0x1p63 && (x) < 0x1p63 ? (int64_t)(x) : INT64_MIN)
#endif

#define FROM_FLOAT(FROM, from, CUT8)                                                                                  \
    LOOP(FROM, from, uint8_t, bool, x != 0)                                                                         \
    LOOP(FROM, from, uint8_t, uint8, CUT8(x))                                                                     \
    LOOP(FROM, from, int8_t, int8, CUT32(x))                                                                      \
    LOOP(FROM, from, int16_t, int16, CUT32(x))                                                                    \
    LOOP(FROM, from, int32_t, int32, CUT32(x))                                                                    \
    LOOP(FROM, from, int64_t, int64, CUT64(x))                                                                    \
    LOOP(FROM, from, float, float32, x)                                                                             \
    LOOP(FROM, from, double, float64, x)

#define FROM_INTEGER(FROM, from)                                                                                    \
    LOOP(FROM, from, uint8_t, bool, x != 0)                                                                         \
    LOOP(FROM, from, uint8_t, uint8, x)                                                                             \
    LOOP(FROM, from, int8_t, int8, x)                                                                               \
    LOOP(FROM, from, int16_t, int16, x)                                                                             \
    LOOP(FROM, from, int32_t, int32, x)                                                                             \
    LOOP(FROM, from, int64_t, int64, x)                                                                             \
    LOOP(FROM, from, float, float32, x)                                                                             \
    LOOP(FROM, from, double, float64, x)

FROM_FLOAT(float, float32, CUT32) /* from 2^31 on its numbers are multiples of 256 */
FROM_FLOAT(double, float64, CUT64)
FROM_INTEGER(uint8_t, bool)
FROM_INTEGER(uint8_t, uint8)
FROM_INTEGER(int8_t, int8)
FROM_INTEGER(int16_t, int16)
FROM_INTEGER(int32_t, int32)
FROM_INTEGER(int64_t, int64)
