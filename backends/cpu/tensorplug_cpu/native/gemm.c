/* tensorplug-flags: -ffp-contract=fast */
#include "blas.h"
#include "gemm.h"

#include <stdlib.h>

#define PLAIN(x) (x)

#define T uint8_t
#define A uint8_t
#define LOAD PLAIN
#define STORE PLAIN
#define NAME(x) x##_u8
#include "gemm_loops.inc.h"
#include "gemm_blocked.inc.h"
#undef T
#undef A
#undef NAME

#define T uint16_t
#define A uint32_t /* unsigned short would be promoted to int, whose product may overflow */
#define NAME(x) x##_u16
#include "gemm_loops.inc.h"
#include "gemm_blocked.inc.h"
#undef T
#undef A
#undef NAME

#define T uint32_t
#define A uint32_t
#define NAME(x) x##_u32
#include "gemm_loops.inc.h"
#include "gemm_blocked.inc.h"
#undef T
#undef A
#undef NAME

#define T uint64_t
#define A uint64_t
#define NAME(x) x##_u64
#include "gemm_loops.inc.h"
#include "gemm_blocked.inc.h"
#undef T
#undef A
#undef NAME

#define T float
#define A float
#define NAME(x) x##_f32
#include "gemm_loops.inc.h"
#include "gemm_blocked.inc.h"
#undef T
#undef A
#undef NAME

#define T double
#define A double
#define NAME(x) x##_f64
#include "gemm_loops.inc.h"
#include "gemm_blocked.inc.h"
#undef T
#undef A
#undef LOAD
#undef STORE
#undef NAME

#define T tp_half
#define A float
#define LOAD tp_half_to_float
#define STORE tp_float_to_half
#define NAME(x) x##_f16
#include "gemm_loops.inc.h"
#undef T
#undef A
#undef LOAD
#undef STORE
#undef NAME

#define T tp_bfloat16
#define A float
#define LOAD tp_bfloat16_to_float
#define STORE tp_float_to_bfloat16
#define NAME(x) x##_bf16
#include "gemm_loops.inc.h"
#undef T
#undef A
#undef LOAD
#undef STORE
#undef NAME

void tp_gemm_small(const TpGemm *p, int dtype) {
    switch (dtype) {
    case TP_UINT8:
    case TP_INT8: small_u8(p); break;
    case TP_INT16: small_u16(p); break;
    case TP_INT32: small_u32(p); break;
    case TP_INT64: small_u64(p); break;
    case TP_FLOAT16: small_f16(p); break;
    case TP_BFLOAT16: small_bf16(p); break;
    case TP_FLOAT32: small_f32(p); break;
    case TP_FLOAT64: small_f64(p); break;
    }
}

/* Writes the bias, where there is one, into C's place. */
static void preload(const TpGemm *p, int dtype) {
    switch (p->bias ? dtype : -1) {
    case TP_UINT8:
    case TP_INT8: preload_u8(p); break;
    case TP_INT16: preload_u16(p); break;
    case TP_INT32: preload_u32(p); break;
    case TP_INT64: preload_u64(p); break;
    case TP_FLOAT32: preload_f32(p); break;
    case TP_FLOAT64: preload_f64(p); break;
    }
}

/* A block of a matrix of 16-bit floats as float32, in the order in which it lies in memory; returns its lead.
 */
static int64_t widen(float *out, const uint16_t *in, int64_t rows, int64_t columns, int64_t rs, int64_t cs,
                     int dtype) {
    bool row_major = cs == 1;
    int64_t lines = row_major ? rows : columns, length = row_major ? columns : rows,
            step = row_major ? rs : cs;
    for (int64_t i = 0; i < lines; i++)
        tp_load_floats(out + i * length, in + i * step, length, dtype);
    return length;
}

