/* tensorplug-flags: -ffp-contract=off
 * quantized_linear and quantized_conv2d: sums of products of bytes, then scales, bias, and perhaps levels again.
 *
 * The positions (rows of a linear's input, places of a convolution's result) are taken PANEL at a time; their bytes
 * are laid out in fours, so that weights are read as they are: packing them would cost more than a small product. */
#include "dot.h"
#include "kernels.h"
#include "levels.h"
#include "parallel.h"
#include "scratch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { OUT_FLOAT, OUT_UINT8, OUT_INT8 };
enum { INPUT = 1, WEIGHT, BIAS_DATA, INPUT_SCALE, INPUT_POINT, WEIGHT_SCALE, WEIGHT_SUM, OUT_SCALE, OUT_POINT };

typedef struct Job Job;
struct Job {
    void *const *data;
    const tp_quantized_params *common;
    const tp_quantized_conv_params *conv; /* NULL: linear */
    int level;
    int64_t positions, rows, k, padded; /* of one product; k in bytes, and in whole steps */
    const int8_t *weight;               /* [rows][padded], or a row of k bytes where that is as much */
    const float *factor, *bias;         /* one a row */
    const int32_t *offset;              /* what zero points add to the sums, one a row */
    float inverse, point, low, high;    /* of levels */
    uint8_t zero;                       /* the input's zero point, as an unsigned byte */
    void (*fill)(const Job *, int64_t first, int count, uint8_t *panel);
    char *out;
    int64_t position_step, row_step; /* of the result, in elements */
    const uint8_t *image;            /* linear: rows of bytes; conv: [C / 4][height][width][4], padded */
    int64_t height, width;
    bool direct;     /* conv: positions are read from the image, a result's row at a time */
    uint8_t *panels; /* of all positions, or NULL: each task makes its own */
    _Atomic int32_t status;
};

enum { OWN_PANEL, ALL_PANELS, PER_ROW, WEIGHTS, IMAGE, SCRATCHES };

static _Thread_local TpScratch scratch[SCRATCHES];

static void *memory_of(int which, size_t bytes) { return tp_scratch(&scratch[which], bytes); }

/* ---- results ---- */

/* Copies that overlap in place of a remainder, and of a call. */
static inline void put(char *to, const char *from, int n) {
    if (n < 16) {
        for (int i = 0; i < n; i++)
            to[i] = from[i];
        return;
    }
    int i = 0;
    for (; i + 16 <= n; i += 16)
        memcpy(to + i, from + i, 16);
    if (i < n)
        memcpy(to + n - 16, from + n - 16, 16);
}

/* A row of a convolution's result: one factor, one bias. Whole panels are worked out, whatever the count: loops of a
 * known length have no remainder to be done one by one. */
static void finish_row(const Job *job, int64_t row, const int32_t *sums, int64_t at, int count) {
    const int32_t offset = job->offset[row];
    const float factor = job->factor[row], bias = job->bias ? job->bias[row] : 0.0f;
    float line[PANEL] __attribute__((aligned(64)));
    for (int i = 0; i < PANEL; i++)
        line[i] = (float)(sums[i] - offset) * factor + bias;
    if (job->common->kind == OUT_FLOAT) {
        put(job->out + 4 * at, (const char *)line, 4 * count);
        return;
    }
    uint8_t bytes[PANEL] __attribute__((aligned(64)));
    levels_of(line, bytes, PANEL, job->inverse, job->point, job->low, job->high);
    put(job->out + at, (const char *)bytes, count);
}

/* A position of a linear's result: a factor and a bias an element. What is one a row has ROWS more at its end. */
static void finish_position(const Job *job, int64_t row, const int32_t *sums, int64_t at, int count) {
    const int32_t *offset = job->offset + row;
    const float *factor = job->factor + row;
    float line[ROWS] __attribute__((aligned(64)));
    for (int i = 0; i < ROWS; i++)
        line[i] = (float)(sums[i] - offset[i]) * factor[i];
    if (job->bias)
        for (int i = 0; i < ROWS; i++)
            line[i] += job->bias[row + i];
    if (job->common->kind == OUT_FLOAT) {
        put(job->out + 4 * at, (const char *)line, 4 * count);
        return;
    }
    uint8_t bytes[ROWS] __attribute__((aligned(64)));
    levels_of(line, bytes, ROWS, job->inverse, job->point, job->low, job->high);
    put(job->out + at, (const char *)bytes, count);
}

