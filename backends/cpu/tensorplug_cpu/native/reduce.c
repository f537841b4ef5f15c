/* Reductions over any dimensions of any strides. tensorplug-flags: -Wno-psabi -fno-tree-pre -fno-thread-jumps -fwrapv
 *
 * The index space is split into kept and reduced dimensions (collapsed and ordered by tensorplug_cpu.reduction). In
 * ROWS mode each result folds its own elements, contiguous or gathered into a block; in COLUMNS mode the innermost
 * kept dimension is contiguous and many accumulators go down the rows together. Where there are few results, the
 * reduced space is cut into parts whose accumulators are combined at the end, always in the same order.
 *
 * float16, bfloat16 and float32 fold blocks of float32 and add the blocks up in double; integers accumulate in int64.
 * NaN wins in max, min and their arg forms. */
#include "halves.h"
#include "parallel.h"
#include "strided.h"

#include <math.h>
#include <stdlib.h>

enum { SUM, PROD, MAX, MIN, COUNT, ARGMAX, ARGMIN, SQUARE, OPS, VARIANCE = OPS }; /* shared with reduction.py */
enum { TO_VALUE, TO_MEAN, TO_ANY, TO_ALL, TO_COUNT, TO_PLACE, TO_VARIANCE, TO_DEVIATION, TO_NORM };
enum { ROWS, COLUMNS_MODE };
enum { BLOCK = TP_REDUCE_BLOCK, LONG_BLOCK = TP_REDUCE_LONG_BLOCK, SHORT_RUN = TP_REDUCE_SHORT_RUN };
enum { SHORT_ROW = TP_REDUCE_SHORT_ROW, SHORT_ROWS = TP_REDUCE_SHORT_ROWS };

typedef union {
    double d;
    int64_t i;
} Acc;

typedef void (*Fold)(Acc *acc, const void *x, int64_t n, double mean);
typedef void (*FoldColumns)(Acc *acc, const void *x, int64_t width, int64_t rows, int64_t stride, const double *means);
typedef void (*FoldPlaces)(Acc *acc, int64_t *place, const void *x, int64_t width, int64_t rows, int64_t stride,
                           int64_t first);
typedef struct {
    Fold fold[OPS];
    FoldColumns columns[OPS];
    FoldPlaces arg_columns[OPS];
    int64_t (*find)(const void *x, int64_t n, Acc value);
    void (*sum_four)(Acc *accs, const void *x, int64_t width, int64_t stride); /* floating: four rows at once */
} Folds;

typedef float V8 __attribute__((vector_size(32)));
typedef int32_t M8 __attribute__((vector_size(32)));
typedef double V4 __attribute__((vector_size(32)));
typedef int64_t M4 __attribute__((vector_size(32)));

#define T float
#define NAME(x) x##_f32
#define SLOT d
#define V V8
#define M M8
#include "reduce_folds.inc.h"
#define T double
#define NAME(x) x##_f64
#define SLOT d
#define V V4
#define M M4
#include "reduce_folds.inc.h"
#define T uint8_t
#define NAME(x) x##_u8
#define SLOT i
#define SMALL_SUM int32_t
#include "reduce_folds.inc.h"
#define T int8_t
#define NAME(x) x##_i8
#define SLOT i
#define SMALL_SUM int32_t
#include "reduce_folds.inc.h"
#define T int16_t
#define NAME(x) x##_i16
#define SLOT i
#define SMALL_SUM int32_t
#include "reduce_folds.inc.h"
#define T int32_t
#define NAME(x) x##_i32
#define SLOT i
#define SMALL_SUM int64_t
#include "reduce_folds.inc.h"
#define T int64_t
#define NAME(x) x##_i64
#define SLOT i
#define SMALL_SUM int64_t
#include "reduce_folds.inc.h"

static const Folds *const folds_of[] = {&folds_u8, &folds_u8, &folds_i8, &folds_i16, &folds_i32,
                                        &folds_i64, &folds_f32, &folds_f32, &folds_f32, &folds_f64};

