/* Matrix products on one thread: OpenBLAS (blas.h) for float32 and float64, own loops for the rest. */
#ifndef TENSORPLUG_GEMM_H
#define TENSORPLUG_GEMM_H

#include "element.h"

/* C[m, n] = A[m, k] B[k, n] (+ bias[m, n]). Strides are in elements; that of a dimension of size 1 means nothing.
 * It is fast where, of A's strides and of B's, one is 1 and the other at least the extent that it steps over, and right
 * for any. C's rows are contiguous, `ldc` apart. `bias` may be
 * NULL, its strides may be 0; with `accumulate` the product is added to what C holds and bias must be NULL.
 * Floats of 16 bits are multiplied and summed in float32 and rounded once; integers wrap around. */
typedef struct {
    int64_t m, n, k;
    const void *a;
    int64_t a_rs, a_cs;
    const void *b;
    int64_t b_rs, b_cs;
    void *c;
    int64_t ldc;
    const void *bias;
    int64_t bias_rs, bias_cs;
    bool accumulate;
} TpGemm;

/* Strides as the fast ways want them: one is 1, the other at least the extent. False where a matrix has none such. */
typedef struct {
    int64_t rows, columns;
} TpStrides;

static inline bool tp_matrix_strides(int64_t rows, int64_t columns, int64_t rs, int64_t cs, TpStrides *found) {
    if ((columns == 1 || cs == 1) && (rows == 1 || rs >= columns))
        *found = (TpStrides){rows == 1 ? columns : rs, 1};
    else if ((rows == 1 || rs == 1) && (columns == 1 || cs >= rows))
        *found = (TpStrides){1, columns == 1 ? rows : cs};
    else
        return false;
    return true;
}

/* 0, TP_OUT_OF_MEMORY, or TP_INTERNAL where BLAS complained. */
int32_t tp_gemm(const TpGemm *product, int dtype);

/* The same of float32 matrices whose values are all bfloat16 numbers, faster where the processor multiplies these. */
int32_t tp_gemm_bf16_values(const TpGemm *product);

/* The same on the processor's units for it alone; TP_NO_UNITS where there are none, or the product is too small. */
enum { TP_NO_UNITS = -1 };
int32_t tp_gemm_bf16_units(const TpGemm *product);

/* Restricts that to float32 (1), AVX512-BF16 (2) or AMX (3, the default); returns what is used now. For tests. */
int tp_limit_bf16(int kind);

/* The same with any strides and no set-up cost: for products of a few hundred multiplications. */
void tp_gemm_small(const TpGemm *product, int dtype);

#endif
