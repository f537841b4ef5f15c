/* Reading and writing at places that tensors of indices name, counting, and the negative log likelihood of classes.
 *
 * One side, "data", is addressed by the indices; the other, "rows", has an element for every index. Indices are checked
 * before anything is written. TAKE reads data into rows; PUT and ADD write rows into data, where several indices may
 * name one place: they do it in the order of the indices, whatever the number of threads. ADD into float16 and bfloat16
 * goes through a float32 copy of the result. See indexing.py for the parameters. */
#include "element.h"
#include "parallel.h"
#include "strided.h"

#include <stdatomic.h>
#include <stdlib.h>

int32_t tp_copy(void *const *data, const int64_t *params);

enum { TAKE, PUT, ADD }; /* shared with indexing.py */
enum { MAX_INDICES = TP_INDEX_MOST, GRAIN = TP_INDEX_GRAIN, BLOCK_BYTES = TP_INDEX_BLOCK_BYTES };
enum { COLUMNS = TP_INDEX_COLUMNS, CHUNK = TP_INDEX_CHUNK, NARROW = TP_INDEX_NARROW, NONE = -1 };

static inline int64_t index_at(const char *p, int64_t width) {
    return width == 8 ? *(const int64_t *)p : *(const int32_t *)p;
}

typedef struct {
    int64_t ndim;
    const int64_t *sizes;
} Space;

static const int64_t *read_numbers(const int64_t **cursor, int64_t n) {
    const int64_t *found = *cursor;
    *cursor += n;
    return found;
}

/* Moves `index` on by one position of the space without its last dimension. */
static inline void advance(int64_t *index, const int64_t *sizes, int64_t last) {
    for (int64_t d = last - 1; d >= 0; d--) {
        if (++index[d] < sizes[d])
            return;
        index[d] = 0;
    }
}

/* ---- the result before it is written to: a copy of the input, or zeros; halves are added up in float32 */

typedef struct {
    char *target;   /* what is written to */
    float *widened; /* the same, where it is not the result itself */
} Target;

typedef struct {
    void *result;
    float *wide;
    int dtype;
} Conversion;

static void widen_range(void *context, int64_t begin, int64_t end) {
    const Conversion *c = context;
    tp_load_floats(c->wide + begin, (const uint16_t *)c->result + begin, end - begin, c->dtype);
}

static void narrow_range(void *context, int64_t begin, int64_t end) {
    const Conversion *c = context;
    tp_store_floats((uint16_t *)c->result + begin, c->wide + begin, end - begin, c->dtype);
}

static int32_t begin_writing(Target *t, void *result, void *input, const int64_t *copy, bool wide, int dtype,
                             int64_t numel) {
    static int64_t zero = 0;
    if (input != result) /* in place the values are there already */
        tp_copy((void *[]){result, input ? input : &zero}, copy);
    *t = (Target){.target = result};
    if (wide) {
        t->widened = malloc(sizeof(float) * (size_t)numel);
        if (!t->widened)
            return TP_OUT_OF_MEMORY;
        Conversion c = {result, t->widened, dtype};
        tp_parallel_for(numel, GRAIN, widen_range, &c);
        t->target = (char *)t->widened;
    }
    return TP_OK;
}

static void end_writing(Target *t, void *result, int dtype, int64_t numel) {
    if (t->widened) {
        Conversion c = {result, t->widened, dtype};
        tp_parallel_for(numel, GRAIN, narrow_range, &c);
        free(t->widened);
    }
}

/* ---- whole rows: the places do not depend on where in a row an element is */

typedef struct {
    int64_t width, length, step; /* bytes of an index; number of places and bytes between them */
    const int64_t *strides;
    const char *data;
} Index;

typedef struct {
    int64_t mode, dtype, itemsize, wrap, padding, indices, count, run, run_data, run_row, units, span, numel;
    Space places, free;
    const int64_t *row_strides, *free_data, *free_row; /* bytes */
    Index index[MAX_INDICES];
    char *data, *rows;
    int64_t blocks, block, parts;
    _Atomic int32_t status;
} Rows;