typedef struct {
    int ndim;
    const int64_t *sizes, *strides; /* bytes */
} Space;

typedef struct {
    int64_t op, code, count, mode, parts, finish, outputs;
    double scalar; /* the correction of a variance */
    int64_t itemsize, out_code, grain;
    Space kept, reduced;
    const int64_t *out_strides; /* bytes, of the kept dimensions */
    const char *from;
    char *to, *second; /* second: the means of var_mean, dense like `to` */
    Acc *accs;         /* [parts][outputs] where the reduced space is cut, else NULL */
    int64_t *places;
    double *means;     /* of each result, in the second pass of a variance */
} Reduce;

static inline bool floating(const Reduce *r) { return r->code >= TP_FLOAT16; }
static inline bool half(const Reduce *r) { return r->code == TP_FLOAT16 || r->code == TP_BFLOAT16; }
static inline bool has_place(const Reduce *r) { return r->op == ARGMAX || r->op == ARGMIN; }

static Acc initial(const Reduce *r) {
    Acc acc = {.i = 0};
    if (r->op == PROD && floating(r))
        acc.d = 1;
    else if (r->op == PROD)
        acc.i = 1;
    else if (r->op == MAX || r->op == ARGMAX || r->op == MIN || r->op == ARGMIN) {
        bool max = r->op == MAX || r->op == ARGMAX;
        if (floating(r))
            acc.d = max ? -(double)INFINITY : (double)INFINITY;
        else
            acc.i = max ? INT64_MIN : INT64_MAX;
    } else if (floating(r) && r->op != COUNT)
        acc.d = 0;
    return acc;
}

/* Whether `value` replaces `best`. */
static inline bool improves(const Reduce *r, Acc value, Acc best) {
    bool max = r->op == MAX || r->op == ARGMAX;
    if (!floating(r))
        return max ? value.i > best.i : value.i < best.i;
    return (max ? value.d > best.d : value.d < best.d) || (value.d != value.d && best.d == best.d);
}

/* Takes `value` (of a later part) into `acc`. */
static void combine(const Reduce *r, Acc *acc, int64_t *place, Acc value, int64_t value_place) {
    switch (r->op) {
    case SUM: case SQUARE:
        if (floating(r))
            acc->d += value.d;
        else
            acc->i += value.i;
        break;
    case COUNT: acc->i += value.i; break;
    case PROD:
        if (floating(r))
            acc->d *= value.d;
        else
            acc->i *= value.i;
        break;
    case MAX: case MIN:
        if (improves(r, value, *acc))
            *acc = value;
        break;
    default:
        if (value_place >= 0 && (*place < 0 || improves(r, value, *acc))) {
            *acc = value;
            *place = value_place;
        }
    }
}

static void store(const Reduce *r, char *to, int64_t code, double real, int64_t whole) {
    switch (code) {
    case TP_BOOL: case TP_UINT8: case TP_INT8: *(uint8_t *)to = (uint8_t)whole; break;
    case TP_INT16: *(int16_t *)to = (int16_t)whole; break;
    case TP_INT32: *(int32_t *)to = (int32_t)whole; break;
    case TP_INT64: *(int64_t *)to = whole; break;
    case TP_FLOAT16: *(uint16_t *)to = tp_to_f16((float)real); break;
    case TP_BFLOAT16: *(uint16_t *)to = tp_to_bf16((float)real); break;
    case TP_FLOAT32: *(float *)to = (float)real; break;
    default: *(double *)to = real;
    }
}

