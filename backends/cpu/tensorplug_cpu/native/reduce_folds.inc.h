/* The folds of one element type. The including file sets T, NAME(x) (a name of its own for the type) and SLOT (the
 * member of Acc in use), and for floating types V (a vector of 32 bytes) and M (the signed integer vector of its
 * masks).
 *
 * fold_*: n contiguous elements (at most LONG_BLOCK) into one accumulator.
 * columns_*: `rows` rows of `width` elements, `stride` elements apart, into `width` accumulators. */

#define LANES ((int64_t)(TP_VECTOR_BYTES / sizeof(T)))
#define AT(r, i) x[(r) * stride + (i)]
#define IVDEP _Pragma("GCC ivdep")

#if defined(V)
typedef V NAME(Unaligned) __attribute__((aligned(sizeof(T)), may_alias));
#define LOAD(k) (*(const NAME(Unaligned) *)(x + i + (k)*LANES))

/* floating: four vectors of partial results, so that additions overlap and errors stay small */

static inline T NAME(sum_lanes)(V a, V b, V c, V d) {
    V all = (a + b) + (c + d);
    T high = all[LANES / 2], low = all[0];
    for (int i = 1; i < LANES / 2; i++)
        low += all[i], high += all[LANES / 2 + i];
    return low + high;
}

static void NAME(fold_sum)(Acc *acc, const void *from, int64_t n, double unused) {
    const T *x = from;
    V a = {0}, b = {0}, c = {0}, d = {0};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        a += LOAD(0), b += LOAD(1), c += LOAD(2), d += LOAD(3);
    T rest = 0;
    for (; i < n; i++)
        rest += x[i];
    acc->d += (double)(NAME(sum_lanes)(a, b, c, d) + rest);
}

/* Four rows side by side: four streams of reads keep the memory busier than one. Each row is added as fold_sum does. */
static void NAME(sum_four)(Acc *accs, const void *from, int64_t n, int64_t stride) {
    const T *rows[4];
    V parts[4][4] = {{{0}}};
    for (int r = 0; r < 4; r++)
        rows[r] = (const T *)((const char *)from + r * stride);
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int r = 0; r < 4; r++) {
            const T *x = rows[r];
            __builtin_prefetch((const char *)(x + i) + 8 * stride); /* the hardware's ends with the page: -6 % */
            __builtin_prefetch((const char *)(x + i) + 8 * stride + 64);
            parts[r][0] += LOAD(0), parts[r][1] += LOAD(1), parts[r][2] += LOAD(2), parts[r][3] += LOAD(3);
        }
    for (int r = 0; r < 4; r++) {
        T rest = 0;
        for (int64_t k = i; k < n; k++)
            rest += rows[r][k];
        accs[r].d += (double)(NAME(sum_lanes)(parts[r][0], parts[r][1], parts[r][2], parts[r][3]) + rest);
    }
}

static void NAME(fold_square)(Acc *acc, const void *from, int64_t n, double mean) {
    const T *x = from, m = (T)mean;
    V a = {0}, b = {0}, c = {0}, d = {0};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        V p = LOAD(0) - m, q = LOAD(1) - m, r = LOAD(2) - m, s = LOAD(3) - m;
        a += p * p, b += q * q, c += r * r, d += s * s;
    }
    T rest = 0;
    for (; i < n; i++)
        rest += (x[i] - m) * (x[i] - m);
    acc->d += (double)(NAME(sum_lanes)(a, b, c, d) + rest);
}