/* Places number first ... first + n - 1 in bytes from the beginnings of both sides; NONE is padding. */
typedef struct {
    int64_t first, n, data[CHUNK], row[CHUNK];
} Chunk;

/* Fills the chunk, unless it is that already. Returns whether an index is out of range. */
static bool find_chunk(const Rows *r, Chunk *chunk, int64_t first, int64_t n) {
    const int64_t last = r->places.ndim - 1;
    int64_t position[TP_MAX_DIMS];
    bool bad = false;
    if (chunk->first == first && chunk->n == n)
        return false;
    chunk->first = first;
    chunk->n = n;
    tp_unravel(first, (int)last + 1, r->places.sizes, position);
    for (int64_t q = 0, m; q < n; q += m) {
        m = tp_min64(r->places.sizes[last] - position[last], n - q);
        for (int64_t k = 0; k < r->indices; k++) {
            const Index *x = &r->index[k];
            const char *at = x->data + tp_offset((int)last + 1, x->strides, position);
            const int64_t step = x->strides[last];
            const uint64_t length = (uint64_t)x->length;
            int64_t *to = chunk->data + q;
            if (r->indices == 1 && x->width == 8 && step == 8 && !r->wrap && r->padding < 0) {
                for (int64_t i = 0; i < m; i++) {
                    uint64_t j = ((const uint64_t *)at)[i];
                    bad |= j >= length;
                    to[i] = (int64_t)(j * (uint64_t)x->step);
                }
                continue;
            }
            for (int64_t i = 0; i < m; i++) {
                int64_t j = index_at(at + i * step, x->width);
                bool padding = j == r->padding && r->padding >= 0;
                j += r->wrap && j < 0 ? x->length : 0;
                bad |= (uint64_t)j >= length;
                int64_t offset = (k ? to[i] : 0) + (int64_t)((uint64_t)j * (uint64_t)x->step);
                to[i] = padding ? NONE : offset;
            }
        }
        for (int64_t i = 0, base = tp_offset((int)last + 1, r->row_strides, position); i < m; i++)
            chunk->row[q + i] = base + i * r->row_strides[last];
        position[last] = 0;
        advance(position, r->places.sizes, last);
    }
    return bad;
}

static void check_places(void *context, int64_t begin, int64_t end) {
    Rows *r = context;
    Chunk chunk = {.n = -1};
    for (int64_t q = begin; q < end; q += CHUNK)
        if (find_chunk(r, &chunk, q, tp_min64(CHUNK, end - q)))
            r->status = TP_INDEX_OUT_OF_RANGE;
}

#define TAKE_ONES(T)                                                                                                \
    for (int64_t q = 0; q < c->n; q++)                                                                              \
        *(T *)(rows + c->row[q]) = *(const T *)(data + c->data[q]);                                                 \
    break

static void take_rows(const Rows *r, const Chunk *c, char *rows, const char *data, int64_t n) {
    if (n == 1) {
        switch (r->itemsize) {
        case 1: TAKE_ONES(uint8_t);
        case 2: TAKE_ONES(uint16_t);
        case 4: TAKE_ONES(uint32_t);
        default: TAKE_ONES(uint64_t);
        }
        return;
    }
    for (int64_t q = 0; q < c->n; q++)
        tp_copy_run(rows + c->row[q], r->run_row, data + c->data[q], r->run_data, n, r->itemsize);
}

/* Writers: the rows whose places begin in [low, high), in order. */
static void put_rows(const Rows *r, const Chunk *c, char *data, char *rows, int64_t low, int64_t high, int64_t n) {
    for (int64_t q = 0; q < c->n; q++)
        if (c->data[q] >= low && c->data[q] < high)
            tp_copy_run(data + c->data[q], r->run_data, rows + c->row[q], r->run_row, n, r->itemsize);
}