/* Writes the result number `output`. */
static void finish(const Reduce *r, int64_t output, Acc acc, int64_t place) {
    int64_t index[TP_MAX_DIMS];
    tp_unravel(output, r->kept.ndim, r->kept.sizes, index);
    int64_t at = tp_offset(r->kept.ndim, r->out_strides, index);
    double real = acc.d, freedom = (double)r->count - r->scalar;
    int64_t whole = acc.i;
    switch (r->finish) {
    case TO_MEAN: real = acc.d / (double)r->count; break;
    case TO_ANY: whole = acc.i > 0; break;
    case TO_ALL: whole = acc.i == r->count; break;
    case TO_PLACE: whole = place; break;
    case TO_NORM: real = sqrt(acc.d); break;
    case TO_VARIANCE: real = acc.d / (freedom > 0 ? freedom : 0); break;
    case TO_DEVIATION: real = sqrt(acc.d / (freedom > 0 ? freedom : 0)); break;
    }
    store(r, r->to + at, r->out_code, real, whole);
    if (r->second)
        store(r, r->second + at, r->out_code, r->means[output], 0);
}

/* ---- rows */

typedef struct {
    Acc acc;
    int64_t place;
} Result;

static void fold_block(const Reduce *r, Result *result, const char *x, int64_t n, int64_t first, double mean) {
    const Folds *folds = folds_of[r->code];
    float wide[BLOCK];
    if (half(r)) {
        tp_widen(wide, (const uint16_t *)x, n, (int)r->code);
        x = (const char *)wide;
    }
    if (!has_place(r)) {
        folds->fold[r->op](&result->acc, x, n, mean);
        return;
    }
    Acc best = initial(r);
    folds->fold[r->op](&best, x, n, mean);
    if (result->place < 0 || improves(r, best, result->acc)) {
        result->acc = best;
        result->place = first + folds->find(x, n, best);
    }
}

/* Folds the reduced elements [begin, end) of the result whose first element is at `base`. */
static Result fold_row(const Reduce *r, const char *base, int64_t begin, int64_t end, double mean) {
    Result result = {initial(r), -1};
    const int last = r->reduced.ndim - 1;
    const int64_t inner = r->reduced.sizes[last], step = r->reduced.strides[last];
    const bool contiguous = step == r->itemsize && (last == 0 || inner >= SHORT_RUN);
    _Alignas(64) char buffer[BLOCK * 8];
    for (int64_t first = begin, n; first < end; first += n) {
        int64_t index[TP_MAX_DIMS];
        n = end - first < BLOCK ? end - first : BLOCK;
        const char *x = buffer;
        if (contiguous && last == 0) {
            if (!half(r))
                n = end - first < LONG_BLOCK ? end - first : LONG_BLOCK;
            fold_block(r, &result, base + first * step, n, first, mean);
            continue;
        }
        tp_unravel(first, last + 1, r->reduced.sizes, index);
        if (contiguous) {
            n = n < inner - index[last] ? n : inner - index[last];
            x = base + tp_offset(last + 1, r->reduced.strides, index);
        } else {
            tp_copy_walk(last + 1, r->reduced.sizes, buffer, NULL, base, r->reduced.strides, index, n, r->itemsize);
        }
        fold_block(r, &result, x, n, first, mean);
    }
    return result;
}

static void keep(const Reduce *r, int64_t part, int64_t output, Acc acc, int64_t place) {
    if (!r->accs) {
        finish(r, output, acc, place);
        return;
    }
    r->accs[part * r->outputs + output] = acc;
    if (r->places)
        r->places[part * r->outputs + output] = place;
}

/* The same for n results that follow each other along the innermost kept dimension. */
static void keep_run(const Reduce *r, int64_t part, int64_t output, const Acc *accs, const int64_t *places,
                     int64_t n) {
    if (r->accs || r->finish != TO_VALUE || r->out_code != TP_FLOAT32) {
        for (int64_t i = 0; i < n; i++)
            keep(r, part, output + i, accs[i], places[i]);
        return;
    }
    int64_t index[TP_MAX_DIMS];
    tp_unravel(output, r->kept.ndim, r->kept.sizes, index);
    char *to = r->to + tp_offset(r->kept.ndim, r->out_strides, index);
    for (int64_t i = 0; i < n; i++)
        *(float *)(to + i * r->out_strides[r->kept.ndim - 1]) = (float)accs[i].d;
}

