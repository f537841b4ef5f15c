/* tensorplug-flags: -ffp-contract=off
 * quantized_linear and quantized_conv2d: sums of products of bytes, then scales, bias, and perhaps levels again.
 * See quantized.py for the parameters.
 *
 * The positions (rows of a linear's input, places of a convolution's result) are taken PANEL at a time; their bytes
 * are laid out in fours, so that weights are read as they are: packing them would cost more than a small product. */
#include "dot.h"
#include "gemm.h"
#include "parallel.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#if defined(__AVX512BW__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

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
    bool direct;     /* conv: positions are read from the image, a result's row at a time */
    uint8_t *panels; /* of all positions, or NULL: each task makes its own */
    _Atomic int32_t status;
};

static _Thread_local struct {
    void *memory;
    size_t bytes;
} scratch[6];

enum { OWN_PANEL, ALL_PANELS, PER_ROW, WEIGHTS, IMAGE, NUMBERS };

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

static inline uint8_t level_of(float v, float inverse, float point, float low, float high) {
    v = rintf(v * inverse) + point;
    v = v < low ? low : v <= high ? v : high; /* NaN: the highest, as PyTorch has it */
    return (uint8_t)(int32_t)v;
}

/* `n` levels, a multiple of 16. */
static inline void levels_of(const float *v, uint8_t *out, int64_t n, float inverse, float point, float low,
                             float high) {
#if defined(__AVX512BW__)
    const __m512 far = _mm512_set1_ps(1e6f), near = _mm512_set1_ps(-1e6f), by = _mm512_set1_ps(inverse);
    const __m512i zero = _mm512_set1_epi32((int32_t)point);
    const __m512i first = _mm512_set1_epi32((int32_t)low), last = _mm512_set1_epi32((int32_t)high);
    for (int64_t i = 0; i < n; i += 16) {
        const __m512 x = _mm512_loadu_ps(v + i);
        const __m512 y = _mm512_mul_ps(x, by);
        const __m512i q =
            _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_max_ps(_mm512_min_ps(y, far), near)), zero);
        const __m512i level = _mm512_mask_mov_epi32(_mm512_min_epi32(_mm512_max_epi32(q, first), last),
                                                    _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q), last);
        _mm_storeu_si128((__m128i *)(out + i), _mm512_cvtepi32_epi8(level));
    }
#else
    for (int64_t i = 0; i < n; i++)
        out[i] = level_of(v[i], inverse, point, low, high);
#endif
}

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
    if (job->p[OUT_KIND] == OUT_FLOAT) {
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
    if (job->p[OUT_KIND] == OUT_FLOAT) {
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
        const int64_t across = job->p[C_OW], each = (across + PANEL - 1) / PANEL;
        first = block / each * across + block % each * PANEL;
        end = (block / each + 1) * across;
    }
    *count = (int)(end - first < PANEL ? end - first : PANEL);
    return first;
}

static int64_t block_count(const Job *job) {
    if (job->direct)
        return job->p[C_OH] * ((job->p[C_OW] + PANEL - 1) / PANEL);
    return (job->positions + PANEL - 1) / PANEL;
}

static void one_block(const Job *job, int64_t block, int64_t row, const uint8_t *panel) {
    int32_t sums[ROWS][PANEL] __attribute__((aligned(64)));
    int count;
    const int64_t first = block_start(job, block, &count), *p = job->p;
    const int rows = (int)(job->rows - row < ROWS ? job->rows - row : ROWS);
    const uint8_t *x[MOST_TAPS];
    x[0] = panel;
    TpPositions of = {x, 1, job->padded, 4 * PANEL};
    if (job->direct) {
        of = (TpPositions){x, p[C_KH] * p[C_KW], p[C_IN], 4 * job->height * job->width};
        const uint8_t *corner = job->image + 4 * (first / p[C_OW] * p[C_SH] * job->width + first % p[C_OW]);
        for (int64_t t = 0; t < of.taps; t++)
            x[t] = corner + 4 * (t / p[C_KW] * p[C_DH] * job->width + t % p[C_KW] * p[C_DW]);
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
                return 2;
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
    const int64_t *p = job->p;
    const int64_t length = total + ROWS;
    float *factor = memory_of(PER_ROW, (size_t)length * 12);
    if (factor == NULL)
        return false;
    float *bias = factor + length;
    int32_t *offset = (int32_t *)(bias + length);
    memset(factor, 0, (size_t)length * 12);
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
        copy = memory_of(WEIGHTS, (size_t)(job.rows * job.padded) + 1);
        if (copy == NULL)
            return 2;
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
    /* a block may look at positions behind the last, whose results are dropped */
    int8_t *weight = memory_of(WEIGHTS, (size_t)(total * job.padded) + 1);
    uint8_t *image = memory_of(IMAGE, (size_t)image_bytes + 4 * PANEL);
    int32_t status = weight == NULL || image == NULL ? 2 : 0;
    if (status == 0 && job.padded != channels * taps)
        memset(weight, 0, (size_t)(total * job.padded));
    job.direct = p[C_SW] == 1 && channels % STEP == 0 && taps <= MOST_TAPS;
    if (status == 0)
        by_taps(weight, job.padded, data[WEIGHT], total, channels, taps);
    const Job all = job;
    for (int64_t n = 0; status == 0 && n < p[C_BATCH] * p[C_GROUPS]; n++) {
        const int64_t g = n % p[C_GROUPS];
        Image part = {&all, (const uint8_t *)data[INPUT] + n * channels * p[C_H] * p[C_W], image};
        tp_parallel_for(fours * job.height, 1 + TP_DOT_IMAGE_GRAIN / job.width, interleave, &part);
        job.image = image;
        job.weight = weight + g * p[C_OUT] * job.padded;
        job.factor = all.factor + g * p[C_OUT];
        job.offset = all.offset + g * p[C_OUT];
        job.bias = all.bias ? all.bias + g * p[C_OUT] : NULL;
        const int64_t item = p[OUT_KIND] == OUT_FLOAT ? 4 : 1;
        job.out = (char *)data[0] + n * p[C_OUT] * job.positions * item;
        status = product(&job);
    }
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
        const int64_t whole = begin + (stop - begin) / 16 * 16;
        levels_of(x + begin, out + begin, whole - begin, inverse, point, low, high);
        for (int64_t i = whole; i < stop; i++)
            out[i] = level_of(x[i], inverse, point, low, high);
        begin = stop;
    }
}