#define SAME(x) (x)
#define ADD_ROWS(NAME, T, S, LOAD, PLUS)                                                                            \
    static void add_rows_##NAME(const Rows *r, const Chunk *c, char *data, char *rows, int64_t low, int64_t high,   \
                                int64_t n) {                                                                        \
        const bool even = r->run_data == (int64_t)sizeof(T) && r->run_row == (int64_t)sizeof(S);                    \
        for (int64_t q = 0; q < c->n; q++) {                                                                        \
            if (c->data[q] < low || c->data[q] >= high)                                                             \
                continue;                                                                                           \
            char *to = data + c->data[q];                                                                           \
            const char *from = rows + c->row[q];                                                                    \
            if (n == 1) {                                                                                           \
                *(T *)to = (T)(*(T *)to PLUS LOAD(*(const S *)from));                                               \
            } else if (even) {                                                                                      \
                T *restrict x = (T *)to;                                                                            \
                const S *restrict y = (const S *)from;                                                              \
                for (int64_t i = 0; i < n; i++)                                                                     \
                    x[i] = (T)(x[i] PLUS LOAD(y[i]));                                                               \
            } else {                                                                                                \
                for (int64_t i = 0; i < n; i++)                                                                     \
                    *(T *)(to + i * r->run_data) =                                                                  \
                        (T)(*(T *)(to + i * r->run_data) PLUS LOAD(*(const S *)(from + i * r->run_row)));           \
            }                                                                                                       \
        }                                                                                                           \
    }
#define ADDED_TYPES(X)                                                                                              \
    X(bool, uint8_t, uint8_t, SAME, |)                                                                              \
    X(u8, uint8_t, uint8_t, SAME, +)                                                                                \
    X(u16, uint16_t, uint16_t, SAME, +)                                                                             \
    X(u32, uint32_t, uint32_t, SAME, +)                                                                             \
    X(u64, uint64_t, uint64_t, SAME, +)                                                                             \
    X(f16, float, tp_half, tp_half_to_float, +)                                                                     \
    X(bf16, float, tp_bfloat16, tp_bfloat16_to_float, +)                                                            \
    X(f32, float, float, SAME, +)                                                                                   \
    X(f64, double, double, SAME, +)
ADDED_TYPES(ADD_ROWS)

typedef void (*WriteRows)(const Rows *, const Chunk *, char *, char *, int64_t, int64_t, int64_t);
static const WriteRows add_rows[] = {add_rows_bool, add_rows_u8,  add_rows_u8,   add_rows_u16, add_rows_u32,
                                     add_rows_u64,  add_rows_f16, add_rows_bf16, add_rows_f32, add_rows_f64};

/* Where unit `unit` begins on both sides, and how many elements its rows have. */
static int64_t find_unit(const Rows *r, int64_t unit, char **data, char **rows) {
    int64_t position[TP_MAX_DIMS] = {0}, first = unit % r->blocks * r->block;
    if (r->free.ndim)
        tp_unravel(unit / r->blocks, (int)r->free.ndim, r->free.sizes, position);
    *data = r->data + tp_offset((int)r->free.ndim, r->free_data, position) + first * r->run_data;
    *rows = r->rows + tp_offset((int)r->free.ndim, r->free_row, position) + first * r->run_row;
    return tp_min64(r->block, r->run - first);
}

static void take_range(void *context, int64_t begin, int64_t end) {
    const Rows *r = context;
    Chunk chunk = {.n = -1};
    while (begin < end) {
        char *data, *rows;
        int64_t n = find_unit(r, begin / r->count, &data, &rows), q = begin % r->count;
        int64_t m = tp_min64(CHUNK, tp_min64(r->count - q, end - begin));
        find_chunk(r, &chunk, q, m);
        take_rows(r, &chunk, rows, data, n);
        begin += m;
    }
}