static void finish(const Job *job, int64_t row, int64_t position, int rows, int count,
                   const int32_t (*sums)[PANEL]) {
    const int64_t start = row * job->row_step + position * job->position_step;
    if (job->row_step != 1) {
        for (int r = 0; r < rows; r++)
            finish_row(job, row + r, sums[r], start + r * job->row_step, count);
        return;
    }
    int32_t turned[PANEL][ROWS] __attribute__((aligned(64)));
    tp_dot_transpose(sums, turned, count);
    for (int c = 0; c < count; c++)
        finish_position(job, row, turned[c], start + c * job->position_step, rows);
}

/* ---- the product ---- */

enum { MOST_TAPS = TP_DOT_MOST_TAPS };

/* Where a block begins, and how many positions it has. */
static int64_t block_start(const Job *job, int64_t block, int *count) {
    int64_t first = block * PANEL, end = job->positions;
    if (job->direct) {
        const int64_t across = job->conv->out[1], each = (across + PANEL - 1) / PANEL;
        first = block / each * across + block % each * PANEL;
        end = (block / each + 1) * across;
    }
    *count = (int)(end - first < PANEL ? end - first : PANEL);
    return first;
}

static int64_t block_count(const Job *job) {
    if (job->direct)
        return job->conv->out[0] * ((job->conv->out[1] + PANEL - 1) / PANEL);
    return (job->positions + PANEL - 1) / PANEL;
}

static void one_block(const Job *job, int64_t block, int64_t row, const uint8_t *panel) {
    int32_t sums[ROWS][PANEL] __attribute__((aligned(64)));
    int count;
    const int64_t first = block_start(job, block, &count);
    const tp_quantized_conv_params *p = job->conv;
    const int rows = (int)(job->rows - row < ROWS ? job->rows - row : ROWS);
    const uint8_t *x[MOST_TAPS];
    x[0] = panel;
    TpPositions of = {x, 1, job->padded, 4 * PANEL};
    if (job->direct) {
        of = (TpPositions){x, p->k[0] * p->k[1], p->c, 4 * job->height * job->width};
        const uint8_t *corner = job->image + 4 * (first / p->out[1] * p->stride[0] * job->width + first % p->out[1]);
        for (int64_t t = 0; t < of.taps; t++)
            x[t] = corner + 4 * (t / p->k[1] * p->dilation[0] * job->width + t % p->k[1] * p->dilation[1]);
    }
    tp_dot(job->level, job->weight + row * job->padded, job->padded, rows, &of, count, sums);
    finish(job, row, first, rows, count, (const int32_t(*)[PANEL])sums);
}

static int64_t panel_bytes(const Job *job) { return job->padded * PANEL; }

static void fill_panel(const Job *job, int64_t block, uint8_t *panel) {
    int count;
    const int64_t first = block_start(job, block, &count);
    job->fill(job, first, count, panel);
}

/* Panels by themselves, all rows each. */
static void by_panels(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    uint8_t *panel = memory_of(OWN_PANEL, (size_t)panel_bytes(job));
    if (panel == NULL) {
        atomic_store(&job->status, TP_OUT_OF_MEMORY);
        return;
    }
    tp_dot_begin(job->level);
    for (int64_t block = begin; block < end; block++) {
        fill_panel(job, block, panel);
        for (int64_t row = 0; row < job->rows; row += ROWS)
            one_block(job, block, row, panel);
    }
    tp_dot_end(job->level);
}

/* Rows of an image: the weights of a few results stay in the first cache while the image passes. */
static void by_lines(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    tp_dot_begin(job->level);
    for (int64_t row = 0; row < job->rows; row += ROWS)
        for (int64_t block = begin; block < end; block++)
            one_block(job, block, row, NULL);
    tp_dot_end(job->level);
}

static void fill_panels(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    for (int64_t block = begin; block < end; block++)
        fill_panel(job, block, job->panels + block * panel_bytes(job));
}

/* Few panels: their rows are shared out. */
static void by_rows(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    const int64_t blocks = block_count(job);
    tp_dot_begin(job->level);
    for (int64_t task = begin; task < end; task++)
        one_block(job, task % blocks, task / blocks * ROWS,
                  job->direct ? NULL : job->panels + task % blocks * panel_bytes(job));
    tp_dot_end(job->level);
}

