/* tensorplug-flags: -ffp-contract=fast
 * Normalization over layers, groups and batches, and the cotangents; see normalization.py for the parameters.
 * Sums over blocks of elements are in T and side by side, sums over blocks in double. */
#include "element.h"
#include "halves.h"
#include "parallel.h"
#include "strided.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = TP_NORM_BLOCK, PIECE = TP_NORM_PIECE, COLUMNS = TP_NORM_COLUMNS, GRAIN = TP_NORM_GRAIN };

/* The parameters, as normalization.py gives them. */
typedef tp_norm_params Norm;

typedef struct {
    double count, mean, squares; /* squares: the sum of squared differences from the mean */
} Moments;

typedef struct {
    double plain, centred;
} Sums;

typedef struct {
    const Norm *norm;
    void *const *data;
    void *scratch, *pieces;
    const void *weight, *bias;
    bool backward, evaluation;
} Job;

/* Source: T. F. Chan, G. H. Golub, R. J. LeVeque, Updating formulae and a pairwise algorithm (1979). */
static inline Moments joined(Moments a, Moments b) {
    if (a.count == 0)
        return b;
    double count = a.count + b.count, part = b.count / count, delta = b.mean - a.mean;
    return (Moments){count, a.mean + delta * part, a.squares + b.squares + delta * delta * a.count * part};
}

static inline const void *element_at(const void *p, int64_t i, int64_t dtype) {
    return p ? (const char *)p + i * tp_itemsize((int)dtype) : NULL;
}

#define S float
#define T float
#define LANES TP_NORM_LANES
#define LOAD(x) (x)
#define STORE(x) (x)
#define NAME(x) x##_f32
#include "norm_rows.inc.h"
#include "norm_batch.inc.h"
#undef S
#undef T
#undef LANES
#undef NAME

#define S double
#define T double
#define LANES (TP_NORM_LANES / 2)
#define NAME(x) x##_f64
#include "norm_rows.inc.h"
#include "norm_batch.inc.h"
#undef S
#undef T
#undef LANES
#undef LOAD
#undef STORE
#undef NAME

#define S uint16_t
#define T float
#define LANES TP_NORM_LANES
#define LOAD tp_from_f16
#define STORE tp_to_f16
#define NAME(x) x##_f16
#include "norm_rows.inc.h"
#include "norm_batch.inc.h"
#undef LOAD
#undef STORE
#undef NAME

#define LOAD tp_from_bf16
#define STORE tp_to_bf16
#define NAME(x) x##_bf16
#include "norm_rows.inc.h"
#include "norm_batch.inc.h"

#define BY_DTYPE(function, ...)                                                                              \
    const Norm *p = (const Norm *)params;                                                                    \
    switch (p->dtype) {                                                                                      \
    case TP_FLOAT16: return function##_f16(data, p __VA_OPT__(,) __VA_ARGS__);                               \
    case TP_BFLOAT16: return function##_bf16(data, p __VA_OPT__(,) __VA_ARGS__);                             \
    case TP_FLOAT32: return function##_f32(data, p __VA_OPT__(,) __VA_ARGS__);                               \
    default: return function##_f64(data, p __VA_OPT__(,) __VA_ARGS__);                                       \
    }

int32_t tp_layer_norm(void *const *data, const int64_t *params) { BY_DTYPE(layer_norm) }
int32_t tp_layer_norm_backward(void *const *data, const int64_t *params) { BY_DTYPE(layer_norm_backward) }
int32_t tp_rms_norm(void *const *data, const int64_t *params) { BY_DTYPE(rms_norm) }
int32_t tp_group_norm(void *const *data, const int64_t *params) { BY_DTYPE(group_norm) }
int32_t tp_batch_norm_train(void *const *data, const int64_t *params) { BY_DTYPE(batch, false, false) }
int32_t tp_batch_norm_backward(void *const *data, const int64_t *params) { BY_DTYPE(batch, true, false) }
int32_t tp_batch_norm_eval(void *const *data, const int64_t *params) { BY_DTYPE(batch, false, true) }
