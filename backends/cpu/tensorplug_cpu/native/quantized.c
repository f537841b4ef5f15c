/* tensorplug-flags: -ffp-contract=off
 * quantized_linear and quantized_conv2d: sums of products of bytes, then scales, bias, and perhaps levels again.
 * See quantized.py for the parameters.
 *
 * The positions (rows of a linear's input, places of a convolution's result) are taken PANEL at a time; their bytes
 * are laid out in fours, so that weights are read as they are: packing them would cost more than a small product. */
#include "dot.h"
#include "parallel.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LEVEL, SIGNED_INPUT, OUT_KIND, ROW_SCALES, BIAS, FIRST };                       /* of both */
enum { L_M = FIRST, L_N, L_K };                                                  /* of linear */
enum { C_BATCH = FIRST, C_GROUPS, C_IN, C_OUT, C_H, C_W, C_KH, C_KW, C_OH, C_OW, /* of conv2d: channels a group */
       C_SH, C_SW, C_PH, C_PW, C_DH, C_DW };
enum { OUT_FLOAT, OUT_UINT8, OUT_INT8 };
enum { INPUT = 1, WEIGHT, BIAS_DATA, INPUT_SCALE, INPUT_POINT, WEIGHT_SCALE, WEIGHT_SUM, OUT_SCALE, OUT_POINT };

typedef struct Job Job;
struct Job {
    void *const *data;
    const int64_t *p;
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
    uint8_t *panels; /* of all positions, or NULL: each task makes its own */
    _Atomic int32_t status;
};

static _Thread_local struct {
    void *memory;
    size_t bytes;
} scratch[3];

/* Memory of this thread that stays for the next call; NULL where there is none. */
static void *memory_of(int which, size_t bytes) {
    if (scratch[which].bytes < bytes) {
        free(scratch[which].memory);
        scratch[which].bytes = 0;
        scratch[which].memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (scratch[which].memory == NULL)
            return NULL;
        scratch[which].bytes = bytes;
    }
    return scratch[which].memory;
}

/* ---- results ---- */

static void finish(const Job *job, int64_t row, int64_t position, int rows, int count,
                   const int32_t (*sums)[PANEL]) {
    float line[ROWS * PANEL];
    const bool along_rows = job->row_step == 1; /* linear: the rows of a position lie together */
    const int inner = along_rows ? rows : count, outer = along_rows ? count : rows;
    for (int a = 0; a < outer; a++)
        for (int b = 0; b < inner; b++) {
            const int r = along_rows ? b : a, c = along_rows ? a : b;
            line[a * inner + b] = (float)(sums[r][c] - job->offset[row + r]) * job->factor[row + r];
        }
    if (job->bias)
        for (int a = 0; a < outer; a++)
            for (int b = 0; b < inner; b++)
                line[a * inner + b] += job->bias[row + (along_rows ? b : a)];
    const int64_t step = along_rows ? job->position_step : job->row_step;
    const int64_t start = row * job->row_step + position * job->position_step;
    const int kind = (int)job->p[OUT_KIND];
    for (int a = 0; a < outer; a++) {
        const float *from = line + a * inner;
        const int64_t at = start + a * step;
        if (kind == OUT_FLOAT) {
            memcpy((float *)job->out + at, from, sizeof(float) * (size_t)inner);
            continue;
        }
        uint8_t *to = (uint8_t *)job->out + at;
        for (int b = 0; b < inner; b++) {
            float v = from[b] == from[b] ? from[b] : 0.0f;
            v = rintf(v * job->inverse) + job->point;
            v = v < job->low ? job->low : v > job->high ? job->high : v;
            to[b] = (uint8_t)(int32_t)v;
        }
    }
}

/* ---- the product ---- */

static void one_block(const Job *job, int64_t block, int64_t row, const uint8_t *panel) {
    int32_t sums[ROWS][PANEL] __attribute__((aligned(64)));
    const int64_t first = block * PANEL;
    const int count = (int)(job->positions - first < PANEL ? job->positions - first : PANEL);
    const int rows = (int)(job->rows - row < ROWS ? job->rows - row : ROWS);
    tp_dot(job->level, job->weight + row * job->padded, job->padded, rows, panel, job->padded, sums);
    finish(job, row, first, rows, count, (const int32_t(*)[PANEL])sums);
}

