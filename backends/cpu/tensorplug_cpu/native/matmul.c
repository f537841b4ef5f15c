/* Batches of matrix products, split over the threads by matrices and by tiles. See linalg.py for the
 * parameters. */
#include "gemm.h"
#include "parallel.h"

#include <stdatomic.h>

enum { SMALLEST_TILE = TP_PRODUCT_SMALLEST_TILE, LARGEST_SIDE = TP_PRODUCT_LARGEST_SIDE };
static const int64_t SMALLEST_TASK = TP_PRODUCT_SMALLEST_TASK;

typedef struct {
    void *const *data;
    const tp_matmul_params *params;
    int64_t tile_m, tile_n, tiles_m, tiles_n;
    _Atomic int32_t status;
} Job;

static inline const void *at(const void *base, int64_t elements, int64_t item) {
    return base ? (const char *)base + elements * item : NULL;
}

/* The product number `index` of the batch. */
static TpGemm matrices(void *const *data, const tp_matmul_params *p, int64_t index) {
    int64_t dims = p->batch_dims, item = tp_itemsize((int)p->dtype), a = 0, b = 0, c = 0;
    const int64_t *sizes = p->dims;
    for (int64_t d = dims - 1; d >= 0; d--) {
        int64_t i = index % sizes[d];
        index /= sizes[d];
        a += i * sizes[dims + d];
        b += i * sizes[2 * dims + d];
        c += i * sizes[3 * dims + d];
    }
    return (TpGemm){.m = p->m,
                    .n = p->n,
                    .k = p->k,
                    .a = at(data[p->a], a, item),
                    .a_rs = p->a_rs,
                    .a_cs = p->a_cs,
                    .b = at(data[p->b], b, item),
                    .b_rs = p->b_rs,
                    .b_cs = p->b_cs,
                    .c = (void *)at(data[0], c, item),
                    .ldc = p->ldc,
                    .bias = p->bias < 0 ? NULL : data[p->bias],
                    .bias_rs = p->bias_rs,
                    .bias_cs = p->bias_cs};
}

static void run_tiles(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const tp_matmul_params *p = job->params;
    int dtype = (int)p->dtype;
    int64_t item = tp_itemsize(dtype), tiles = job->tiles_m * job->tiles_n;
    for (int64_t task = begin; task < end; task++) {
        TpGemm g = matrices(job->data, p, task / tiles);
        int64_t i = task % tiles / job->tiles_n * job->tile_m, j = task % job->tiles_n * job->tile_n;
        g.a = at(g.a, i * g.a_rs, item);
        g.b = at(g.b, j * g.b_cs, item);
        g.c = (void *)at(g.c, i * g.ldc + j, item);
        g.bias = at(g.bias, i * g.bias_rs + j * g.bias_cs, item);
        g.m = tp_min64(job->tile_m, g.m - i);
        g.n = tp_min64(job->tile_n, g.n - j);
        int32_t status = tp_gemm(&g, dtype);
        if (status)
            job->status = status;
    }
}

/* Halves the longer side until every thread has a tile (more, smaller ones cost BLAS a third of its speed at the
 * sizes of a small network); the side along the rows stays a multiple of 16. */
static void choose_tiles(Job *job, int threads) {
    const tp_matmul_params *p = job->params;
    int64_t wanted = threads == 1 ? 1 : (threads + p->batch - 1) / p->batch;
    job->tile_m = p->m;
    job->tile_n = p->n;
    for (;;) {
        job->tiles_m = (p->m + job->tile_m - 1) / job->tile_m;
        job->tiles_n = (p->n + job->tile_n - 1) / job->tile_n;
        bool by_rows = job->tile_m >= job->tile_n;
        int64_t *side = by_rows ? &job->tile_m : &job->tile_n;
        bool enough = job->tiles_m * job->tiles_n >= wanted || *side < 2 * SMALLEST_TILE
                      || job->tile_m * job->tile_n * p->k < 2 * SMALLEST_TASK;
        if (enough && *side <= LARGEST_SIDE)
            return;
        *side = ((*side + 1) / 2 + 15) / 16 * 16;
    }
}

/* out = a @ b (+ bias); see linalg.py for the parameters. */
int32_t tp_matmul(void *const *data, const int64_t *given) {
    const tp_matmul_params *params = (const void *)given;
    int64_t work = params->m * params->n * tp_max64(params->k, 1);
    if (params->batch == 0 || work == 0)
        return TP_OK;
    Job job = {.data = data, .params = params};
    choose_tiles(&job, work * params->batch < 2 * SMALLEST_TASK ? 1 : tp_get_num_threads());
    int64_t tiles = job.tiles_m * job.tiles_n, share = work / tiles;
    tp_parallel_for(params->batch * tiles, (SMALLEST_TASK + share - 1) / share, run_tiles, &job);
    return job.status;
}

/* The same for products too small for BLAS; any strides. */
int32_t tp_matmul_small(void *const *data, const int64_t *given) {
    const tp_matmul_params *params = (const void *)given;
    for (int64_t i = 0; i < params->batch; i++) {
        TpGemm g = matrices(data, params, i);
        tp_gemm_small(&g, (int)params->dtype);
    }
    return TP_OK;
}