static void NAME(fold_prod)(Acc *acc, const void *from, int64_t n, double unused) {
    const T *x = from;
    double p[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            p[k] *= (double)x[i + k];
    for (; i < n; i++)
        p[0] *= (double)x[i];
    acc->d *= ((p[0] * p[1]) * (p[2] * p[3])) * ((p[4] * p[5]) * (p[6] * p[7]));
}

#define BETTER(x, m, SIGN) (((x)SIGN(m)) | ((x) != (x)))
#define EXTREMUM(name, SIGN)                                                                                        \
    static inline V NAME(pick_##name)(V x, V m) {                                                                   \
        M take = (M)BETTER(x, m, SIGN);                                                                             \
        return (V)(((M)x & take) | ((M)m & ~take));                                                                 \
    }                                                                                                               \
    static void NAME(fold_##name)(Acc * acc, const void *from, int64_t n, double unused) {                          \
        const T *x = from;                                                                                          \
        T best = (T)acc->d;                                                                                         \
        V a = {0}, b, c, d;                                                                                         \
        a = a + best; /* best + 0 is best */                                                                        \
        b = c = d = a;                                                                                              \
        int64_t i = 0;                                                                                              \
        for (; i + 4 * LANES <= n; i += 4 * LANES) {                                                                \
            a = NAME(pick_##name)(LOAD(0), a), b = NAME(pick_##name)(LOAD(1), b);                                   \
            c = NAME(pick_##name)(LOAD(2), c), d = NAME(pick_##name)(LOAD(3), d);                                   \
        }                                                                                                           \
        a = NAME(pick_##name)(NAME(pick_##name)(a, b), NAME(pick_##name)(c, d));                                    \
        for (int k = 0; k < LANES; k++)                                                                             \
            best = BETTER(a[k], best, SIGN) ? a[k] : best;                                                          \
        for (; i < n; i++)                                                                                          \
            best = BETTER(x[i], best, SIGN) ? x[i] : best;                                                          \
        acc->d = (double)best;                                                                                      \
    }
EXTREMUM(max, >)
EXTREMUM(min, <)
#undef EXTREMUM

#else

#define BETTER(x, m, SIGN) ((x)SIGN(m))

static void NAME(fold_sum)(Acc *acc, const void *from, int64_t n, double unused) {
    const T *x = from;
    SMALL_SUM sum = 0; /* cannot overflow over a block */
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    acc->i += sum;
}

static void NAME(fold_prod)(Acc *acc, const void *from, int64_t n, double unused) {
    const T *x = from;
    int64_t product = acc->i;
    for (int64_t i = 0; i < n; i++)
        product *= x[i];
    acc->i = product;
}

#define EXTREMUM(name, SIGN)                                                                                        \
    static void NAME(fold_##name)(Acc * acc, const void *from, int64_t n, double unused) {                          \
        const T *x = from;                                                                                          \
        T best = x[0];                                                                                              \
        for (int64_t i = 1; i < n; i++)                                                                             \
            best = x[i] SIGN best ? x[i] : best;                                                                    \
        acc->i = best SIGN acc->i ? best : acc->i;                                                                  \
    }
EXTREMUM(max, >)
EXTREMUM(min, <)
#undef EXTREMUM

#endif

static void NAME(fold_count)(Acc *acc, const void *from, int64_t n, double unused) {
    const T *x = from;
    int32_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += x[i] != 0;
    acc->i += count;
}

/* The first place of a value (of NaN, if the value is NaN) in n elements that hold it. */
static int64_t NAME(find)(const void *from, int64_t n, Acc value) {
    const T *x = from;
    const T wanted = (T)value.SLOT;
    for (int64_t i = 0; i < n; i++)
        if (x[i] == wanted || (x[i] != x[i] && wanted != wanted))
            return i;
    return 0;
}

/* ---- columns */

#define COLUMNS(name, EIGHT, ONE)                                                                                   \
    static void NAME(columns_##name)(Acc * restrict acc, const void *restrict from, int64_t width, int64_t rows,    \
                                     int64_t stride, const double *restrict means) {                                \
        const T *restrict x = from;                                                                                 \
        for (; rows >= 8; rows -= 8, x += 8 * stride)                                                               \
            IVDEP for (int64_t i = 0; i < width; i++)                                                               \
                EIGHT;                                                                                              \
        for (; rows > 0; rows--, x += stride)                                                                       \
            IVDEP for (int64_t i = 0; i < width; i++)                                                               \
                ONE;                                                                                                \
    }

#if defined(V)
#define SUM_TYPE T
#else
#define SUM_TYPE SMALL_SUM
#endif
#define S(r) ((SUM_TYPE)AT(r, i))
COLUMNS(sum, acc[i].SLOT += ((S(0) + S(1)) + (S(2) + S(3))) + ((S(4) + S(5)) + (S(6) + S(7))), acc[i].SLOT += S(0))
#undef S
#define P(r) ((__typeof__(acc[0].SLOT))AT(r, i))
COLUMNS(prod, acc[i].SLOT *= ((P(0) * P(1)) * (P(2) * P(3))) * ((P(4) * P(5)) * (P(6) * P(7))), acc[i].SLOT *= P(0))
#undef P
#define N(r) (AT(r, i) != 0)
COLUMNS(count, acc[i].i += (N(0) + N(1) + N(2) + N(3)) + (N(4) + N(5) + N(6) + N(7)), acc[i].i += N(0))
#undef N
#if defined(V)
#define D(r) ((AT(r, i) - (T)means[i]) * (AT(r, i) - (T)means[i]))
COLUMNS(square, acc[i].d += (double)(((D(0) + D(1)) + (D(2) + D(3))) + ((D(4) + D(5)) + (D(6) + D(7)))),
        acc[i].d += (double)D(0))
#undef D
#endif

#define COLUMN_EXTREMUM(name, SIGN)                                                                                 \
    static inline T NAME(better_##name)(T x, T m) { return BETTER(x, m, SIGN) ? x : m; }                            \
    static void NAME(columns_##name)(Acc * restrict acc, const void *restrict from, int64_t width, int64_t rows,    \
                                     int64_t stride, const double *restrict means) {                                \
        const T *restrict x = from;                                                                                 \
        for (; rows >= 4; rows -= 4, x += 4 * stride)                                                               \
            IVDEP for (int64_t i = 0; i < width; i++) {                                                             \
                T best = NAME(better_##name)(NAME(better_##name)(AT(0, i), AT(1, i)),                               \
                                             NAME(better_##name)(AT(2, i), AT(3, i)));                              \
                __typeof__(acc[i].SLOT) value = best, old = acc[i].SLOT;                                            \
                acc[i].SLOT = BETTER(value, old, SIGN) ? value : old;                                               \
            }                                                                                                       \
        for (; rows > 0; rows--, x += stride)                                                                       \
            IVDEP for (int64_t i = 0; i < width; i++) {                                                             \
                __typeof__(acc[i].SLOT) value = AT(0, i), old = acc[i].SLOT;                                        \
                acc[i].SLOT = BETTER(value, old, SIGN) ? value : old;                                               \
            }                                                                                                       \
    }                                                                                                               \
    static void NAME(columns_arg##name)(Acc * restrict acc, int64_t * restrict place, const void *restrict from,    \
                                        int64_t width, int64_t rows, int64_t stride, int64_t first) {               \
        const T *restrict x = from;                                                                                 \
        for (; rows > 0; rows--, x += stride, first++)                                                              \
            IVDEP for (int64_t i = 0; i < width; i++) {                                                             \
                __typeof__(acc[i].SLOT) value = AT(0, i), best = acc[i].SLOT;                                       \
                _Bool take = (value SIGN best) | ((value != value) & (best == best)) | (place[i] < 0);              \
                acc[i].SLOT = take ? value : best;                                                                  \
                place[i] = take ? first : place[i];                                                                 \
            }                                                                                                       \
    }
COLUMN_EXTREMUM(max, >)
COLUMN_EXTREMUM(min, <)

static const Folds NAME(folds) = {
    .fold = {[SUM] = NAME(fold_sum), [PROD] = NAME(fold_prod), [MAX] = NAME(fold_max), [MIN] = NAME(fold_min),
             [COUNT] = NAME(fold_count), [ARGMAX] = NAME(fold_max), [ARGMIN] = NAME(fold_min),
#if defined(V)
             [SQUARE] = NAME(fold_square),
#endif
    },
    .columns = {[SUM] = NAME(columns_sum), [PROD] = NAME(columns_prod), [MAX] = NAME(columns_max),
                [MIN] = NAME(columns_min), [COUNT] = NAME(columns_count),
#if defined(V)
                [SQUARE] = NAME(columns_square),
#endif
    },
    .arg_columns = {[ARGMAX] = NAME(columns_argmax), [ARGMIN] = NAME(columns_argmin)},
    .find = NAME(find),
#if defined(V)
    .sum_four = NAME(sum_four),
#endif
};

#undef COLUMN_EXTREMUM
#undef COLUMNS
#undef SUM_TYPE
#undef BETTER
#undef IVDEP
#undef LOAD
#undef LANES
#undef AT
#undef T
#undef NAME
#undef SLOT
#undef V
#undef M
#undef SMALL_SUM