static int32_t product(Job *job) {
    const int64_t blocks = block_count(job);
    const int64_t row_blocks = (job->rows + ROWS - 1) / ROWS;
    if (job->positions == 0 || job->rows == 0)
        return 0;
    if (blocks >= TP_DOT_PANELS_A_THREAD * tp_get_num_threads()) {
        tp_parallel_for(blocks, 1, job->direct ? by_lines : by_panels, job);
    } else {
        if (!job->direct) {
            job->panels = memory_of(ALL_PANELS, (size_t)(blocks * panel_bytes(job)));
            if (job->panels == NULL)
                return TP_OUT_OF_MEMORY;
            tp_parallel_for(blocks, 1 + TP_DOT_FILL_BYTES / panel_bytes(job), fill_panels, job);
        }
        const int64_t work = job->padded * ROWS * PANEL, grain = 1 + TP_DOT_TASK / (work + 1);
        tp_parallel_for(blocks * row_blocks, grain, by_rows, job);
    }
    return atomic_load(&job->status);
}

/* What zero points, scales and the bias come to, one a row; `total` rows from `first` on belong to this product. */
static bool prepare_rows(Job *job, const int8_t *weight, int64_t k, int64_t total) {
    void *const *d = job->data;
    const tp_quantized_params *common = job->common;
    const int64_t length = total + ROWS;
    float *factor = memory_of(PER_ROW, (size_t)length * 12);
    if (factor == NULL)
        return false;
    float *bias = factor + length;
    int32_t *offset = (int32_t *)(bias + length);
    memset(factor, 0, (size_t)length * 12);
    const int32_t point = (d[INPUT_POINT] ? *(const int32_t *)d[INPUT_POINT] : 0) + (common->signed_input ? 128 : 0);
    const float scale = *(const float *)d[INPUT_SCALE];
    const float *scales = d[WEIGHT_SCALE];
    const int32_t *known = d[WEIGHT_SUM];
    job->zero = (uint8_t)point;
    for (int64_t r = 0; r < total; r++) {
        int32_t sum = 0;
        if (known)
            sum = known[r];
        else if (point)
            for (int64_t i = 0; i < k; i++)
                sum += weight[r * k + i];
        offset[r] = point * sum;
        factor[r] = scales[common->row_scales ? r : 0] * scale;
    }
    if (common->bias)
        memcpy(bias, d[BIAS_DATA], sizeof(float) * (size_t)total);
    job->factor = factor;
    job->bias = common->bias ? bias : NULL;
    job->offset = offset;
    if (common->kind != OUT_FLOAT) {
        job->inverse = 1.0f / *(const float *)d[OUT_SCALE];
        job->point = d[OUT_POINT] ? (float)*(const int32_t *)d[OUT_POINT] : 0.0f;
        job->low = common->kind == OUT_UINT8 ? 0.0f : -128.0f;
        job->high = common->kind == OUT_UINT8 ? 255.0f : 127.0f;
    }
    return true;
}

static inline int64_t in_steps(int64_t k) { return (k + STEP - 1) / STEP * STEP; }

/* ---- linear ---- */

static void fill_rows(const Job *job, int64_t first, int count, uint8_t *panel) {
    const uint32_t flip = job->common->signed_input ? 0x80808080u : 0;
    const int64_t k = job->k, whole = k / 4;
    uint32_t *to = (uint32_t *)panel;
    for (int c = 0; c < count; c++) {
        const uint8_t *row = job->image + (first + c) * k;
        for (int64_t q = 0; q < whole; q++) {
            uint32_t four;
            memcpy(&four, row + 4 * q, 4);
            to[q * PANEL + c] = four ^ flip;
        }
        int64_t q = whole;
        if (k % 4) {
            uint32_t four = 0;
            memcpy(&four, row + 4 * q, (size_t)(k % 4));
            to[q++ * PANEL + c] = four ^ flip;
        }
        for (; q < job->padded / 4; q++)
            to[q * PANEL + c] = 0;
    }
}