static void write_range(void *context, int64_t begin, int64_t end) {
    const Rows *r = context;
    const WriteRows write = r->mode == PUT ? put_rows : add_rows[r->dtype];
    Chunk chunk = {.n = -1};
    for (int64_t item = begin; item < end; item++) {
        char *data, *rows;
        int64_t n = find_unit(r, item / r->parts, &data, &rows), part = item % r->parts;
        int64_t low = r->span / r->parts * part, high = part + 1 < r->parts ? r->span / r->parts * (part + 1) : r->span;
        for (int64_t q = 0; q < r->count; q += CHUNK) {
            find_chunk(r, &chunk, q, tp_min64(CHUNK, r->count - q));
            write(r, &chunk, data, rows, low, high, n);
        }
    }
}

static void run_rows(Rows *r) {
    r->blocks = 1;
    r->block = r->run;
    if (r->run * r->itemsize > 2 * BLOCK_BYTES) {
        r->block = BLOCK_BYTES / r->itemsize;
        r->blocks = (r->run + r->block - 1) / r->block;
    }
    int64_t units = r->units * r->blocks;
    if (r->mode == TAKE) {
        tp_parallel_for(units * r->count, (GRAIN + r->block - 1) / r->block, take_range, r);
        return;
    }
    const int64_t threads = tp_get_num_threads(), work = r->count * r->block;
    const bool worth = r->block >= NARROW || threads >= 4; /* every part reads all indices */
    r->parts = units * work > GRAIN && units < 2 * threads && worth ? threads : 1;
    tp_parallel_for(units * r->parts, r->parts > 1 ? 1 : (GRAIN + work - 1) / work, write_range, r);
}

/* data: result and the op's tensors; which is what, the parameters say */
int32_t tp_index_rows(void *const *data, const int64_t *params) {
    const tp_index_rows_params *p = (const void *)params;
    Rows r = {.mode = p->mode, .dtype = p->dtype, .itemsize = p->itemsize, .wrap = p->wrap, .padding = p->padding,
              .indices = p->indices, .count = p->count, .run = p->run, .run_data = p->run_data, .run_row = p->run_row,
              .units = p->units, .span = p->span, .numel = p->numel, .data = data[p->data], .rows = data[p->rows],
              .places.ndim = p->places_ndim, .free.ndim = p->free_ndim};
    const int64_t *cursor = p->sizes;
    r.places.sizes = read_numbers(&cursor, r.places.ndim);
    r.row_strides = read_numbers(&cursor, r.places.ndim);
    for (int64_t k = 0; k < r.indices; k++) {
        const tp_index_params *index = (const void *)cursor;
        r.index[k] = (Index){.width = index->width, .length = index->length, .step = index->step,
                             .data = data[p->first + k], .strides = index->strides};
        cursor = index->strides + r.places.ndim;
    }
    r.free.sizes = read_numbers(&cursor, r.free.ndim);
    r.free_data = read_numbers(&cursor, r.free.ndim);
    r.free_row = read_numbers(&cursor, r.free.ndim);
    tp_parallel_for(r.count, GRAIN, check_places, &r);
    int32_t status = r.status;
    if (status == TP_OK && r.mode == TAKE) {
        if (r.count > 0 && r.units > 0 && r.run > 0)
            run_rows(&r);
    } else if (status == TP_OK) {
        bool wide = r.mode == ADD && (r.dtype == TP_FLOAT16 || r.dtype == TP_BFLOAT16);
        Target target;
        status = begin_writing(&target, r.data, p->input ? data[p->input] : NULL, cursor, wide, (int)r.dtype, r.numel);
        if (status == TP_OK) {
            r.data = target.target;
            if (r.count > 0 && r.units > 0 && r.run > 0)
                run_rows(&r);
            end_writing(&target, data[0], (int)r.dtype, r.numel);
        }
    }
    return status;
}

/* ---- single elements: every one has an index of its own */

typedef struct {
    int64_t mode, dtype, itemsize, width, length, step, lines, line_row, line_index, run, run_data, run_row, run_index;
    Space check, free;
    const int64_t *check_strides, *free_data, *free_row, *free_index; /* bytes */
    char *data, *rows;
    const char *index;
    int64_t blocks, block;
    _Atomic int32_t status;
} Elements;

