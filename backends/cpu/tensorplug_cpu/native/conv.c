/* tensorplug-flags: -ffp-contract=fast
 * Convolutions over three spatial dimensions (fewer: sizes of 1) and their cotangents: windows are laid out
 * as the columns of a matrix, a chunk at a time, and multiplied. Chunks keep a thread's scratch near SCRATCH
 * elements. Groups of one channel are done directly. Halves are computed in float32. See convolution.py for
 * the parameters. */
#include "gemm.h"
#include "parallel.h"
#include "window.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SCRATCH = TP_CONV_SCRATCH, FEWEST = TP_CONV_FEWEST, ROWS = TP_CONV_ROWS, COLUMNS = TP_CONV_COLUMNS };
enum { TASKS = TP_CONV_TASKS };
static const int64_t GRAIN = TP_CONV_GRAIN;

typedef struct {
    int64_t dtype, images, groups, c, o; /* c and o: channels a group has, in and out */
    Window w;
    int64_t kernel, depth, in_pixels, pixels; /* depth: c * kernel */
    int wide;                                 /* what is computed in */
    bool plain;                               /* the input is its own matrix of columns */
    bool direct;                              /* one channel a group */
} Conv;

/* One element of the kernel on a sheet (see conv_direct.inc.h): offsets into the input, and into a line of
 * the sheet. */
typedef struct {
    int64_t z, y, start;
} SheetTap;

static SheetTap sheet_tap(const Window *w, int64_t index, int64_t length) {
    Tap tap = tp_tap(w, index);
    int64_t reach = tap.offset[2] + w->padding[2];
    return (SheetTap){tap.offset[0], tap.offset[1], reach % w->stride[2] * length + reach / w->stride[2]};
}

/* Where a tap of a line of results begins on the sheet; -1 in the padding. */
static inline int64_t on_sheet(const Window *w, const SheetTap *tap, int64_t d, int64_t h, int64_t length) {
    int64_t z = d * w->stride[0] + tap->z, y = h * w->stride[1] + tap->y;
    bool inside = z >= 0 && z < w->in[0] && y >= 0 && y < w->in[1];
    return inside ? (z * w->in[1] + y) * w->stride[2] * length + tap->start : -1;
}

#define COPY_RUN(to, from, n) memcpy(to, from, (size_t)(n) * sizeof *(to))
#define PLAIN(x) (x)
#define HALF_RUN(to, from, n) tp_load_floats(to, from, n, TP_FLOAT16)
#define BFLOAT_RUN(to, from, n) tp_load_floats(to, from, n, TP_BFLOAT16)

#define S float
#define A float
#define RUN COPY_RUN
#define LOAD PLAIN
#define NAME(x) x##_f32
#include "conv_columns.inc.h"
#include "conv_add_columns.inc.h"
#include "conv_direct.inc.h"
#undef S
#undef A
#undef NAME
#define S double
#define A double
#define NAME(x) x##_f64
#include "conv_columns.inc.h"
#include "conv_add_columns.inc.h"
#include "conv_direct.inc.h"
#undef S
#undef A
#undef RUN
#undef LOAD
#undef NAME
#define S tp_half
#define A float
#define RUN HALF_RUN
#define LOAD tp_half_to_float
#define NAME(x) x##_f16
#include "conv_columns.inc.h"
#undef S
#undef RUN
#undef LOAD
#undef NAME
#define S tp_bfloat16
#define RUN BFLOAT_RUN
#define LOAD tp_bfloat16_to_float
#define NAME(x) x##_bf16
#include "conv_columns.inc.h"
#undef S
#undef A
#undef RUN
#undef LOAD
#undef NAME

typedef struct {
    Conv v;
    const char *input, *weight, *grad, *bias;
    char *out;
    int64_t chunk, chunks, block, blocks, parts; /* of pixels; of channels; of images */
    int64_t together; /* images whose pixels are side by side, where they are few */
    char *partial;
    _Atomic int32_t status;
} Job;