static int64_t part_begin(const Reduce *r, int64_t part) {
    int64_t each = (r->count + r->parts - 1) / r->parts, begin = each * part;
    return begin < r->count ? begin : r->count;
}

/* Contiguous rows, many results: what is left of the general way costs less than short rows themselves. */
static void plain_rows_range(void *context, int64_t begin, int64_t end) {
    const Reduce *r = context;
    const Fold fold = folds_of[r->code]->fold[r->op];
    const Acc start = initial(r);
    const int64_t stride = r->kept.strides[0], count = r->count;
    const bool halves = half(r);
    void (*const four)(Acc *, const void *, int64_t, int64_t) =
        r->op == SUM && !halves ? folds_of[r->code]->sum_four : NULL;
    float wide[LONG_BLOCK];
    Acc accs[SHORT_ROWS];
    int64_t places[SHORT_ROWS];
    for (int64_t output = begin, n; output < end; output += n) {
        const char *x = r->from + output * stride;
        n = end - output < SHORT_ROWS ? end - output : SHORT_ROWS;
        int64_t i = 0;
        for (; four && i + 4 <= n; i += 4, x += 4 * stride) {
            for (int k = 0; k < 4; k++)
                accs[i + k] = start, places[i + k] = -1;
            four(&accs[i], x, count, stride);
        }
        for (; i < n; i++, x += stride) {
            for (int line = 0; line < 8; line++)
                __builtin_prefetch(x + stride + line * 64); /* hardware prefetching ends with the page */
            if (halves)
                tp_widen(wide, (const uint16_t *)x, count, (int)r->code);
            accs[i] = start;
            places[i] = -1;
            fold(&accs[i], halves ? (const char *)wide : x, count, 0);
        }
        keep_run(r, 0, output, accs, places, n);
    }
}

/* A unit is one part of one result. */
static void rows_range(void *context, int64_t begin, int64_t end) {
    const Reduce *r = context;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t output = unit, part = 0, first = 0, stop = r->count, index[TP_MAX_DIMS];
        if (r->parts > 1) {
            output = unit / r->parts;
            part = unit % r->parts;
            first = part_begin(r, part);
            stop = part_begin(r, part + 1);
        }
        tp_unravel(output, r->kept.ndim, r->kept.sizes, index);
        const char *base = r->from + tp_offset(r->kept.ndim, r->kept.strides, index);
        Result result = fold_row(r, base, first, stop, r->means ? r->means[output] : 0);
        keep(r, part, output, result.acc, result.place);
    }
}

/* Variances in one go: both passes over a row while it is in the cache. */
static void variances_range(void *context, int64_t begin, int64_t end) {
    Reduce first = *(const Reduce *)context, second = first;
    first.op = SUM;
    second.op = SQUARE;
    for (int64_t output = begin; output < end; output++) {
        int64_t index[TP_MAX_DIMS];
        tp_unravel(output, first.kept.ndim, first.kept.sizes, index);
        const char *base = first.from + tp_offset(first.kept.ndim, first.kept.strides, index);
        double mean = fold_row(&first, base, 0, first.count, 0).acc.d / (double)first.count;
        first.means[output] = mean;
        finish(&second, output, fold_row(&second, base, 0, first.count, mean).acc, -1);
    }
}

/* ---- columns */

/* Rows of `width` contiguous elements, `stride` bytes apart, into the accumulators; `first` is the first row's place */
static void fold_rows(const Reduce *r, Acc *accs, int64_t *places, const double *means, const char *x, int64_t width,
                      int64_t rows, int64_t stride, int64_t first) {
    const Folds *folds = folds_of[r->code];
    _Alignas(64) float wide[8 * BLOCK];
    int64_t item = half(r) ? 4 : r->itemsize;
    for (int64_t row = 0, n; row < rows; row += n, x += n * stride) {
        const char *from = x;
        int64_t step = stride;
        n = rows - row;
        if (half(r)) {
            n = n < 8 ? n : 8;
            step = width * 4;
            for (int64_t k = 0; k < n; k++)
                tp_widen(wide + k * width, (const uint16_t *)(x + k * stride), width, (int)r->code);
            from = (const char *)wide;
        }
        if (places)
            folds->arg_columns[r->op](accs, places, from, width, n, step / item, first + row);
        else
            folds->columns[r->op](accs, from, width, n, step / item, means);
    }
}