static void check_range(void *context, int64_t begin, int64_t end) {
    Elements *e = context;
    const int64_t last = e->check.ndim - 1, step = e->check_strides[last];
    int64_t position[TP_MAX_DIMS];
    bool bad = false;
    tp_unravel(begin, (int)e->check.ndim, e->check.sizes, position);
    while (begin < end) {
        int64_t n = tp_min64(e->check.sizes[last] - position[last], end - begin);
        const char *at = e->index + tp_offset((int)last + 1, e->check_strides, position);
        if (step == 8 && e->width == 8)
            for (int64_t i = 0; i < n; i++)
                bad |= (uint64_t)((const int64_t *)at)[i] >= (uint64_t)e->length;
        else
            for (int64_t i = 0; i < n; i++)
                bad |= (uint64_t)index_at(at + i * step, e->width) >= (uint64_t)e->length;
        begin += n;
        position[last] = 0;
        advance(position, e->check.sizes, last);
    }
    if (bad)
        e->status = TP_INDEX_OUT_OF_RANGE;
}

typedef void (*Line)(const Elements *e, char *data, char *rows, const char *index, int64_t n);

#define ELEMENT_LOOP(STATEMENT)                                                                                     \
    const int64_t step = e->step, run_data = e->run_data, run_row = e->run_row, run_index = e->run_index;           \
    if (e->width == 8 && run_index == 8) {                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            char *at = data + i * run_data + ((const int64_t *)index)[i] * step, *row = rows + i * run_row;         \
            STATEMENT;                                                                                              \
        }                                                                                                           \
    } else {                                                                                                        \
        const int64_t width = e->width;                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            char *at = data + i * run_data + index_at(index + i * run_index, width) * step, *row = rows + i * run_row; \
            STATEMENT;                                                                                              \
        }                                                                                                           \
    }
#define MOVE_LINES(T)                                                                                               \
    static void take_##T(const Elements *e, char *data, char *rows, const char *index, int64_t n) {                 \
        ELEMENT_LOOP(*(T *)row = *(const T *)at)                                                                    \
    }                                                                                                               \
    static void put_##T(const Elements *e, char *data, char *rows, const char *index, int64_t n) {                  \
        ELEMENT_LOOP(*(T *)at = *(const T *)row)                                                                    \
    }
MOVE_LINES(uint8_t)
MOVE_LINES(uint16_t)
MOVE_LINES(uint32_t)
MOVE_LINES(uint64_t)
#define ADD_LINE(NAME, T, S, LOAD, PLUS)                                                                            \
    static void add_##NAME(const Elements *e, char *data, char *rows, const char *index, int64_t n) {               \
        ELEMENT_LOOP(*(T *)at = (T)(*(T *)at PLUS LOAD(*(const S *)row)))                                           \
    }
ADDED_TYPES(ADD_LINE)

static const Line take_lines[] = {take_uint8_t, take_uint16_t, take_uint32_t, take_uint64_t};
static const Line put_lines[] = {put_uint8_t, put_uint16_t, put_uint32_t, put_uint64_t};
static const Line add_lines[] = {add_bool, add_u8,  add_u8,   add_u16, add_u32,
                                 add_u64,  add_f16, add_bf16, add_f32, add_f64};

static void elements_range(void *context, int64_t begin, int64_t end) {
    const Elements *e = context;
    const int size = e->itemsize == 1 ? 0 : e->itemsize == 2 ? 1 : e->itemsize == 4 ? 2 : 3, ndim = (int)e->free.ndim;
    const Line line = e->mode == TAKE ? take_lines[size] : e->mode == PUT ? put_lines[size] : add_lines[e->dtype];
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t position[TP_MAX_DIMS] = {0}, first = unit % e->blocks * e->block;
        if (ndim)
            tp_unravel(unit / e->blocks, ndim, e->free.sizes, position);
        char *data = e->data + tp_offset(ndim, e->free_data, position) + first * e->run_data;
        char *rows = e->rows + tp_offset(ndim, e->free_row, position) + first * e->run_row;
        const char *index = e->index + tp_offset(ndim, e->free_index, position) + first * e->run_index;
        for (int64_t q = 0; q < e->lines; q++)
            line(e, data, rows + q * e->line_row, index + q * e->line_index, tp_min64(e->block, e->run - first));
    }
}