static Conv conv_of(const int64_t *params) {
    const tp_conv_params *p = (const void *)params;
    Conv v = {.dtype = p->dtype, .images = p->images, .groups = p->groups, .c = p->c, .o = p->o};
    for (int d = 0; d < 3; d++) {
        v.w.in[d] = p->in[d], v.w.k[d] = p->k[d], v.w.out[d] = p->out[d];
        v.w.stride[d] = p->stride[d], v.w.padding[d] = p->padding[d], v.w.dilation[d] = p->dilation[d];
    }
    v.kernel = v.w.k[0] * v.w.k[1] * v.w.k[2];
    v.depth = v.c * v.kernel;
    v.in_pixels = v.w.in[0] * v.w.in[1] * v.w.in[2];
    v.pixels = v.w.out[0] * v.w.out[1] * v.w.out[2];
    v.wide = v.dtype == TP_FLOAT64 ? TP_FLOAT64 : TP_FLOAT32;
    v.plain = v.kernel == 1 && v.dtype == v.wide && v.in_pixels == v.pixels;
    for (int d = 0; d < 3; d++)
        v.plain &= v.w.stride[d] == 1 && v.w.padding[d] == 0;
    v.direct = v.c == 1 && v.groups > 1;
    return v;
}

static inline bool is_half(const Conv *v) { return v->dtype != v->wide; }

/* Products of columns and weights, which hold what was read from the operands. */
static void multiply(Job *job, const TpGemm *g) {
    int32_t status = job->v.dtype == TP_BFLOAT16 ? tp_gemm_bf16_values(g) : tp_gemm(g, job->v.wide);
    if (status)
        job->status = status;
}

/* Chunks of pixels such that `rows` of them fill the scratch, and no chunk is much smaller than others. */
static void choose_chunks(Job *job, int64_t rows) {
    int64_t most = tp_max64(SCRATCH / tp_max64(rows, 1), FEWEST);
    job->chunks = (job->v.pixels + most - 1) / most;
    job->chunk = tp_min64(((job->v.pixels + job->chunks - 1) / job->chunks + 15) / 16 * 16, job->v.pixels);
    job->chunks = (job->v.pixels + job->chunk - 1) / job->chunk;
}

/* Images of few pixels are taken together, up to `most`, so that products have some hundred columns. */
static void choose_together(Job *job, int64_t rows, int64_t most) {
    int64_t pixels = tp_max64(job->v.pixels, 1), wanted = (COLUMNS + pixels - 1) / pixels;
    job->together = tp_min64(wanted, tp_max64(4 * SCRATCH / tp_max64(rows * pixels, 1), 1));
    job->together = tp_max64(tp_min64(tp_min64(job->together, most), job->v.images), 1);
}

static void choose_blocks(Job *job) {
    int64_t most = tp_max64((ROWS + job->v.kernel - 1) / job->v.kernel, 1);
    job->blocks = (job->v.c + most - 1) / most;
    job->block = (job->v.c + job->blocks - 1) / job->blocks;
    job->blocks = (job->v.c + job->block - 1) / job->block;
}

static void columns_of(const Conv *v, const char *image, int64_t c0, int64_t c1, int64_t p0, int64_t p1,
                       void *to, int64_t lead) {
    switch (v->dtype) {
    case TP_FLOAT32: columns_f32(v, (const float *)image, c0, c1, p0, p1, to, lead); break;
    case TP_FLOAT64: columns_f64(v, (const double *)image, c0, c1, p0, p1, to, lead); break;
    case TP_FLOAT16: columns_f16(v, (const tp_half *)image, c0, c1, p0, p1, to, lead); break;
    case TP_BFLOAT16: columns_bf16(v, (const tp_bfloat16 *)image, c0, c1, p0, p1, to, lead); break;
    }
}

/* The columns of one image's chunk, or of several whole images side by side. */
static void gather_columns(const Job *job, int64_t image, int64_t images, int64_t group, int64_t c0,
                           int64_t c1, int64_t p0, int64_t p1, char *to) {
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), wide = tp_itemsize(v->wide), n = p1 - p0;
    for (int64_t i = 0; i < images; i++)
        columns_of(v, job->input + ((image + i) * v->groups + group) * v->c * v->in_pixels * item, c0, c1, p0,
                   p1, to + i * n * wide, images * n);
}