static int32_t gemm_halves(const TpGemm *p, int dtype) {
    enum { MB = TP_HALVES_ROWS, NB = TP_HALVES_COLUMNS, KB = TP_HALVES_INNER };
    float *scratch = malloc(sizeof(float) * (MB * KB + KB * NB + MB * NB));
    if (!scratch)
        return TP_OUT_OF_MEMORY;
    float *a = scratch, *b = a + MB * KB, *c = b + KB * NB;
    for (int64_t j0 = 0; j0 < p->n; j0 += NB) {
        int64_t nb = tp_min64(NB, p->n - j0);
        for (int64_t i0 = 0; i0 < p->m; i0 += MB) {
            int64_t mb = tp_min64(MB, p->m - i0);
            uint16_t *out = (uint16_t *)p->c + i0 * p->ldc + j0;
            if (p->accumulate) {
                for (int64_t i = 0; i < mb; i++)
                    tp_load_floats(c + i * nb, out + i * p->ldc, nb, dtype);
            } else if (p->bias) {
                const uint16_t *bias = (const uint16_t *)p->bias + i0 * p->bias_rs + j0 * p->bias_cs;
                for (int64_t i = 0; i < mb; i++)
                    for (int64_t j = 0; j < nb; j++)
                        tp_load_floats(c + i * nb + j, bias + i * p->bias_rs + j * p->bias_cs, 1, dtype);
            } else {
                memset(c, 0, sizeof(float) * (size_t)(mb * nb));
            }
            for (int64_t l0 = 0; l0 < p->k; l0 += KB) {
                int64_t kb = tp_min64(KB, p->k - l0);
                TpGemm q = {.m = mb, .n = nb, .k = kb, .a = a, .b = b, .c = c, .ldc = nb, .accumulate = true};
                int64_t lead = widen(a, (const uint16_t *)p->a + i0 * p->a_rs + l0 * p->a_cs, mb, kb, p->a_rs,
                                     p->a_cs, dtype);
                q.a_rs = p->a_cs == 1 ? lead : 1;
                q.a_cs = p->a_cs == 1 ? 1 : lead;
                lead = widen(b, (const uint16_t *)p->b + l0 * p->b_rs + j0 * p->b_cs, kb, nb, p->b_rs,
                             p->b_cs, dtype);
                q.b_rs = p->b_cs == 1 ? lead : 1;
                q.b_cs = p->b_cs == 1 ? 1 : lead;
                int32_t status = dtype == TP_BFLOAT16 ? tp_gemm_bf16_values(&q) : tp_gemm(&q, TP_FLOAT32);
                if (status) {
                    free(scratch);
                    return status;
                }
            }
            for (int64_t i = 0; i < mb; i++)
                tp_store_floats(out + i * p->ldc, c + i * nb, nb, dtype);
        }
    }
    free(scratch);
    return TP_OK;
}

int32_t tp_gemm(const TpGemm *given, int dtype) {
    TpGemm own = *given, *p = &own;
    if (p->m == 0 || p->n == 0)
        return TP_OK;
    preload(p, dtype);
    bool adds = p->accumulate || p->bias;
    if (dtype == TP_FLOAT16 || dtype == TP_BFLOAT16) {
        TpStrides a, b;
        if (!tp_matrix_strides(p->m, p->k, p->a_rs, p->a_cs, &a)
            || !tp_matrix_strides(p->k, p->n, p->b_rs, p->b_cs, &b)) {
            tp_gemm_small(p, dtype);
            return TP_OK;
        }
        p->a_rs = a.rows, p->a_cs = a.columns, p->b_rs = b.rows, p->b_cs = b.columns;
        return gemm_halves(p, dtype);
    }
    if (p->k == 0) {
        if (!adds)
            for (int64_t i = 0; i < p->m; i++)
                memset((char *)p->c + i * p->ldc * tp_itemsize(dtype), 0,
                       (size_t)(p->n * tp_itemsize(dtype)));
        return TP_OK;
    }
    if (dtype == TP_FLOAT32 || dtype == TP_FLOAT64) {
        int32_t status = tp_blas(p, dtype, adds);
        if (status != TP_NOT_TAKEN)
            return status;
    }
    switch (dtype) {
    case TP_UINT8:
    case TP_INT8: blocked_u8(p); break;
    case TP_INT16: blocked_u16(p); break;
    case TP_INT32: blocked_u32(p); break;
    case TP_INT64: blocked_u64(p); break;
    case TP_FLOAT32: blocked_f32(p); break;
    case TP_FLOAT64: blocked_f64(p); break;
    }
    return TP_OK;
}

int32_t tp_gemm_bf16_values(const TpGemm *p) {
    int32_t status = tp_gemm_bf16_units(p);
    return status == TP_NO_UNITS ? tp_gemm(p, TP_FLOAT32) : status;
}