static int64_t panel_bytes(const Job *job) { return job->padded * PANEL; }

static void fill_panel(const Job *job, int64_t block, uint8_t *panel) {
    const int64_t first = block * PANEL;
    const int count = (int)(job->positions - first < PANEL ? job->positions - first : PANEL);
    job->fill(job, first, count, panel);
}

/* Panels by themselves, all rows each. */
static void by_panels(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    uint8_t *panel = memory_of(0, (size_t)panel_bytes(job));
    if (panel == NULL) {
        atomic_store(&job->status, 2);
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

static void fill_panels(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    for (int64_t block = begin; block < end; block++)
        fill_panel(job, block, job->panels + block * panel_bytes(job));
}

/* Few panels: their rows are shared out. */
static void by_rows(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    const int64_t blocks = (job->positions + PANEL - 1) / PANEL;
    tp_dot_begin(job->level);
    for (int64_t task = begin; task < end; task++)
        one_block(job, task % blocks, task / blocks * ROWS, job->panels + task % blocks * panel_bytes(job));
    tp_dot_end(job->level);
}

static int32_t product(Job *job) {
    const int64_t blocks = (job->positions + PANEL - 1) / PANEL;
    const int64_t row_blocks = (job->rows + ROWS - 1) / ROWS;
    if (job->positions == 0 || job->rows == 0)
        return 0;
    if (blocks >= 4 * tp_get_num_threads()) {
        tp_parallel_for(blocks, 1, by_panels, job);
    } else {
        job->panels = memory_of(1, (size_t)(blocks * panel_bytes(job)));
        if (job->panels == NULL)
            return 2;
        tp_parallel_for(blocks, 1 + (1 << 15) / panel_bytes(job), fill_panels, job);
        const int64_t work = job->padded * ROWS * PANEL, grain = 1 + (1 << 20) / (work + 1);
        tp_parallel_for(blocks * row_blocks, grain, by_rows, job);
    }
    return atomic_load(&job->status);
}

/* What zero points, scales and the bias come to, one a row; `total` rows from `first` on belong to this product. */
static bool prepare_rows(Job *job, const int8_t *weight, int64_t k, int64_t total) {
    void *const *d = job->data;
    const int64_t *p = job->p;
    float *factor = memory_of(2, (size_t)total * 12);
    if (factor == NULL)
        return false;
    float *bias = factor + total;
    int32_t *offset = (int32_t *)(bias + total);
    const int32_t point = (d[INPUT_POINT] ? *(const int32_t *)d[INPUT_POINT] : 0) + (p[SIGNED_INPUT] ? 128 : 0);
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
        factor[r] = scales[p[ROW_SCALES] ? r : 0] * scale;
    }
    if (p[BIAS])
        memcpy(bias, d[BIAS_DATA], sizeof(float) * (size_t)total);
    job->factor = factor;
    job->bias = p[BIAS] ? bias : NULL;
    job->offset = offset;
    if (p[OUT_KIND] != OUT_FLOAT) {
        job->inverse = 1.0f / *(const float *)d[OUT_SCALE];
        job->point = d[OUT_POINT] ? (float)*(const int32_t *)d[OUT_POINT] : 0.0f;
        job->low = p[OUT_KIND] == OUT_UINT8 ? 0.0f : -128.0f;
        job->high = p[OUT_KIND] == OUT_UINT8 ? 255.0f : 127.0f;
    }
    return true;
}

static inline int64_t in_steps(int64_t k) { return (k + STEP - 1) / STEP * STEP; }

/* ---- linear ---- */

static void fill_rows(const Job *job, int64_t first, int count, uint8_t *panel) {
    const uint32_t flip = job->p[SIGNED_INPUT] ? 0x80808080u : 0;
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
    for (int c = count; c < PANEL; c++)
        for (int64_t q = 0; q < job->padded / 4; q++)
            to[q * PANEL + c] = 0;
}

int32_t tp_quantized_linear(void *const *data, const int64_t *p) {
    Job job = {.data = data, .p = p, .level = (int)p[LEVEL], .positions = p[L_M], .rows = p[L_N], .k = p[L_K]};
    job.padded = in_steps(job.k);
    job.image = data[INPUT];
    job.out = data[0];
    job.position_step = job.rows;
    job.row_step = 1;
    job.fill = fill_rows;
    const int8_t *weight = data[WEIGHT];
    if (!prepare_rows(&job, weight, job.k, job.rows))
        return 2;
    int8_t *copy = NULL;
    job.weight = weight;
    if (job.padded != job.k) { /* whole steps are read, which must not reach behind the last row */
        copy = calloc((size_t)(job.rows * job.padded) + 1, 1);
        if (copy == NULL)
            return 2;
        for (int64_t r = 0; r < job.rows; r++)
            memcpy(copy + r * job.padded, weight + r * job.k, (size_t)job.k);
        job.weight = copy;
    }
    const int32_t status = product(&job);
    free(copy);
    return status;
}

/* ---- conv2d ---- */

/* Columns in the order tap, channel: runs of a result's row are runs of the image where the stride is 1. */
static void fill_columns(const Job *job, int64_t first, int count, uint8_t *panel) {
    const int64_t *p = job->p;
    const int64_t fours = (p[C_IN] + 3) / 4, width = job->width, plane = job->height * width;
    const uint32_t *image = (const uint32_t *)job->image;
    uint32_t *to = (uint32_t *)panel;
    int64_t base[PANEL];
    for (int c = 0; c < count; c++)
        base[c] = (first + c) / p[C_OW] * p[C_SH] * width + (first + c) % p[C_OW] * p[C_SW];
    for (int64_t y = 0; y < p[C_KH]; y++)
        for (int64_t x = 0; x < p[C_KW]; x++) {
            const int64_t tap = y * p[C_DH] * width + x * p[C_DW];
            for (int64_t q = 0; q < fours; q++, to += PANEL) {
                const uint32_t *from = image + q * plane + tap;
                if (p[C_SW] == 1) {
                    for (int c = 0; c < count;) {
                        const int64_t left = p[C_OW] - (first + c) % p[C_OW];
                        const int run = (int)(left < count - c ? left : count - c);
                        memcpy(to + c, from + base[c], 4 * (size_t)run);
                        c += run;
                    }
                } else {
                    for (int c = 0; c < count; c++)
                        to[c] = from[base[c]];
                }
                for (int c = count; c < PANEL; c++)
                    to[c] = 0;
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
    const int64_t *p = job->p, h = p[C_H], w = p[C_W], width = job->width, height = job->height;
    const uint8_t flip = p[SIGNED_INPUT] ? 0x80 : 0;
    const uint32_t zeros = job->zero * 0x01010101u;
    for (int64_t row = begin; row < end; row++) {
        const int64_t q = row / height, y = row % height - p[C_PH];
        uint32_t *line = (uint32_t *)image->to + row * width;
        for (int64_t x = 0; x < width; x++)
            line[x] = zeros;
        if (y < 0 || y >= h)
            continue;
        uint8_t *to = (uint8_t *)(line + p[C_PW]);
        const int present = (int)(p[C_IN] - 4 * q < 4 ? p[C_IN] - 4 * q : 4);
        const uint8_t *a = image->from + (4 * q * h + y) * w;
        if (present == 4) {
            const uint8_t *restrict b = a + h * w, *restrict c = b + h * w, *restrict d = c + h * w;
            for (int64_t x = 0; x < w; x++) {
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

int32_t tp_quantized_conv2d(void *const *data, const int64_t *p) {
    Job job = {.data = data, .p = p, .level = (int)p[LEVEL], .positions = p[C_OH] * p[C_OW], .rows = p[C_OUT]};
    const int64_t channels = p[C_IN], taps = p[C_KH] * p[C_KW], fours = (channels + 3) / 4;
    job.k = taps * fours * 4;
    job.padded = in_steps(job.k);
    job.height = (p[C_OH] - 1) * p[C_SH] + (p[C_KH] - 1) * p[C_DH] + 1;
    job.width = (p[C_OW] - 1) * p[C_SW] + (p[C_KW] - 1) * p[C_DW] + 1;
    if (job.height < p[C_H] + 2 * p[C_PH])
        job.height = p[C_H] + 2 * p[C_PH];
    if (job.width < p[C_W] + 2 * p[C_PW])
        job.width = p[C_W] + 2 * p[C_PW];
    job.position_step = 1;
    job.row_step = job.positions;
    job.fill = fill_columns;
    const int64_t total = p[C_GROUPS] * p[C_OUT], image_bytes = fours * job.height * job.width * 4;
    if (!prepare_rows(&job, data[WEIGHT], channels * taps, total))
        return 2;
    int8_t *weight = calloc((size_t)(total * job.padded) + 1, 1);
    uint8_t *image = aligned_alloc(64, (size_t)(image_bytes + 63) / 64 * 64);
    int32_t status = weight == NULL || image == NULL ? 2 : 0;
    const int8_t *given = data[WEIGHT];
    for (int64_t r = 0; status == 0 && r < total; r++)
        for (int64_t t = 0; t < taps; t++) {
            int8_t *to = weight + r * job.padded + t * fours * 4;
            const int8_t *from = given + r * channels * taps + t;
            for (int64_t c = 0; c < channels; c++)
                to[c] = from[c * taps];
        }
    const Job all = job;
    for (int64_t n = 0; status == 0 && n < p[C_BATCH] * p[C_GROUPS]; n++) {
        const int64_t g = n % p[C_GROUPS];
        Image part = {&all, (const uint8_t *)data[INPUT] + n * channels * p[C_H] * p[C_W], image};
        tp_parallel_for(fours * job.height, 1 + (1 << 13) / job.width, interleave, &part);
        job.image = image;
        job.weight = weight + g * p[C_OUT] * job.padded;
        job.factor = all.factor + g * p[C_OUT];
        job.offset = all.offset + g * p[C_OUT];
        job.bias = all.bias ? all.bias + g * p[C_OUT] : NULL;
        const int64_t item = p[OUT_KIND] == OUT_FLOAT ? 4 : 1;
        job.out = (char *)data[0] + n * p[C_OUT] * job.positions * item;
        status = product(&job);
    }
    free(weight);
    free(image);
    return status;
}

/* ---- levels ---- */

enum { Q_COUNT, Q_INNER, Q_ROWS, Q_LOW, Q_HIGH }; /* elements; those a scale; scales */

typedef struct {
    void *const *data;
    const int64_t *p;
} Levels;

static void to_levels(void *ctx, int64_t begin, int64_t end) {
    const Levels *job = ctx;
    const int64_t *p = job->p;
    const float *x = job->data[1], *scales = job->data[2];
    const int32_t *points = job->data[3];
    uint8_t *out = job->data[0];
    const float low = (float)p[Q_LOW], high = (float)p[Q_HIGH];
    while (begin < end) {
        const int64_t row = begin / p[Q_INNER], stop = (row + 1) * p[Q_INNER] < end ? (row + 1) * p[Q_INNER] : end;
        const float inverse = 1.0f / scales[row % p[Q_ROWS]];
        const float point = points ? (float)points[row % p[Q_ROWS]] : 0.0f;
        for (int64_t i = begin; i < stop; i++) {
            float v = x[i] == x[i] ? x[i] : 0.0f;
            v = rintf(v * inverse) + point;
            v = v < low ? low : v > high ? high : v;
            out[i] = (uint8_t)(int32_t)v;
        }
        begin = stop;
    }
}

int32_t tp_quantize(void *const *data, const int64_t *p) {
    Levels job = {data, p};
    tp_parallel_for(p[Q_COUNT], 1 << 15, to_levels, &job);
    return 0;
}

enum { D_COUNT, D_INNER, D_ROWS, D_SIGNED };

static void to_numbers(void *ctx, int64_t begin, int64_t end) {
    const Levels *job = ctx;
    const int64_t *p = job->p;
    const float *scales = job->data[2];
    const int32_t *points = job->data[3];
    float *out = job->data[0];
    while (begin < end) {
        const int64_t row = begin / p[D_INNER], stop = (row + 1) * p[D_INNER] < end ? (row + 1) * p[D_INNER] : end;
        const float scale = scales[row % p[D_ROWS]];
        const int32_t point = points ? points[row % p[D_ROWS]] : 0;
        if (p[D_SIGNED]) {
            const int8_t *x = job->data[1];
            for (int64_t i = begin; i < stop; i++)
                out[i] = (float)(x[i] - point) * scale;
        } else {
            const uint8_t *x = job->data[1];
            for (int64_t i = begin; i < stop; i++)
                out[i] = (float)(x[i] - point) * scale;
        }
        begin = stop;
    }
}

int32_t tp_dequantize(void *const *data, const int64_t *p) {
    Levels job = {data, p};
    tp_parallel_for(p[D_COUNT], 1 << 15, to_numbers, &job);
    return 0;
}