/* The cotangents [o, images * (p1 - p0)] of a group as a matrix of what is computed in; returns its row
 * stride. */
static int64_t gather_grads(const Job *job, int64_t image, int64_t images, int64_t group, int64_t p0,
                            int64_t p1, char *to, const char **grads) {
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), wide = tp_itemsize(v->wide), n = p1 - p0;
    if (images == 1 && v->dtype == v->wide) {
        *grads = job->grad + ((image * v->groups + group) * v->o * v->pixels + p0) * item;
        return v->pixels;
    }
    for (int64_t i = 0; i < images; i++) {
        const char *from = job->grad + (((image + i) * v->groups + group) * v->o * v->pixels + p0) * item;
        for (int64_t o = 0; o < v->o; o++) {
            char *row = to + (o * images + i) * n * wide;
            if (v->dtype == v->wide)
                memcpy(row, from + o * v->pixels * item, (size_t)(n * item));
            else
                tp_load_floats((float *)row, from + o * v->pixels * item, n, (int)v->dtype);
        }
    }
    *grads = to;
    return images * n;
}

/* The operand in the dtype that is computed in: itself, or a converted copy that `*owned` holds. */
static const char *widened(const Conv *v, const void *x, int64_t n, void **owned) {
    *owned = NULL;
    if (!x || !is_half(v))
        return x;
    *owned = malloc(sizeof(float) * (size_t)(n + 1));
    if (*owned)
        tp_load_floats(*owned, x, n, (int)v->dtype);
    return *owned;
}

static void *scratch(Job *job, int64_t elements) {
    void *found = malloc((size_t)(elements * tp_itemsize(job->v.wide) + 64));
    if (!found)
        job->status = TP_OUT_OF_MEMORY;
    return found;
}

static int64_t sheet_size(const Conv *v) {
    return v->wide == TP_FLOAT32 ? sheet_size_f32(&v->w) : sheet_size_f64(&v->w);
}

/* A plane in the dtype that is computed in: itself, or converted into `room`. */
static const void *wide_plane(const Conv *v, const char *plane, int64_t n, char *room) {
    if (is_half(v))
        tp_load_floats((float *)room, plane, n, (int)v->dtype);
    return is_half(v) ? room : plane;
}

static void spread_plane(const Conv *v, const char *plane, char *room, char *sheet) {
    const void *in = wide_plane(v, plane, v->in_pixels, room);
    if (v->wide == TP_FLOAT32)
        spread_f32(&v->w, in, (float *)sheet);
    else
        spread_f64(&v->w, in, (double *)sheet);
}

static void run_forward_direct(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), wide = tp_itemsize(v->wide), outs = v->groups * v->o;
    char *room = scratch(job, 8 * v->kernel + sheet_size(v) + tp_max64(v->in_pixels, v->pixels));
    if (!room)
        return;
    char *sheet = room + 8 * v->kernel * wide, *converted = sheet + sheet_size(v) * wide;
    for (int64_t plane = begin; plane < end; plane++) {
        int64_t channel = plane % outs, image = plane / outs;
        if (plane == begin || channel % v->o == 0)
            spread_plane(v, job->input + (image * v->groups + channel / v->o) * v->in_pixels * item,
                         converted, sheet);
        char *out = job->out + plane * v->pixels * item;
        if (v->wide == TP_FLOAT32)
            plane_forward_f32(v, (float *)sheet, (const float *)job->weight + channel * v->kernel,
                              job->bias ? ((const float *)job->bias)[channel] : 0,
                              is_half(v) ? (float *)converted : (float *)out, (SheetTap *)room);
        else
            plane_forward_f64(v, (double *)sheet, (const double *)job->weight + channel * v->kernel,
                              job->bias ? ((const double *)job->bias)[channel] : 0, (double *)out,
                              (SheetTap *)room);
        if (is_half(v))
            tp_store_floats(out, (float *)converted, v->pixels, (int)v->dtype);
    }
    free(room);
}

