/* Included once a storage type S with arithmetic in T. PLACE: an integer as wide as T; LOAD, STORE: conversions of one
 * element; NAME(x): the function's name. */

/* One tap of the windows of neighbouring results: those of [low, high) see x[o * stride]. */
static inline __attribute__((always_inline)) void NAME(max_tap_by)(T *restrict best, PLACE *restrict place,
                                                                   const S *restrict x, int64_t low, int64_t high,
                                                                   int64_t stride, PLACE at) {
    for (int64_t o = low; o < high; o++) {
        T value = LOAD(x[o * stride]);
        bool take = (value > best[o]) | (value != value) | (place[o] < 0);
        best[o] = take ? value : best[o];
        place[o] = take ? (PLACE)(at + o * stride) : place[o];
    }
}

static void NAME(max_tap)(T *best, PLACE *place, const S *x, int64_t low, int64_t high, int64_t stride, PLACE at) {
    if (stride == 1)
        NAME(max_tap_by)(best, place, x, low, high, 1, at);
    else if (stride == 2)
        NAME(max_tap_by)(best, place, x, low, high, 2, at);
    else
        NAME(max_tap_by)(best, place, x, low, high, stride, at);
}

static inline __attribute__((always_inline)) void NAME(sum_tap_by)(T *restrict sum, const S *restrict x, int64_t low,
                                                                   int64_t high, int64_t stride) {
    for (int64_t o = low; o < high; o++)
        sum[o] += LOAD(x[o * stride]);
}

static void NAME(sum_tap)(T *sum, const S *x, int64_t low, int64_t high, int64_t stride) {
    if (stride == 1)
        NAME(sum_tap_by)(sum, x, low, high, 1);
    else if (stride == 2)
        NAME(sum_tap_by)(sum, x, low, high, 2);
    else
        NAME(sum_tap_by)(sum, x, low, high, stride);
}

static inline __attribute__((always_inline)) void NAME(add_tap_by)(T *restrict to, const T *restrict value,
                                                                   int64_t low, int64_t high, int64_t stride) {
    for (int64_t o = low; o < high; o++)
        to[o * stride] += value[o];
}

static void NAME(add_tap)(T *to, const T *value, int64_t low, int64_t high, int64_t stride) {
    if (stride == 1)
        NAME(add_tap_by)(to, value, low, high, 1);
    else if (stride == 2)
        NAME(add_tap_by)(to, value, low, high, 2);
    else
        NAME(add_tap_by)(to, value, low, high, stride);
}

/* One window alone. */

static void NAME(max_window)(const Pool *p, const S *x, const Span *w, S *out, int64_t *index) {
    T best = -__builtin_inff();
    int64_t place = -1;
    for (int64_t d = w[0].first; d < w[0].end; d += w[0].step)
        for (int64_t h = w[1].first; h < w[1].end; h += w[1].step) {
            int64_t row = (d * p->in[1] + h) * p->in[2];
            for (int64_t i = row + w[2].first; i < row + w[2].end; i += w[2].step) {
                T value = LOAD(x[i]);
                if (value > best || value != value || place < 0) {
                    best = value;
                    place = i;
                }
            }
        }
    *out = STORE(best);
    *index = place;
}

static T NAME(sum_window)(const Pool *p, const S *x, const Span *w) {
    T lanes[LANES] = {0}, sum = 0;
    for (int64_t d = w[0].first; d < w[0].end; d++)
        for (int64_t h = w[1].first; h < w[1].end; h++) {
            const S *row = x + (d * p->in[1] + h) * p->in[2];
            int64_t i = w[2].first;
            for (; i + LANES <= w[2].end; i += LANES)
                for (int l = 0; l < LANES; l++)
                    lanes[l] += LOAD(row[i + l]);
            for (; i < w[2].end; i++)
                sum += LOAD(row[i]);
        }
    for (int l = 0; l < LANES; l++)
        sum += lanes[l];
    return sum;
}

/* The results of rows [begin, end) of all planes. */

static void NAME(max_pool)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Pool *p = job->pool;
    T best[COLUMNS];
    PLACE place[COLUMNS];
    for (int64_t r = begin; r < end; r++) {
        Span w[3], taps;
        const S *x = (const S *)job->data[2] + plane_of(p, r, w) * volume(p->in);
        S *out = (S *)job->data[0] + r * p->out[2];
        int64_t *index = (int64_t *)job->data[1] + r * p->out[2];
        if (p->adaptive || p->out[2] < FEW_COLUMNS) {
            for (int64_t o = 0; o < p->out[2]; o++) {
                w[2] = window_of(p, 2, o);
                NAME(max_window)(p, x, w, out + o, index + o);
            }
            continue;
        }
        for (int64_t first = 0; first < p->out[2]; first += COLUMNS) {
            int64_t n = tp_min64(COLUMNS, p->out[2] - first);
            for (int64_t o = 0; o < n; o++) {
                best[o] = -__builtin_inff();
                place[o] = -1;
            }
            for (int64_t d = w[0].first; d < w[0].end; d += w[0].step)
                for (int64_t h = w[1].first; h < w[1].end; h += w[1].step)
                    for (int64_t k = 0; k < p->kernel[2]; k++) {
                        taps = job->taps[k];
                        int64_t at = (d * p->in[1] + h) * p->in[2] + taps.step + first * p->stride[2];
                        NAME(max_tap)(best, place, x + at, tp_max64(taps.first - first, 0),
                                      tp_min64(taps.end - first, n), p->stride[2], (PLACE)at);
                    }
            for (int64_t o = 0; o < n; o++) {
                out[first + o] = STORE(best[o]);
                index[first + o] = place[o];
            }
        }
    }
}