int32_t tp_quantized_linear(void *const *data, const int64_t *params) {
    const tp_quantized_params *common = (const void *)params;
    const tp_quantized_linear_params *p = (const void *)common->product;
    Job job = {.data = data, .common = common, .level = (int)common->level, .positions = p->m, .rows = p->n, .k = p->k};
    job.padded = in_steps(job.k);
    job.image = data[INPUT];
    job.out = data[0];
    job.position_step = job.rows;
    job.row_step = 1;
    job.fill = fill_rows;
    const int8_t *weight = data[WEIGHT];
    if (!prepare_rows(&job, weight, job.k, job.rows))
        return TP_OUT_OF_MEMORY;
    int8_t *copy = NULL;
    job.weight = weight;
    if (job.padded != job.k) { /* whole steps are read, which must not reach behind the last row */
        copy = memory_of(WEIGHTS, (size_t)(job.rows * job.padded) + 1);
        if (copy == NULL)
            return TP_OUT_OF_MEMORY;
        memset(copy, 0, (size_t)(job.rows * job.padded));
        for (int64_t r = 0; r < job.rows; r++)
            memcpy(copy + r * job.padded, weight + r * job.k, (size_t)job.k);
        job.weight = copy;
    }
    return product(&job);
}

/* ---- conv2d ---- */

/* Columns in the order tap, channel: runs of a result's row are runs of the image where the stride is 1. */
static void fill_columns(const Job *job, int64_t first, int count, uint8_t *panel) {
    const tp_quantized_conv_params *p = job->conv;
    const int64_t fours = (p->c + 3) / 4, width = job->width, plane = job->height * width;
    const uint32_t *image = (const uint32_t *)job->image;
    uint32_t *to = (uint32_t *)panel;
    int64_t base[PANEL];
    for (int c = 0; c < count; c++)
        base[c] = (first + c) / p->out[1] * p->stride[0] * width + (first + c) % p->out[1] * p->stride[1];
    for (int64_t y = 0; y < p->k[0]; y++)
        for (int64_t x = 0; x < p->k[1]; x++) {
            const int64_t tap = y * p->dilation[0] * width + x * p->dilation[1];
            for (int64_t q = 0; q < fours; q++, to += PANEL) {
                const uint32_t *from = image + q * plane + tap;
                if (p->stride[1] == 1) {
                    for (int c = 0; c < count;) {
                        const int64_t left = p->out[1] - (first + c) % p->out[1];
                        const int run = (int)(left < count - c ? left : count - c);
                        memcpy(to + c, from + base[c], 4 * (size_t)run);
                        c += run;
                    }
                } else {
                    for (int c = 0; c < count; c++)
                        to[c] = from[base[c]];
                }
            }
        }
    memset(to, 0, (size_t)(panel + panel_bytes(job) - (uint8_t *)to));
}

typedef struct {
    const Job *job;
    const uint8_t *from;
    uint8_t *to;
} Image;

/* One image's channels, four beside each other, with a border of the zero point. */
static void interleave(void *ctx, int64_t begin, int64_t end) {
    const Image *image = ctx;
    const Job *job = image->job;
    const tp_quantized_conv_params *p = job->conv;
    const int64_t h = p->in[0], w = p->in[1], width = job->width, height = job->height;
    const uint8_t flip = job->common->signed_input ? 0x80 : 0;
    const uint32_t zeros = job->zero * 0x01010101u;
    for (int64_t row = begin; row < end; row++) {
        const int64_t q = row / height, y = row % height - p->padding[0];
        uint32_t *line = (uint32_t *)image->to + row * width;
        for (int64_t x = 0; x < width; x++)
            line[x] = zeros;
        if (y < 0 || y >= h)
            continue;
        uint8_t *to = (uint8_t *)(line + p->padding[1]);
        const int present = (int)(p->c - 4 * q < 4 ? p->c - 4 * q : 4);
        const uint8_t *a = image->from + (4 * q * h + y) * w;
        if (present == 4) {
            const uint8_t *restrict b = a + h * w, *restrict c = b + h * w, *restrict d = c + h * w;
            int64_t x = 0;
#if defined(__SSE2__)
            const __m128i flips = _mm_set1_epi8((char)flip);
            for (; x + 16 <= w; x += 16) {
                const __m128i va = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(a + x)), flips);
                const __m128i vb = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(b + x)), flips);
                const __m128i vc = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(c + x)), flips);
                const __m128i vd = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(d + x)), flips);
                const __m128i ab = _mm_unpacklo_epi8(va, vb), cd = _mm_unpacklo_epi8(vc, vd);
                const __m128i ab2 = _mm_unpackhi_epi8(va, vb), cd2 = _mm_unpackhi_epi8(vc, vd);
                __m128i *four = (__m128i *)(to + 4 * x);
                _mm_storeu_si128(four, _mm_unpacklo_epi16(ab, cd));
                _mm_storeu_si128(four + 1, _mm_unpackhi_epi16(ab, cd));
                _mm_storeu_si128(four + 2, _mm_unpacklo_epi16(ab2, cd2));
                _mm_storeu_si128(four + 3, _mm_unpackhi_epi16(ab2, cd2));
            }