static void run_forward(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), wide = tp_itemsize(v->wide), together = job->together;
    bool plain = v->plain && together == 1, copied = is_half(v) || together > 1;
    char *room = plain ? NULL : scratch(job, together * job->chunk * (v->depth + (copied ? v->o : 0)));
    if (!plain && !room)
        return;
    for (int64_t task = begin; task < end; task++) {
        int64_t group = task / job->chunks % v->groups, image = task / job->chunks / v->groups * together;
        int64_t p0 = task % job->chunks * job->chunk, p1 = tp_min64(p0 + job->chunk, v->pixels), n = p1 - p0;
        int64_t images = tp_min64(together, v->images - image);
        char *out = job->out + ((image * v->groups + group) * v->o * v->pixels + p0) * item;
        char *result = copied ? room + together * job->chunk * v->depth * wide : out;
        TpGemm g = {.m = v->o,
                    .n = images * n,
                    .k = v->depth,
                    .a = job->weight + group * v->o * v->depth * wide,
                    .a_rs = v->depth,
                    .a_cs = 1,
                    .b = room,
                    .b_rs = images * n,
                    .b_cs = 1,
                    .c = result,
                    .ldc = copied ? images * n : v->pixels,
                    .bias = job->bias ? job->bias + group * v->o * wide : NULL,
                    .bias_rs = 1};
        if (plain) {
            g.b = job->input + ((image * v->groups + group) * v->c * v->in_pixels + p0) * item;
            g.b_rs = v->pixels;
        } else {
            gather_columns(job, image, images, group, 0, v->c, p0, p1, room);
        }
        multiply(job, &g);
        for (int64_t i = 0; copied && i < images * v->o; i++) {
            char *to = out + (i / v->o * v->groups * v->o + i % v->o) * v->pixels * item;
            const char *from = result + (i % v->o * images + i / v->o) * n * wide;
            if (is_half(v))
                tp_store_floats(to, (const float *)from, n, (int)v->dtype);
            else
                memcpy(to, from, (size_t)(n * item));
        }
    }
    free(room);
}

/* out[N, O, ...] = input * weight + bias */
int32_t tp_conv(void *const *data, const int64_t *params) {
    Job job = {.v = conv_of(params), .input = data[1], .out = data[0]};
    const Conv *v = &job.v;
    int64_t outs = v->groups * v->o, planes = v->images * outs, work = v->pixels * v->depth;
    void *owned[2];
    job.weight = widened(v, data[2], outs * v->depth, &owned[0]);
    job.bias = widened(v, data[3], outs, &owned[1]);
    if (!job.weight || (data[3] && !job.bias)) {
        job.status = TP_OUT_OF_MEMORY;
    } else if (v->direct) {
        tp_parallel_for(planes, GRAIN / 4 / tp_max64(work, 1) + 1, run_forward_direct, &job);
    } else if (v->pixels > 0) {
        int threads = tp_get_num_threads();
        choose_chunks(&job, v->depth);
        choose_together(&job, v->depth, job.chunks > 1 ? 1 : (v->images * v->groups + threads - 1) / threads);
        tp_parallel_for((v->images + job.together - 1) / job.together * v->groups * job.chunks,
                        GRAIN / tp_max64(job.together * job.chunk * v->depth * v->o, 1) + 1, run_forward,
                        &job);
    }
    free(owned[0]);
    free(owned[1]);
    return job.status;
}

/* The cotangent of a block of channels of some images; `result` holds the images' blocks, `step` bytes apart.
 */
static void input_grad_block(Job *job, int64_t image, int64_t images, int64_t group, int64_t c0, int64_t c1,
                             char *grads, char *room, char *result, int64_t step) {
    const Conv *v = &job->v;
    int64_t wide = tp_itemsize(v->wide), rows = (c1 - c0) * v->kernel;
    bool plain = v->plain && images == 1;
    for (int64_t i = 0; i < images && !plain; i++)
        memset(result + i * step, 0, (size_t)((c1 - c0) * v->in_pixels * wide));
    for (int64_t p0 = 0; p0 < v->pixels; p0 += job->chunk) {
        int64_t p1 = tp_min64(p0 + job->chunk, v->pixels), n = p1 - p0, lead = images * n;
        TpGemm g = {.m = rows,
                    .n = lead,
                    .k = v->o,
                    .a = job->weight + (group * v->o * v->depth + c0 * v->kernel) * wide,
                    .a_rs = 1,
                    .a_cs = v->depth,
                    .b_cs = 1,
                    .c = plain ? result + p0 * wide : room,
                    .ldc = plain ? v->pixels : lead};
        g.b_rs = gather_grads(job, image, images, group, p0, p1, grads, (const char **)&g.b);
        multiply(job, &g);
        for (int64_t i = 0; i < images && !plain; i++) {
            if (v->wide == TP_FLOAT32)
                add_columns_f32(v, (float *)(result + i * step), c1 - c0, p0, p1, (float *)room + i * n,
                                lead);
            else
                add_columns_f64(v, (double *)(result + i * step), c1 - c0, p0, p1, (double *)room + i * n,
                                lead);
        }
    }
}