int32_t tp_quantize(void *const *data, const int64_t *p) {
    Levels job = {data, p};
    tp_parallel_for(p[Q_COUNT], TP_LEVELS_GRAIN, to_levels, &job);
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
    tp_parallel_for(p[D_COUNT], TP_LEVELS_GRAIN, to_numbers, &job);
    return 0;
}

/* ---- the scale that fits a range ---- */

enum { R_COUNT, R_LOW, R_HIGH, R_SYMMETRIC };
enum { RANGE_CHUNK = TP_RANGE_CHUNK, MOST_CHUNKS = TP_RANGE_MOST_CHUNKS, LANE_COUNT = TP_LEVELS_LANES };

typedef struct {
    const float *x;
    int64_t count, chunk;
    float least[MOST_CHUNKS], most[MOST_CHUNKS];
    bool nan[MOST_CHUNKS];
} Range;

static void range_of(void *ctx, int64_t begin, int64_t end) {
    Range *range = ctx;
    for (int64_t c = begin; c < end; c++) {
        const int64_t first = c * range->chunk;
        const int64_t stop = first + range->chunk < range->count ? first + range->chunk : range->count;
        float low[LANE_COUNT] = {0}, high[LANE_COUNT] = {0};
        int32_t bad[LANE_COUNT] = {0};
        int64_t i = first;
#if defined(__AVX512BW__)
        __m512 least = _mm512_setzero_ps(), most = least;
        __mmask16 odd = 0;
        for (; i + LANE_COUNT <= stop; i += LANE_COUNT) {
            const __m512 v = _mm512_loadu_ps(range->x + i);
            least = _mm512_min_ps(v, least); /* the second where one is NaN */
            most = _mm512_max_ps(v, most);
            odd |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        }
        _mm512_storeu_ps(low, least);
        _mm512_storeu_ps(high, most);
        bad[0] = odd;
#endif
        for (; i + LANE_COUNT <= stop; i += LANE_COUNT)
            for (int l = 0; l < LANE_COUNT; l++) {
                const float v = range->x[i + l];
                low[l] = v < low[l] ? v : low[l];
                high[l] = v > high[l] ? v : high[l];
                bad[l] |= v != v;
            }
        for (; i < stop; i++) {
            const float v = range->x[i];
            low[0] = v < low[0] ? v : low[0];
            high[0] = v > high[0] ? v : high[0];
            bad[0] |= v != v;
        }
        for (int l = 1; l < LANE_COUNT; l++) {
            low[0] = low[l] < low[0] ? low[l] : low[0];
            high[0] = high[l] > high[0] ? high[l] : high[0];
            bad[0] |= bad[l];
        }
        range->least[c] = low[0];
        range->most[c] = high[0];
        range->nan[c] = bad[0] != 0;
    }
}