#endif
            for (; x < w; x++) {
                to[4 * x] = a[x] ^ flip;
                to[4 * x + 1] = b[x] ^ flip;
                to[4 * x + 2] = c[x] ^ flip;
                to[4 * x + 3] = d[x] ^ flip;
            }
        } else {
            for (int i = 0; i < present; i++)
                for (int64_t x = 0; x < w; x++)
                    to[4 * x + i] = a[i * h * w + x] ^ flip;
        }
    }
}

/* Weights [row][channel][tap] as [row][tap][channel], four channels at a time. */
static void by_taps(int8_t *to, int64_t stride, const int8_t *from, int64_t rows, int64_t channels, int64_t taps) {
    const int64_t fours = (channels + 3) / 4;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t t = 0; t < taps; t++) {
            int8_t *out = to + r * stride + t * fours * 4;
            const uint8_t *in = (const uint8_t *)from + r * channels * taps + t;
            int64_t c = 0;
            for (; c + 4 <= channels; c += 4, in += 4 * taps) {
                const uint32_t four = in[0] | (uint32_t)in[taps] << 8 | (uint32_t)in[2 * taps] << 16
                                      | (uint32_t)in[3 * taps] << 24;
                memcpy(out + c, &four, 4);
            }
            for (; c < channels; c++, in += taps)
                out[c] = (int8_t)*in;
        }
}

int32_t tp_quantized_conv2d(void *const *data, const int64_t *params) {
    const tp_quantized_params *common = (const void *)params;
    const tp_quantized_conv_params *p = (const void *)common->product;
    Job job = {.data = data, .common = common, .conv = p, .level = (int)common->level,
               .positions = p->out[0] * p->out[1], .rows = p->o};
    const int64_t channels = p->c, taps = p->k[0] * p->k[1], fours = (channels + 3) / 4;
    job.k = taps * fours * 4;
    job.padded = in_steps(job.k);
    job.height = (p->out[0] - 1) * p->stride[0] + (p->k[0] - 1) * p->dilation[0] + 1;
    job.width = (p->out[1] - 1) * p->stride[1] + (p->k[1] - 1) * p->dilation[1] + 1;
    if (job.height < p->in[0] + 2 * p->padding[0])
        job.height = p->in[0] + 2 * p->padding[0];
    if (job.width < p->in[1] + 2 * p->padding[1])
        job.width = p->in[1] + 2 * p->padding[1];
    job.position_step = 1;
    job.row_step = job.positions;
    job.fill = fill_columns;
    const int64_t total = p->groups * p->o, image_bytes = fours * job.height * job.width * 4;
    if (!prepare_rows(&job, data[WEIGHT], channels * taps, total))
        return TP_OUT_OF_MEMORY;
    /* a block may look at positions behind the last, whose results are dropped */
    int8_t *weight = memory_of(WEIGHTS, (size_t)(total * job.padded) + 1);
    uint8_t *image = memory_of(IMAGE, (size_t)image_bytes + 4 * PANEL);
    int32_t status = weight == NULL || image == NULL ? TP_OUT_OF_MEMORY : TP_OK;
    if (status == 0 && job.padded != channels * taps)
        memset(weight, 0, (size_t)(total * job.padded));
    job.direct = p->stride[1] == 1 && channels % STEP == 0 && taps <= MOST_TAPS;
    if (status == 0)
        by_taps(weight, job.padded, data[WEIGHT], total, channels, taps);
    const Job all = job;
    for (int64_t n = 0; status == 0 && n < p->batch * p->groups; n++) {
        const int64_t g = n % p->groups;
        Image part = {&all, (const uint8_t *)data[INPUT] + n * channels * p->in[0] * p->in[1], image};
        tp_parallel_for(fours * job.height, 1 + TP_DOT_IMAGE_GRAIN / job.width, interleave, &part);
        job.image = image;
        job.weight = weight + g * p->o * job.padded;
        job.factor = all.factor + g * p->o;
        job.offset = all.offset + g * p->o;
        job.bias = all.bias ? all.bias + g * p->o : NULL;
        const int64_t item = common->kind == OUT_FLOAT ? 4 : 1;
        job.out = (char *)data[0] + n * p->o * job.positions * item;
        status = product(&job);
    }
    return status;
}