static void run_input_grad_direct(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), wide = tp_itemsize(v->wide), size = sheet_size(v);
    char *sheet = scratch(job, size + tp_max64(v->in_pixels, v->pixels));
    if (!sheet)
        return;
    char *converted = sheet + size * wide;
    for (int64_t plane = begin; plane < end; plane++) {
        int64_t group = plane % v->groups;
        char *out = job->out + plane * v->in_pixels * item;
        memset(sheet, 0, (size_t)(size * wide));
        for (int64_t o = 0; o < v->o; o++) {
            const void *grad =
                wide_plane(v, job->grad + (plane * v->o + o) * v->pixels * item, v->pixels, converted);
            const char *weight = job->weight + (group * v->o + o) * v->kernel * wide;
            if (v->wide == TP_FLOAT32)
                plane_input_grad_f32(v, grad, (const float *)weight, (float *)sheet);
            else
                plane_input_grad_f64(v, grad, (const double *)weight, (double *)sheet);
        }
        if (v->wide == TP_FLOAT32)
            gather_f32(&v->w, is_half(v) ? (float *)converted : (float *)out, (float *)sheet);
        else
            gather_f64(&v->w, (double *)out, (double *)sheet);
        if (is_half(v))
            tp_store_floats(out, (float *)converted, v->in_pixels, (int)v->dtype);
    }
    free(sheet);
}

static void run_input_grad(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), wide = tp_itemsize(v->wide), together = job->together;
    bool half = is_half(v), copied = half || together > 1;
    int64_t sizes[3] = {copied ? v->o * job->chunk * together : 0,
                        job->block * v->kernel * job->chunk * together,
                        half ? job->block * v->in_pixels * together : 0};
    char *room = scratch(job, sizes[0] + sizes[1] + sizes[2]);
    if (!room)
        return;
    for (int64_t task = begin; task < end; task++) {
        int64_t c0 = task % job->blocks * job->block, c1 = tp_min64(c0 + job->block, v->c);
        int64_t group = task / job->blocks % v->groups, image = task / job->blocks / v->groups * together;
        int64_t images = tp_min64(together, v->images - image), step = v->groups * v->c * v->in_pixels * item;
        char *out = job->out + ((image * v->groups + group) * v->c + c0) * v->in_pixels * item;
        char *result = half ? room + (sizes[0] + sizes[1]) * wide : out;
        int64_t result_step = half ? job->block * v->in_pixels * wide : step;
        input_grad_block(job, image, images, group, c0, c1, room, room + sizes[0] * wide, result,
                         result_step);
        for (int64_t i = 0; i < images && half; i++)
            tp_store_floats(out + i * step, (float *)(result + i * result_step), (c1 - c0) * v->in_pixels,
                            (int)v->dtype);
    }
    free(room);
}

/* Where windows move by one and every group has one channel on both sides, the cotangent of the input is the
 * convolution of grad with the kernels turned around. False where it is not. */