static void NAME(avg_pool)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Pool *p = job->pool;
    T sum[COLUMNS];
    for (int64_t r = begin; r < end; r++) {
        Span w[3], taps;
        const S *x = (const S *)job->data[1] + plane_of(p, r, w) * volume(p->in);
        S *out = (S *)job->data[0] + r * p->out[2];
        int64_t outer = divisor_of_row(p, r);
        for (int64_t first = 0; first < p->out[2]; first += COLUMNS) {
            int64_t n = tp_min64(COLUMNS, p->out[2] - first);
            if (p->adaptive || n < FEW_COLUMNS) {
                for (int64_t o = 0; o < n; o++) {
                    w[2] = window_of(p, 2, first + o);
                    sum[o] = NAME(sum_window)(p, x, w);
                }
            } else {
                memset(sum, 0, sizeof(T) * (size_t)n);
                for (int64_t d = w[0].first; d < w[0].end; d++)
                    for (int64_t h = w[1].first; h < w[1].end; h++)
                        for (int64_t k = 0; k < p->kernel[2]; k++) {
                            taps = job->taps[k];
                            int64_t at = (d * p->in[1] + h) * p->in[2] + taps.step + first * p->stride[2];
                            NAME(sum_tap)(sum, x + at, tp_max64(taps.first - first, 0),
                                          tp_min64(taps.end - first, n), p->stride[2]);
                        }
            }
            for (int64_t o = 0; o < n; o++)
                out[first + o] = STORE(sum[o] / (T)divisor(p, outer, job->widths[first + o]));
        }
    }
}

/* The cotangents of planes [begin, end). Those of half width are summed in a plane of float32. */

static void NAME(max_pool_backward)(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Pool *p = job->pool;
    int64_t n = volume(p->in), results = volume(p->out);
    T *own = sizeof(S) == sizeof(T) ? NULL : malloc(sizeof(T) * (size_t)n);
    if (sizeof(S) != sizeof(T) && !own) {
        job->status = TP_OUT_OF_MEMORY;
        return;
    }
    for (int64_t q = begin; q < end; q++) {
        const S *grad = (const S *)job->data[1] + q * results;
        const int64_t *index = (const int64_t *)job->data[2] + q * results;
        S *out = (S *)job->data[0] + q * n;
        T *to = own ? own : (T *)out;
        memset(to, 0, sizeof(T) * (size_t)n);
        for (int64_t i = 0; i < results; i++) {
            if ((uint64_t)index[i] >= (uint64_t)n) {
                job->status = TP_INDEX_OUT_OF_RANGE;
                break;
            }
            to[index[i]] += LOAD(grad[i]);
        }
        for (int64_t i = 0; own && i < n; i++)
            out[i] = STORE(own[i]);
    }
    free(own);
}

static void NAME(avg_pool_backward)(void *context, int64_t begin, int64_t end) {
    Job *job = context;
    const Pool *p = job->pool;
    int64_t n = volume(p->in), rows = p->out[0] * p->out[1];
    T *own = malloc(sizeof(T) * (size_t)((sizeof(S) == sizeof(T) ? 0 : n) + p->out[2]));
    if (!own) {
        job->status = TP_OUT_OF_MEMORY;
        return;
    }
    T *share = own, *sums = own + p->out[2];
    for (int64_t q = begin; q < end; q++) {
        S *out = (S *)job->data[0] + q * n;
        T *to = sizeof(S) == sizeof(T) ? (T *)out : sums;
        memset(to, 0, sizeof(T) * (size_t)n);
        for (int64_t r = q * rows; r < (q + 1) * rows; r++) {
            Span w[3];
            plane_of(p, r, w);
            const S *grad = (const S *)job->data[1] + r * p->out[2];
            int64_t outer = divisor_of_row(p, r);
            for (int64_t o = 0; o < p->out[2]; o++)
                share[o] = LOAD(grad[o]) / (T)divisor(p, outer, job->widths[o]);
            for (int64_t d = w[0].first; d < w[0].end; d++)
                for (int64_t h = w[1].first; h < w[1].end; h++) {
                    T *row = to + (d * p->in[1] + h) * p->in[2];
                    if (p->out[2] < FEW_COLUMNS) {
                        for (int64_t o = 0; o < p->out[2]; o++) {
                            Span seen = window_of(p, 2, o);
                            for (int64_t i = seen.first; i < seen.end; i++)
                                row[i] += share[o];
                        }
                        continue;
                    }
                    for (int64_t k = 0; k < p->kernel[2]; k++) {
                        Span taps = job->taps[k];
                        NAME(add_tap)(row + taps.step, share, taps.first, taps.end, p->stride[2]);
                    }
                }
        }
        for (int64_t i = 0; sizeof(S) != sizeof(T) && i < n; i++)
            out[i] = STORE(to[i]);
    }
    free(own);
}