/* A unit is one part of a band of up to BLOCK columns. */
static void columns_range(void *context, int64_t begin, int64_t end) {
    const Reduce *r = context;
    const int last = r->kept.ndim - 1, deepest = r->reduced.ndim - 1;
    const int64_t columns = r->kept.sizes[last], bands = (columns + BLOCK - 1) / BLOCK;
    const int64_t inner = r->reduced.sizes[deepest], step = r->reduced.strides[deepest];
    Acc accs[BLOCK];
    int64_t places[BLOCK];
    double means[BLOCK];
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t part = unit % r->parts, band = unit / r->parts % bands, index[TP_MAX_DIMS] = {0};
        int64_t outer = unit / r->parts / bands, column = band * BLOCK;
        const int64_t width = columns - column < BLOCK ? columns - column : BLOCK;
        /* narrow rows that lie one behind the other are folded as wider ones, and the result then folded itself */
        const int64_t joined = !has_place(r) && band == 0 && bands == 1 && step == columns * r->itemsize
                               ? BLOCK / 2 / width : 0;
        const int64_t wide = joined > 1 ? joined * width : width;
        if (last > 0)
            tp_unravel(outer, last, r->kept.sizes, index);
        const char *base = r->from + tp_offset(last, r->kept.strides, index) + column * r->itemsize;
        const int64_t output = outer * columns + column;
        for (int64_t i = 0; i < wide; i++) {
            accs[i] = initial(r);
            places[i] = -1;
            means[i] = r->means ? r->means[output + i % width] : 0;
        }
        int64_t place[TP_MAX_DIMS], stop = part_begin(r, part + 1);
        for (int64_t first = part_begin(r, part), rows; first < stop; first += rows) {
            tp_unravel(first, deepest + 1, r->reduced.sizes, place);
            rows = stop - first < inner - place[deepest] ? stop - first : inner - place[deepest];
            const char *x = base + tp_offset(deepest + 1, r->reduced.strides, place);
            int64_t done = 0;
            if (wide > width) {
                done = rows / joined * joined;
                fold_rows(r, accs, NULL, means, x, wide, rows / joined, joined * step, first);
            }
            fold_rows(r, accs, has_place(r) ? places : NULL, means, x + done * step, width, rows - done, step,
                      first + done);
        }
        for (int64_t i = width; i < wide; i++)
            combine(r, &accs[i % width], &places[i % width], accs[i], -1);
        keep_run(r, part, output, accs, places, width);
    }
}

/* Short rows, many at a time: gathered as columns of a block. */
static void short_rows_range(void *context, int64_t begin, int64_t end) {
    const Reduce *r = context;
    const int last = r->kept.ndim - 1;
    const int64_t rows = r->kept.sizes[last], item = r->itemsize;
    _Alignas(64) char buffer[SHORT_ROW * SHORT_ROWS * 8];
    Acc accs[SHORT_ROWS];
    int64_t places[SHORT_ROWS];
    for (int64_t output = begin, n; output < end; output += n) {
        int64_t index[TP_MAX_DIMS];
        tp_unravel(output, last + 1, r->kept.sizes, index);
        n = end - output < SHORT_ROWS ? end - output : SHORT_ROWS;
        n = n < rows - index[last] ? n : rows - index[last];
        const char *base = r->from + tp_offset(last + 1, r->kept.strides, index);
        for (int64_t k = 0; k < r->count; k++)
            tp_copy_run(buffer + k * n * item, item, base + k * r->reduced.strides[0], r->kept.strides[last], n, item);
        for (int64_t i = 0; i < n; i++) {
            accs[i] = initial(r);
            places[i] = -1;
        }
        fold_rows(r, accs, has_place(r) ? places : NULL, NULL, buffer, n, r->count, n * item, 0);
        keep_run(r, 0, output, accs, places, n);
    }
}