static bool run_turned_around(Job *job) {
    Conv v = job->v;
    bool fits = v.direct && v.o == 1;
    for (int d = 0; d < 3; d++) {
        v.w.in[d] = job->v.w.out[d];
        v.w.out[d] = job->v.w.in[d];
        v.w.padding[d] = (v.w.k[d] - 1) * v.w.dilation[d] - v.w.padding[d];
        fits &= v.w.stride[d] == 1 && v.w.padding[d] >= 0;
    }
    int64_t wide = tp_itemsize(v.wide);
    char *weight = fits ? malloc((size_t)(v.groups * v.kernel * wide + 1)) : NULL;
    if (!weight)
        return false;
    for (int64_t g = 0; g < v.groups; g++)
        for (int64_t k = 0; k < v.kernel; k++)
            memcpy(weight + (g * v.kernel + k) * wide, job->weight + ((g + 1) * v.kernel - 1 - k) * wide,
                   (size_t)wide);
    v.in_pixels = job->v.pixels;
    v.pixels = job->v.in_pixels;
    Job turned = {.v = v, .input = job->grad, .weight = weight, .out = job->out};
    tp_parallel_for(v.images * v.groups, GRAIN / 4 / tp_max64(v.pixels * v.kernel, 1) + 1, run_forward_direct,
                    &turned);
    job->status = turned.status;
    free(weight);
    return true;
}

/* d_input[N, C, ...] from grad[N, O, ...] and weight */
int32_t tp_conv_input_grad(void *const *data, const int64_t *params) {
    Job job = {.v = conv_of(params), .grad = data[1], .out = data[0]};
    const Conv *v = &job.v;
    void *owned;
    job.weight = widened(v, data[2], v->groups * v->o * v->depth, &owned);
    if (!job.weight) {
        job.status = TP_OUT_OF_MEMORY;
    } else if (v->direct && !run_turned_around(&job)) {
        tp_parallel_for(v->images * v->groups, GRAIN / 4 / tp_max64(v->pixels * v->o * v->kernel, 1) + 1,
                        run_input_grad_direct, &job);
    } else if (!v->direct) {
        choose_blocks(&job);
        choose_chunks(&job, job.block * v->kernel);
        int64_t most = tp_max64(v->images * v->groups * job.blocks / (2 * tp_get_num_threads()), 1);
        choose_together(&job, job.block * v->kernel, job.chunks > 1 ? 1 : most);
        int64_t work = v->o * v->pixels * job.block * v->kernel * job.together;
        tp_parallel_for((v->images + job.together - 1) / job.together * v->groups * job.blocks,
                        GRAIN / tp_max64(work, 1) + 1, run_input_grad, &job);
    }
    free(owned);
    return job.status;
}

/* Adds the cotangent of a block of channels over the images of one part. */
static void weight_grad_block(Job *job, int64_t group, int64_t c0, int64_t c1, int64_t first, int64_t last,
                              char *grads, char *room, char *result) {
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), rows = (c1 - c0) * v->kernel;
    for (int64_t image = first; image < last; image += job->together) {
        int64_t images = tp_min64(job->together, last - image);
        for (int64_t p0 = 0; p0 < v->pixels; p0 += job->chunk) {
            int64_t p1 = tp_min64(p0 + job->chunk, v->pixels), n = images * (p1 - p0);
            TpGemm g = {.m = v->o,
                        .n = rows,
                        .k = n,
                        .a_cs = 1,
                        .b = room,
                        .b_rs = 1,
                        .b_cs = n,
                        .c = result,
                        .ldc = v->depth,
                        .accumulate = true};
            g.a_rs = gather_grads(job, image, images, group, p0, p1, grads, (const char **)&g.a);
            if (v->plain && images == 1) {
                g.b = job->input + (((image * v->groups + group) * v->c + c0) * v->in_pixels + p0) * item;
                g.b_cs = v->pixels;
            } else {
                gather_columns(job, image, images, group, c0, c1, p0, p1, room);
            }
            multiply(job, &g);
        }
    }
}

static void run_weight_grad(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Conv *v = &job->v;
    int64_t wide = tp_itemsize(v->wide), columns = job->together * job->chunk;
    int64_t grads = is_half(v) || job->together > 1 ? v->o * columns : 0;
    char *room = scratch(job, grads + job->block * v->kernel * columns);
    if (!room)
        return;
    for (int64_t task = begin; task < end; task++) {
        int64_t c0 = task % job->blocks * job->block, c1 = tp_min64(c0 + job->block, v->c);
        int64_t group = task / job->blocks % v->groups, part = task / job->blocks / v->groups;
        char *result = job->partial + ((part * v->groups + group) * v->o * v->depth + c0 * v->kernel) * wide;
        weight_grad_block(job, group, c0, c1, part * v->images / job->parts,
                          (part + 1) * v->images / job->parts, room, room + grads * wide, result);
    }
    free(room);
}

