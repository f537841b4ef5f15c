/* The only way to BLAS: its arguments are worked out, and checked, in one place. */
#ifndef TENSORPLUG_BLAS_H
#define TENSORPLUG_BLAS_H

#include "gemm.h"

enum { TP_NOT_TAKEN = -1 };

/* The product of float32 or float64 matrices, without its bias (which C holds where `adds`). TP_OK; TP_NOT_TAKEN where no
 * BLAS is loaded, or a size, stride or lead is none that it takes: then nothing was written; TP_INTERNAL where it
 * complained nevertheless. No side may be 0. */
int32_t tp_blas(const TpGemm *product, int dtype, bool adds);

/* The library's functions (cblas_sgemm, cblas_dgemm, cblas_sgemv, cblas_dgemv), with 32-bit integers. `set_handler` may be
 * NULL; otherwise it takes the function that is to hear the library's complaints, which would be printed else. */
void tp_set_blas(void *sgemm, void *dgemm, void *sgemv, void *dgemv, void *set_handler);

#endif