/* choose_qparams(input) -> scale, zero_point. */
int32_t tp_choose_qparams(void *const *data, const int64_t *p) {
    Range range = {.x = data[2], .count = p[R_COUNT], .chunk = RANGE_CHUNK};
    if (range.count > (int64_t)RANGE_CHUNK * MOST_CHUNKS)
        range.chunk = (range.count + MOST_CHUNKS - 1) / MOST_CHUNKS;
    const int64_t chunks = (range.count + range.chunk - 1) / range.chunk;
    tp_parallel_for(chunks, 1, range_of, &range);
    float least = 0.0f, most = 0.0f;
    bool nan = false;
    for (int64_t c = 0; c < chunks; c++) {
        least = range.least[c] < least ? range.least[c] : least;
        most = range.most[c] > most ? range.most[c] : most;
        nan |= range.nan[c];
    }
    if (nan)
        least = most = NAN;
    const float low = (float)p[R_LOW], high = (float)p[R_HIGH], smallest = 0x1p-103f;
    const float steps = (float)(p[R_SYMMETRIC] ? 2.0 / (double)(p[R_HIGH] - p[R_LOW])
                                               : 1.0 / (double)(p[R_HIGH] - p[R_LOW]));
    const float reach = p[R_SYMMETRIC] ? (-least > most ? -least : most) : most - least;
    float scale = reach * steps;
    scale = scale < smallest ? smallest : scale;
    *(float *)data[0] = scale;
    if (p[R_SYMMETRIC]) {
        *(int32_t *)data[1] = (int32_t)((p[R_LOW] + p[R_HIGH] + 1) / 2);
        return 0;
    }
    float point = low - rintf(least * (1.0f / scale));
    point = point < low ? low : point > high ? high : point;
    *(int32_t *)data[1] = nan ? 0 : (int32_t)point;
    return 0;
}

/* ---- weights of few bits ---- */

enum { W_M, W_N, W_K, W_BITS, W_SIGNED, W_GROUP, W_PER_ROW, W_GROUPS, W_BIAS }; /* elements a group; one scale a row */
enum { W_INPUT = 1, W_WEIGHT, W_SCALE, W_POINT, W_BIAS_DATA };
enum { CHUNK = TP_WEIGHT_ROWS };

/* Row r of the weight as numbers: the levels first, then scaled group by group. */
static void numbers_of_row(void *const *data, const int64_t *p, int64_t r, float *out) {
    const int64_t k = p[W_K];
    if (p[W_BITS] == 4) {
        const uint8_t *in = (const uint8_t *)data[W_WEIGHT] + r * ((k + 1) / 2);
        const int flip = p[W_SIGNED] ? 8 : 0;
        for (int64_t i = 0; i < k / 2; i++) {
            out[2 * i] = (float)(((in[i] & 15) ^ flip) - flip);
            out[2 * i + 1] = (float)(((in[i] >> 4) ^ flip) - flip);
        }
        if (k % 2)
            out[k - 1] = (float)(((in[k / 2] & 15) ^ flip) - flip);
    } else if (p[W_SIGNED]) {
        const int8_t *in = (const int8_t *)data[W_WEIGHT] + r * k;
        for (int64_t i = 0; i < k; i++)
            out[i] = (float)in[i];
    } else {
        const uint8_t *in = (const uint8_t *)data[W_WEIGHT] + r * k;
        for (int64_t i = 0; i < k; i++)
            out[i] = (float)in[i];
    }
    const int64_t group = p[W_GROUP], first = p[W_PER_ROW] ? r * p[W_GROUPS] : 0;
    for (int64_t g = 0; g < p[W_GROUPS]; g++) {
        const float scale = ((const float *)data[W_SCALE])[first + g];
        const float point = data[W_POINT] ? (float)((const int32_t *)data[W_POINT])[first + g] : 0.0f;
        float *numbers = out + g * group;
        for (int64_t i = 0; i < group; i++)
            numbers[i] = (numbers[i] - point) * scale;
    }
}

static void weight_rows(void *ctx, int64_t begin, int64_t end) {
    Job *job = ctx;
    void *const *data = job->data;
    const int64_t *p = job->p, k = p[W_K];
    float *numbers = memory_of(NUMBERS, sizeof(float) * (size_t)(CHUNK * k + 1));
    if (numbers == NULL) {
        atomic_store(&job->status, 2);
        return;
    }
    for (int64_t r = begin; r < end; r += CHUNK) {
        const int64_t rows = end - r < CHUNK ? end - r : CHUNK;
        for (int64_t i = 0; i < rows; i++)
            numbers_of_row(data, p, r + i, numbers + i * k);
        const TpGemm product = {
            .m = p[W_M], .n = rows, .k = k, .a = data[W_INPUT], .a_rs = k, .a_cs = 1, .b = numbers, .b_rs = 1,
            .b_cs = k, .c = (float *)data[0] + r, .ldc = p[W_N],
            .bias = p[W_BIAS] ? (const float *)data[W_BIAS_DATA] + r : NULL, .bias_rs = 0, .bias_cs = 1};
        const int32_t status = tp_gemm(&product, TP_FLOAT32);
        if (status)
            atomic_store(&job->status, status);
    }
}

int32_t tp_weight_only_linear(void *const *data, const int64_t *p) {
    Job job = {.data = data, .p = p};
    const int64_t work = p[W_K] * (p[W_M] + 2);
    int64_t grain = (TP_WEIGHT_GRAIN / (work + 1) + CHUNK) / CHUNK * CHUNK;
    tp_parallel_for(p[W_N], grain, weight_rows, &job);
    return atomic_load(&job.status);
}