static void run_weight_grad_direct(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Conv *v = &job->v;
    int64_t item = tp_itemsize((int)v->dtype), wide = tp_itemsize(v->wide), size = sheet_size(v);
    double *sums = scratch(job, 2 * v->o * v->kernel + size + tp_max64(v->in_pixels, v->pixels));
    if (!sums)
        return;
    char *sheet = (char *)(sums + v->o * v->kernel), *converted = sheet + size * wide;
    for (int64_t group = begin; group < end; group++) {
        memset(sums, 0, sizeof(double) * (size_t)(v->o * v->kernel));
        for (int64_t image = 0; image < v->images; image++) {
            int64_t plane = image * v->groups + group;
            spread_plane(v, job->input + plane * v->in_pixels * item, converted, sheet);
            for (int64_t o = 0; o < v->o; o++) {
                const void *grad =
                    wide_plane(v, job->grad + (plane * v->o + o) * v->pixels * item, v->pixels, converted);
                if (v->wide == TP_FLOAT32)
                    plane_weight_grad_f32(v, grad, (float *)sheet, sums + o * v->kernel);
                else
                    plane_weight_grad_f64(v, grad, (double *)sheet, sums + o * v->kernel);
            }
        }
        for (int64_t k = 0; k < v->o * v->kernel; k++) {
            if (v->wide == TP_FLOAT32)
                ((float *)job->partial)[group * v->o * v->kernel + k] = (float)sums[k];
            else
                ((double *)job->partial)[group * v->o * v->kernel + k] = sums[k];
        }
    }
    free(sums);
}

/* The parts, added in their order; the first may be the result itself. */
static void add_parts(const Job *job, int64_t n) {
    for (int64_t part = 1; part < job->parts; part++)
        for (int64_t i = 0; i < n; i++) {
            if (job->v.wide == TP_FLOAT32)
                ((float *)job->partial)[i] += ((float *)job->partial)[part * n + i];
            else
                ((double *)job->partial)[i] += ((double *)job->partial)[part * n + i];
        }
}

/* d_weight[O, C / groups, ...] from grad[N, O, ...] and input. The images are summed in parts whose number
 * does not depend on the threads, so that the result does not either. */
int32_t tp_conv_weight_grad(void *const *data, const int64_t *params) {
    Job job = {.v = conv_of(params), .grad = data[1], .input = data[2], .out = data[0], .parts = 1};
    const Conv *v = &job.v;
    int64_t n = v->groups * v->o * v->depth, wide = tp_itemsize(v->wide);
    choose_blocks(&job);
    choose_chunks(&job, job.block * v->kernel);
    if (!v->direct)
        job.parts = tp_max64(tp_min64(v->images, TASKS / (v->groups * job.blocks)), 1);
    choose_together(&job, job.block * v->kernel, job.chunks > 1 ? 1 : v->images / job.parts);
    bool own = job.parts > 1 || is_half(v);
    job.partial = own ? calloc((size_t)(job.parts * n + 1), (size_t)wide) : job.out;
    if (!job.partial)
        return TP_OUT_OF_MEMORY;
    if (!own)
        memset(job.out, 0, (size_t)(n * wide));
    int64_t work = v->pixels * v->images * v->kernel;
    if (v->direct)
        tp_parallel_for(v->groups, GRAIN / 4 / tp_max64(work * v->o, 1) + 1, run_weight_grad_direct, &job);
    else
        tp_parallel_for(v->groups * job.blocks * job.parts,
                        GRAIN / tp_max64(work * v->o * job.block / job.parts, 1) + 1, run_weight_grad, &job);
    add_parts(&job, n);
    if (is_half(v))
        tp_store_floats(job.out, (float *)job.partial, n, (int)v->dtype);
    else if (own)
        memcpy(job.out, job.partial, (size_t)(n * wide));
    if (own)
        free(job.partial);
    return job.status;
}