static void run_elements(Elements *e, bool splits) {
    e->block = e->run;
    if (splits)
        e->block = tp_min64(e->run, e->mode == TAKE ? GRAIN : COLUMNS);
    e->blocks = (e->run + e->block - 1) / e->block;
    int64_t units = e->blocks, work = e->lines * e->block;
    for (int64_t d = 0; d < e->free.ndim; d++)
        units *= e->free.sizes[d];
    tp_parallel_for(units, (GRAIN + work - 1) / work, elements_range, e);
}

/* data: result, input, index, rows (PUT and ADD) */
int32_t tp_index_elements(void *const *data, const int64_t *params) {
    const tp_index_elements_params *p = (const void *)params;
    Elements e = {.mode = p->mode, .dtype = p->dtype, .itemsize = p->itemsize, .width = p->width, .length = p->length,
                  .step = p->step, .lines = p->lines, .line_row = p->line_row, .line_index = p->line_index,
                  .run = p->run, .run_data = p->run_data, .run_row = p->run_row, .run_index = p->run_index,
                  .check.ndim = p->check_ndim, .free.ndim = p->free_ndim, .index = data[2]};
    const int64_t *cursor = p->sizes, numel = p->numel;
    e.check.sizes = read_numbers(&cursor, e.check.ndim);
    e.check_strides = read_numbers(&cursor, e.check.ndim);
    e.free.sizes = read_numbers(&cursor, e.free.ndim);
    e.free_data = read_numbers(&cursor, e.free.ndim);
    e.free_row = read_numbers(&cursor, e.free.ndim);
    e.free_index = read_numbers(&cursor, e.free.ndim);
    int64_t indices = 1;
    for (int64_t d = 0; d < e.check.ndim; d++)
        indices *= e.check.sizes[d];
    tp_parallel_for(indices, GRAIN, check_range, &e);
    if (e.status != TP_OK)
        return e.status;
    if (e.mode == TAKE) {
        e.data = data[1];
        e.rows = data[0];
        run_elements(&e, p->splits);
        return TP_OK;
    }
    Target target;
    bool wide = e.mode == ADD && (e.dtype == TP_FLOAT16 || e.dtype == TP_BFLOAT16);
    int32_t status = begin_writing(&target, data[0], data[1], cursor, wide, (int)e.dtype, numel);
    if (status != TP_OK)
        return status;
    e.data = target.target;
    e.rows = data[3];
    run_elements(&e, p->splits);
    end_writing(&target, data[0], (int)e.dtype, numel);
    return TP_OK;
}

/* ---- counting */

typedef struct {
    char *out;
    const tp_iota_params *params;
} Count;

#define COUNT_UP(T, CONVERTED)                                                                                      \
    for (int64_t i = begin; i < end; i++)                                                                           \
        *(T *)(c->out + i * stride) = CONVERTED;                                                                    \
    break

static void count_range(void *context, int64_t begin, int64_t end) {
    const Count *c = context;
    const int64_t stride = c->params->stride, start = c->params->start, step = c->params->step;
    const double real_start = tp_double_param(start), real_step = tp_double_param(step);
#define WHOLE ((uint64_t)start + (uint64_t)step * (uint64_t)i)
#define REAL (real_start + real_step * (double)i)
    switch (c->params->dtype) {
    case TP_BOOL: COUNT_UP(uint8_t, WHOLE != 0);
    case TP_UINT8:
    case TP_INT8: COUNT_UP(uint8_t, (uint8_t)WHOLE);
    case TP_INT16: COUNT_UP(uint16_t, (uint16_t)WHOLE);
    case TP_INT32: COUNT_UP(uint32_t, (uint32_t)WHOLE);
    case TP_INT64: COUNT_UP(uint64_t, WHOLE);
    case TP_FLOAT16: COUNT_UP(tp_half, tp_float_to_half((float)REAL));
    case TP_BFLOAT16: COUNT_UP(tp_bfloat16, tp_float_to_bfloat16((float)REAL));
    case TP_FLOAT32: COUNT_UP(float, (float)REAL);
    default: COUNT_UP(double, REAL);
    }
#undef WHOLE
#undef REAL
}

