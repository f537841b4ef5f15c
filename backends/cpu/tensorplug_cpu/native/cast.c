/* tensorplug-flags: -fwrapv
 * The contiguous loops of cast between the dtypes that are computed with; float16 and bfloat16 are converted to and
 * from float32 by the elementwise driver. Floating to integer cuts towards zero; to bool is "not zero". */
#include <stdint.h>

#define LOOP(FROM, from, TO, to, EXPRESSION)                                                                        \
    int32_t tp_cast_##from##_##to(void *const *data, const int64_t *params) {                                       \
        TO *const target = data[0];                                                                                 \
        const FROM *const source = data[1];                                                                         \
        const int64_t n = params[0];                                                                                \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) {                                                      \
            const FROM x = source[i];                                                                               \
            target[i] = (TO)(EXPRESSION);                                                                           \
        }                                                                                                           \
        return 0;                                                                                                   \
    }

/* small integers go through int32, as vector instructions do */
#define FROM_FLOAT(FROM, from)                                                                                      \
    LOOP(FROM, from, uint8_t, bool, x != 0)                                                                         \
    LOOP(FROM, from, uint8_t, uint8, (int32_t)x)                                                                    \
    LOOP(FROM, from, int8_t, int8, (int32_t)x)                                                                      \
    LOOP(FROM, from, int16_t, int16, (int32_t)x)                                                                    \
    LOOP(FROM, from, int32_t, int32, (int32_t)x)                                                                    \
    LOOP(FROM, from, int64_t, int64, (int64_t)x)                                                                    \
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

FROM_FLOAT(float, float32)
FROM_FLOAT(double, float64)
FROM_INTEGER(uint8_t, bool)
FROM_INTEGER(uint8_t, uint8)
FROM_INTEGER(int8_t, int8)
FROM_INTEGER(int16_t, int16)
FROM_INTEGER(int32_t, int32)
FROM_INTEGER(int64_t, int64)