static void run(Reduce *r) {
    const int64_t columns = r->kept.sizes[r->kept.ndim - 1];
    int64_t units = r->outputs * r->parts;
    tp_range_fn work = rows_range;
    if (r->mode == COLUMNS_MODE) {
        units = r->outputs / columns * ((columns + BLOCK - 1) / BLOCK) * r->parts;
        work = columns_range;
    } else if (r->parts == 1 && r->reduced.ndim == 1 && r->count <= SHORT_ROW && columns > 1 && r->op != SQUARE) {
        work = short_rows_range;
    } else if (r->parts == 1 && r->kept.ndim == 1 && r->reduced.ndim == 1 && r->reduced.strides[0] == r->itemsize
               && r->count <= LONG_BLOCK && r->count > 0 && !has_place(r) && r->op != SQUARE) {
        work = plain_rows_range;
    }
    tp_parallel_for(units, r->grain, work, r);
}

/* Combines the parts of each result into part 0. */
static void combine_parts(const Reduce *r) {
    for (int64_t output = 0; output < r->outputs; output++)
        for (int64_t part = 1; part < r->parts; part++) {
            int64_t at = part * r->outputs + output;
            combine(r, &r->accs[output], r->places ? &r->places[output] : NULL, r->accs[at],
                    r->places ? r->places[at] : -1);
        }
}

int32_t tp_reduce(void *const *data, const int64_t *params) {
    const tp_reduce_params *p = (const void *)params;
    const int64_t kept = p->kept, reduced = p->reduced, *sizes = p->sizes;
    Reduce r = {.op = p->op, .code = p->code, .out_code = p->out_code, .itemsize = p->itemsize,
                .finish = p->finish, .count = p->count, .outputs = p->outputs, .mode = p->mode,
                .parts = p->parts, .grain = p->grain, .scalar = tp_double_param(p->correction),
                .kept = {(int)kept, sizes, sizes + kept}, .out_strides = sizes + 2 * kept,
                .reduced = {(int)reduced, sizes + 3 * kept, sizes + 3 * kept + reduced},
                .to = data[0], .second = p->second ? data[1] : NULL, .from = data[p->second ? 2 : 1]};
    const bool variance = r.op == VARIANCE, at_once = variance && r.mode == ROWS && r.parts == 1;
    const size_t accumulators = (size_t)(r.outputs * r.parts);
    if (r.parts > 1 || (variance && !at_once))
        r.accs = malloc(accumulators * sizeof(Acc));
    if (r.parts > 1 && has_place(&r))
        r.places = malloc(accumulators * sizeof(int64_t));
    if (variance)
        r.means = malloc((size_t)r.outputs * sizeof(double));
    bool failed = ((r.parts > 1 || (variance && !at_once)) && !r.accs) || (variance && !r.means)
                  || (r.parts > 1 && has_place(&r) && !r.places);
    if (!failed && at_once) {
        tp_parallel_for(r.outputs, r.grain, variances_range, &r);
    } else if (!failed) {
        double *means = r.means;
        if (variance) {
            r.op = SUM;
            r.means = NULL;
            run(&r);
            combine_parts(&r);
            for (int64_t output = 0; output < r.outputs; output++)
                means[output] = r.accs[output].d / (double)r.count;
            r.op = SQUARE;
            r.means = means;
        }
        run(&r);
        if (r.accs) {
            combine_parts(&r);
            for (int64_t output = 0; output < r.outputs; output++)
                finish(&r, output, r.accs[output], r.places ? r.places[output] : -1);
        }
        r.means = means;
    }
    free(r.accs);
    free(r.places);
    free(r.means);
    return failed ? TP_OUT_OF_MEMORY : 0;
}
