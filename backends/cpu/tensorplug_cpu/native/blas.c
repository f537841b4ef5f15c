/* BLAS prints what it does not like about its arguments, and returns: the result is then what lay in memory. So every
 * argument is derived from sizes and strides here, those of dimensions of size 1 (which mean nothing) are not looked at,
 * and what a library says all the same becomes the kernel's status. */
#include "blas.h"

#include <limits.h>
#include <stddef.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };
typedef void (*Sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float,
                      float *, int);
typedef void (*Dgemm)(int, int, int, int, int, int, double, const double *, int, const double *, int, double,
                      double *, int);
typedef void (*Sgemv)(int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*Dgemv)(int, int, int, int, double, const double *, int, const double *, int, double, double *,
                      int);
typedef void (*Handler)(const char *function, const int *argument, size_t length);
static Sgemm blas_sgemm;
static Dgemm blas_dgemm;
static Sgemv blas_sgemv;
static Dgemv blas_dgemv;

static _Thread_local int refused; /* the number of the argument that the library did not like; 0: none */

static void hear(const char *function, const int *argument, size_t length) { refused = *argument ? *argument : -1; }

void tp_set_blas(void *sgemm, void *dgemm, void *sgemv, void *dgemv, void *set_handler) {
    blas_sgemm = (Sgemm)sgemm;
    blas_dgemm = (Dgemm)dgemm;
    blas_sgemv = (Sgemv)sgemv;
    blas_dgemv = (Dgemv)dgemv;
    if (set_handler)
        ((void *(*)(Handler))set_handler)(hear);
}

/* A matrix as BLAS takes it: the distance of its rows, or, transposed, of its columns. */
typedef struct {
    int transpose, lead;
    bool valid;
} Operand;

static inline bool fits(int64_t n) { return n >= 1 && n <= INT_MAX; }

static inline Operand operand(int64_t rows, int64_t columns, int64_t rs, int64_t cs) {
    TpStrides s;
    if (!tp_matrix_strides(rows, columns, rs, cs, &s))
        return (Operand){0};
    bool row_major = s.columns == 1;
    int64_t lead = row_major ? s.rows : s.columns;
    return (Operand){row_major ? NO_TRANSPOSE : TRANSPOSE, (int)lead, fits(lead)};
}

/* y[rows] = M[rows, columns] x. A row-major M is taken as it is, another one as the transpose of a row-major one. */
#define DEFINE_PRODUCT(name, type, gemm, gemv)                                                                         \
    static bool name##_vector(int64_t rows, int64_t columns, const type *m, int64_t rs, int64_t cs, const type *x,    \
                              int64_t incx, type *y, int64_t incy, type beta) {                                       \
        Operand a = operand(rows, columns, rs, cs);                                                                    \
        incx = columns == 1 ? 1 : incx;                                                                                \
        incy = rows == 1 ? 1 : incy;                                                                                   \
        if (!a.valid || !fits(incx) || !fits(incy))                                                                    \
            return false;                                                                                              \
        bool plain = a.transpose == NO_TRANSPOSE;                                                                      \
        gemv(ROW_MAJOR, a.transpose, (int)(plain ? rows : columns), (int)(plain ? columns : rows), 1, m, a.lead, x,    \
             (int)incx, beta, y, (int)incy);                                                                           \
        return true;                                                                                                   \
    }                                                                                                                  \
    static bool name(const TpGemm *p, type beta) {                                                                     \
        if (p->n == 1 && p->m > 1)                                                                                     \
            return name##_vector(p->m, p->k, p->a, p->a_rs, p->a_cs, p->b, p->b_rs, p->c, p->ldc, beta);               \
        if (p->m == 1)                                                                                                 \
            return name##_vector(p->n, p->k, p->b, p->b_cs, p->b_rs, p->a, p->a_cs, p->c, 1, beta);                    \
        Operand a = operand(p->m, p->k, p->a_rs, p->a_cs), b = operand(p->k, p->n, p->b_rs, p->b_cs);                  \
        if (!a.valid || !b.valid || !fits(p->ldc) || p->ldc < p->n)                                                    \
            return false;                                                                                              \
        gemm(ROW_MAJOR, a.transpose, b.transpose, (int)p->m, (int)p->n, (int)p->k, 1, p->a, a.lead, p->b, b.lead,      \
             beta, p->c, (int)p->ldc);                                                                                 \
        return true;                                                                                                   \
    }
DEFINE_PRODUCT(product_f32, float, blas_sgemm, blas_sgemv)
DEFINE_PRODUCT(product_f64, double, blas_dgemm, blas_dgemv)

int32_t tp_blas(const TpGemm *p, int dtype, bool adds) {
    if (!blas_sgemm || !fits(p->m) || !fits(p->n) || !fits(p->k))
        return TP_NOT_TAKEN;
    refused = 0;
    bool taken = dtype == TP_FLOAT32 ? product_f32(p, adds ? 1 : 0) : product_f64(p, adds ? 1 : 0);
    return taken ? refused ? TP_INTERNAL : TP_OK : TP_NOT_TAKEN;
}