int32_t tp_iota(void *const *data, const int64_t *params) {
    Count c = {data[0], (const void *)params};
    tp_parallel_for(c.params->length, GRAIN, count_range, &c);
    return TP_OK;
}

/* ---- negative log likelihood: operands are dense, [outer, classes, inner] and [outer, inner] */

typedef struct {
    void *const *data;
    const tp_nll_params *params;
    const char *target, *weight;
    _Atomic int32_t status;
} Nll;

static void nll_check(void *context, int64_t begin, int64_t end) {
    Nll *job = context;
    const tp_nll_params *p = job->params;
    bool bad = false;
    for (int64_t i = begin; i < end; i++) {
        int64_t t = index_at(job->target + i * p->width, p->width);
        bad |= t != p->ignored && (uint64_t)t >= (uint64_t)p->classes;
    }
    if (bad)
        job->status = TP_INDEX_OUT_OF_RANGE;
}

#define NLL(NAME, T, WIDE, LOAD, STORE)                                                                             \
    static void nll_##NAME(void *context, int64_t begin, int64_t end) {                                             \
        const Nll *job = context;                                                                                   \
        const tp_nll_params *p = job->params;\
        const int64_t inner = p->inner, classes = p->classes;                             \
        T *out = job->data[0];                                                                                      \
        for (int64_t i = begin; i < end; i++) {                                                                     \
            int64_t t = index_at(job->target + i * p->width, p->width);                                     \
            bool ignored = t == p->ignored;                                                                     \
            int64_t place = (i / inner * classes + t) * inner + i % inner;                                          \
            if (p->backward) {                                                                                  \
                if (!ignored) {                                                                                     \
                    WIDE weight = job->weight ? LOAD(((const T *)job->weight)[t]) : 1;                              \
                    out[place] = STORE(-(LOAD(((const T *)job->data[1])[i]) * weight));                             \
                }                                                                                                   \
            } else {                                                                                                \
                WIDE weight = ignored ? 0 : job->weight ? LOAD(((const T *)job->weight)[t]) : 1;                    \
                out[i] = STORE(ignored ? 0 : -(LOAD(((const T *)job->data[2])[place]) * weight));                   \
                ((T *)job->data[1])[i] = STORE(weight);                                                             \
            }                                                                                                       \
        }                                                                                                           \
    }
NLL(f16, tp_half, float, tp_half_to_float, tp_float_to_half)
NLL(bf16, tp_bfloat16, float, tp_bfloat16_to_float, tp_float_to_bfloat16)
NLL(f32, float, float, SAME, SAME)
NLL(f64, double, double, SAME, SAME)

/* data: forward losses, weights, logp, target, weight or NULL; backward result, grad, target, weight or NULL */
int32_t tp_nll(void *const *data, const int64_t *given) {
    const tp_nll_params *params = (const void *)given;
    static int64_t zero = 0;
    const bool backward = params->backward;
    Nll job = {.data = data, .params = params, .target = data[backward ? 2 : 3], .weight = data[backward ? 3 : 4]};
    int64_t rows = params->outer * params->inner;
    tp_parallel_for(rows, GRAIN, nll_check, &job);
    if (job.status != TP_OK)
        return job.status;
    if (backward)
        tp_copy((void *[]){data[0], &zero}, params->fill);
    static const tp_range_fn loops[] = {nll_f16, nll_bf16, nll_f32, nll_f64};
    tp_parallel_for(rows, GRAIN / 4, loops[params->dtype - TP_FLOAT16], &job);
    return TP_OK;
}
