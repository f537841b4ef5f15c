/* Included once a type T. LANES: how many sums run side by side; EXP, LOG: of T; NAME(x): the function's
 * name. */

static inline T NAME(row_max)(const T *x, int64_t n) {
    T lanes[LANES], most = -__builtin_inff();
    int64_t i = 0;
    if (n >= LANES) {
        memcpy(lanes, x, sizeof lanes);
        for (i = LANES; i + LANES <= n; i += LANES)
            for (int l = 0; l < LANES; l++)
                lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
        for (int l = 0; l < LANES; l++)
            most = lanes[l] > most ? lanes[l] : most;
    }
    for (; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

static inline T NAME(total)(const T *lanes, int count) {
    T sums[LANES];
    memcpy(sums, lanes, (size_t)count * sizeof(T));
    for (int half = count / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sums[l] += sums[l + half];
    return sums[0];
}

/* The sum of exp(x - most), which are stored in y where that is wanted. The rest of a row is done in padded
 * groups, because one exp at a time costs as much as eight. */
static inline __attribute__((always_inline)) T NAME(exp_row)(T *y, const T *x, T most, int64_t n,
                                                             bool store) {
    T lanes[LANES] = {0}, sums[8] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            T e = EXP(x[i + l] - most);
            if (store)
                y[i + l] = e;
            lanes[l] += e;
        }
    for (; i < n; i += 8) {
        T group[8];
        int64_t rest = tp_min64(8, n - i);
        for (int l = 0; l < 8; l++)
            group[l] = l < rest ? x[i + l] : -__builtin_inff();
        for (int l = 0; l < 8; l++) {
            group[l] = EXP(group[l] - most);
            sums[l] += l < rest ? group[l] : 0; /* where most is infinite, the padding is NaN */
        }
        for (int l = 0; l < rest && store; l++)
            y[i + l] = group[l];
    }
    return NAME(total)(sums, 8) + (n >= LANES ? NAME(total)(lanes, LANES) : 0);
}

static void NAME(softmax_row)(T *restrict y, const T *restrict x, const T *unused, int64_t n) {
    T most = NAME(row_max)(x, n), scale = 1 / NAME(exp_row)(y, x, most, n, true);
    for (int64_t i = 0; i < n; i++)
        y[i] *= scale;
}

static void NAME(log_softmax_row)(T *restrict y, const T *restrict x, const T *unused, int64_t n) {
    T most = NAME(row_max)(x, n), rest = LOG(NAME(exp_row)(y, x, most, n, false));
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - most) - rest;
}

static void NAME(softmax_backward_row)(T *restrict dx, const T *restrict g, const T *restrict y, int64_t n) {
    T lanes[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lanes[l] += g[i + l] * y[i + l];
    for (int l = 0; i < n; i++, l++)
        lanes[l] += g[i] * y[i];
    T inner = NAME(total)(lanes, LANES);
    for (i = 0; i < n; i++)
        dx[i] = y[i] * (g[i] - inner);
}

static void NAME(log_softmax_backward_row)(T *restrict dx, const T *restrict g, const T *restrict y,
                                           int64_t n) {
    T lanes[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lanes[l] += g[i + l];
    for (int l = 0; i < n; i++, l++)
        lanes[l] += g[i];
    T sum = NAME(total)(lanes, LANES);
    for (i = 0; i < n; i++)
        dx[i] = g[i] - EXP(y[i]) * sum;
}

/* The same over n rows that lie `step` apart, for w <= COLUMNS neighbouring columns. */

static void NAME(softmax_columns)(T *y, const T *x, const T *unused, int64_t n, int64_t step, int64_t w) {
    T most[COLUMNS], sum[COLUMNS] = {0};
    for (int64_t j = 0; j < w; j++)
        most[j] = -__builtin_inff();
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < w; j++)
            most[j] = x[i * step + j] > most[j] ? x[i * step + j] : most[j];
    for (int64_t i = 0; i < n; i++) {
        T *restrict out = y + i * step;
        for (int64_t j = 0; j < w; j++) {
            out[j] = EXP(x[i * step + j] - most[j]);
            sum[j] += out[j];
        }
    }
    for (int64_t j = 0; j < w; j++)
        sum[j] = 1 / sum[j];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < w; j++)
            y[i * step + j] *= sum[j];
}

static void NAME(log_softmax_columns)(T *y, const T *x, const T *unused, int64_t n, int64_t step, int64_t w) {
    T most[COLUMNS], sum[COLUMNS] = {0};
    for (int64_t j = 0; j < w; j++)
        most[j] = -__builtin_inff();
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < w; j++)
            most[j] = x[i * step + j] > most[j] ? x[i * step + j] : most[j];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < w; j++)
            sum[j] += EXP(x[i * step + j] - most[j]);
    for (int64_t j = 0; j < w; j++)
        sum[j] = LOG(sum[j]);
    for (int64_t i = 0; i < n; i++) {
        T *restrict out = y + i * step;
        for (int64_t j = 0; j < w; j++)
            out[j] = (x[i * step + j] - most[j]) - sum[j];
    }
}

static void NAME(softmax_backward_columns)(T *dx, const T *g, const T *y, int64_t n, int64_t step,
                                           int64_t w) {
    T sum[COLUMNS] = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < w; j++)
            sum[j] += g[i * step + j] * y[i * step + j];
    for (int64_t i = 0; i < n; i++) {
        T *restrict out = dx + i * step;
        for (int64_t j = 0; j < w; j++)
            out[j] = y[i * step + j] * (g[i * step + j] - sum[j]);
    }
}

static void NAME(log_softmax_backward_columns)(T *dx, const T *g, const T *y, int64_t n, int64_t step,
                                               int64_t w) {
    T sum[COLUMNS] = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < w; j++)
            sum[j] += g[i * step + j];
    for (int64_t i = 0; i < n; i++) {
        T *restrict out = dx + i * step;
        for (int64_t j = 0; j < w; j++)
            out[j] = g[i * step + j] - EXP(y[i * step + j]) * sum[j];
    }
}

typedef void (*NAME(Row))(T *, const T *, const T *, int64_t);
typedef void (*NAME(Columns))(T *, const T *, const T *, int64_t, int64_t, int64_t);
static const NAME(Row) NAME(rows)[] = {NAME(softmax_row), NAME(log_softmax_row), NAME(softmax_backward_row),
                                       NAME(log_softmax_backward_row)};
static const NAME(Columns)
    NAME(columns)[] = {NAME(softmax_columns), NAME(log_softmax_columns), NAME(softmax_backward_columns),
                       NAME(log_softmax_backward_columns)};
