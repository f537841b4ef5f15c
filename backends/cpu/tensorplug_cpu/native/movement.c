/* copy and fill: any strides to any strides. */
#include "kernels.h"
#include "parallel.h"
#include "strided.h"

/* Shared with tensorplug_cpu/movement.py. PLANE: the last two dimensions are a transposed matrix, contiguous along the
 * last in the target and along the one before it in the source. */
enum { LINEAR, RUNS, PLANE, BUFFER = TP_COPY_BUFFER };

typedef struct {
    int64_t kind, itemsize, ndim, total, grain, streamed;
    const int64_t *sizes, *to_strides, *from_strides; /* strides in bytes */
    char *to;
    const char *from;
} Copy;

static void linear_range(void *context, int64_t begin, int64_t end) {
    const Copy *c = context;
    char *to = c->to + begin * c->itemsize;
    const char *from = c->from + begin * c->itemsize;
    if (c->streamed) {
        tp_stream(to, from, (end - begin) * c->itemsize);
        tp_stream_end();
    } else {
        memcpy(to, from, (size_t)((end - begin) * c->itemsize));
    }
}

static void runs_range(void *context, int64_t begin, int64_t end) {
    const Copy *c = context;
    int64_t index[TP_MAX_DIMS];
    tp_unravel(begin, (int)c->ndim, c->sizes, index);
    tp_copy_walk((int)c->ndim, c->sizes, c->to, c->to_strides, c->from, c->from_strides, index, end - begin,
                 c->itemsize);
}

/* A tile of `rows` x `columns` elements through a buffer, so that every cache line is read and written in one go:
 * to[j][i] = from[i][j], with i contiguous in `to` and j contiguous in `from`. */
#define TRANSPOSE(T, N)                                                                                             \
    static void transpose_##T(char *to, int64_t to_stride, const char *from, int64_t from_stride, int64_t columns,  \
                              int64_t rows) {                                                                       \
        T buffer[N][N];                                                                                             \
        for (int64_t i = 0; i < columns; i++)                                                                       \
            memcpy(buffer[i], from + i * from_stride, (size_t)rows * sizeof(T));                                    \
        for (int64_t j = 0; j < rows; j++) {                                                                        \
            T *line = (T *)(to + j * to_stride);                                                                    \
            for (int64_t i = 0; i < columns; i++)                                                                   \
                line[i] = buffer[i][j];                                                                             \
        }                                                                                                           \
    }
TRANSPOSE(uint8_t, 64)
TRANSPOSE(uint16_t, 32)
TRANSPOSE(uint64_t, 8)
#undef TRANSPOSE

static void transpose_uint32_t(char *to, int64_t to_stride, const char *from, int64_t from_stride, int64_t columns,
                               int64_t rows) {
    float buffer[16][16];
    for (int64_t i = 0; i < columns; i++)
        memcpy(buffer[i], from + i * from_stride, (size_t)rows * sizeof(float));
#if defined(__SSE2__)
    if (columns == 16 && rows == 16) {
        for (int j = 0; j < 16; j += 4)
            for (int i = 0; i < 16; i += 4) {
                __m128 a = _mm_loadu_ps(&buffer[i][j]), b = _mm_loadu_ps(&buffer[i + 1][j]);
                __m128 c = _mm_loadu_ps(&buffer[i + 2][j]), d = _mm_loadu_ps(&buffer[i + 3][j]);
                _MM_TRANSPOSE4_PS(a, b, c, d);
                char *line = to + j * to_stride + i * 4;
                _mm_storeu_ps((float *)line, a);
                _mm_storeu_ps((float *)(line + to_stride), b);
                _mm_storeu_ps((float *)(line + 2 * to_stride), c);
                _mm_storeu_ps((float *)(line + 3 * to_stride), d);
            }
        return;
    }
#endif
    for (int64_t j = 0; j < rows; j++)
        for (int64_t i = 0; i < columns; i++)
            memcpy(to + j * to_stride + i * 4, &buffer[i][j], 4);
}

typedef void (*Transpose)(char *, int64_t, const char *, int64_t, int64_t, int64_t);

/* A unit of work is 64 bytes' worth of rows j of one plane, all along i. */
static void plane_range(void *context, int64_t begin, int64_t end) {
    const Copy *c = context;
    const int outer = (int)c->ndim - 2;
    const int64_t tile = TP_COPY_TILE_BYTES / c->itemsize, height = c->sizes[outer], width = c->sizes[outer + 1];
    const int64_t bands = (height + tile - 1) / tile;
    const Transpose transpose = c->itemsize == 1   ? transpose_uint8_t
                                : c->itemsize == 2 ? transpose_uint16_t
                                : c->itemsize == 4 ? transpose_uint32_t
                                                   : transpose_uint64_t;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t index[TP_MAX_DIMS] = {0}, plane = unit / bands, j = unit % bands * tile;
        if (outer > 0)
            tp_unravel(plane, outer, c->sizes, index);
        char *to = c->to + tp_offset(outer, c->to_strides, index) + j * c->to_strides[outer];
        const char *from = c->from + tp_offset(outer, c->from_strides, index) + j * c->itemsize;
        const int64_t rows = height - j < tile ? height - j : tile;
        for (int64_t i = 0; i < width; i += tile)
            transpose(to + i * c->itemsize, c->to_strides[outer], from + i * c->from_strides[outer + 1],
                      c->from_strides[outer + 1], width - i < tile ? width - i : tile, rows);
    }
}

/* An element repeated over contiguous memory, written past the caches. */
static void fill_range(void *context, int64_t begin, int64_t end) {
    const Copy *c = context;
    _Alignas(64) char pattern[BUFFER];
    tp_copy_run(pattern, c->itemsize, c->from, 0, BUFFER / c->itemsize, c->itemsize);
    for (int64_t at = begin * c->itemsize, stop = end * c->itemsize; at < stop; at += BUFFER)
        tp_stream(c->to + at, pattern, stop - at < BUFFER ? stop - at : BUFFER);
    tp_stream_end();
}

/* fill is a copy from one element with strides of 0 */
int32_t tp_copy(void *const *data, const int64_t *params) {
    const tp_copy_params *p = (const void *)params;
    Copy c = {.kind = p->kind, .itemsize = p->itemsize, .ndim = p->ndim, .total = p->total, .grain = p->grain,
              .streamed = p->streamed, .sizes = p->sizes, .to = data[0], .from = data[1]};
    c.to_strides = c.sizes + c.ndim;
    c.from_strides = c.to_strides + c.ndim;
    tp_range_fn work = c.kind == LINEAR ? linear_range : c.kind == PLANE ? plane_range
                       : c.streamed ? fill_range : runs_range;
    tp_parallel_for(c.total, c.grain, work, &c);
    return 0;
}

/* data: the result, then the parts */
int32_t tp_cat(void *const *data, const int64_t *params) {
    const tp_cat_params *p = (const void *)params;
    const int64_t count = p->count, *next = p->parts;
    for (int64_t i = 0; i < count; i++) {
        const tp_cat_part_params *part = (const void *)next;
        const int64_t length = part->length;
        if (length)
            tp_copy((void *[]){(char *)data[0] + part->first, data[1 + i]}, part->copy);
        next = part->copy + length;
    }
    return 0;
}
