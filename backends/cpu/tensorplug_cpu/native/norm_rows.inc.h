/* Included once a storage type S with arithmetic in T: rows of normalizations. LANES: how many sums run side by side;
 * LOAD, STORE: conversions of one element; NAME(x): the function's name. */

static inline T NAME(total)(T *lanes) {
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

/* Of at most BLOCK elements, twice gone through in the cache; the second time corrects the mean's rounding. */
static Moments NAME(block_moments)(const S *x, int64_t n) {
    T sums[LANES] = {0}, rests[LANES] = {0}, squares[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            sums[l] += LOAD(x[i + l]);
    for (int l = 0; i < n; i++, l++)
        sums[l] += LOAD(x[i]);
    T mean = NAME(total)(sums) / (T)n;
    for (i = 0; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            T centred = LOAD(x[i + l]) - mean;
            rests[l] += centred;
            squares[l] += centred * centred;
        }
    for (int l = 0; i < n; i++, l++) {
        T centred = LOAD(x[i]) - mean;
        rests[l] += centred;
        squares[l] += centred * centred;
    }
    double rest = (double)NAME(total)(rests), shift = rest / (double)n;
    return (Moments){(double)n, (double)mean + shift, (double)NAME(total)(squares) - shift * rest};
}

static Moments NAME(moments)(const S *x, int64_t n) {
    Moments all = NAME(block_moments)(x, tp_min64(n, BLOCK));
    for (int64_t i = BLOCK; i < n; i += BLOCK)
        all = joined(all, NAME(block_moments)(x + i, tp_min64(BLOCK, n - i)));
    return all;
}

static double NAME(sum_of_squares)(const S *x, int64_t n) {
    double sum = 0;
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t end = tp_min64(n, first + BLOCK), i = first;
        T lanes[LANES] = {0};
        for (; i + LANES <= end; i += LANES)
            for (int l = 0; l < LANES; l++)
                lanes[l] += LOAD(x[i + l]) * LOAD(x[i + l]);
        for (int l = 0; i < end; i++, l++)
            lanes[l] += LOAD(x[i]) * LOAD(x[i]);
        sum += (double)NAME(total)(lanes);
    }
    return sum;
}

/* The sums of g and of g (x - mean). */
static Sums NAME(row_sums)(const S *g, const S *x, T mean, int64_t n) {
    Sums sums = {0, 0};
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t end = tp_min64(n, first + BLOCK), i = first;
        T plain[LANES] = {0}, centred[LANES] = {0};
        for (; i + LANES <= end; i += LANES)
            for (int l = 0; l < LANES; l++) {
                T grad = LOAD(g[i + l]);
                plain[l] += grad;
                centred[l] += grad * (LOAD(x[i + l]) - mean);
            }
        for (int l = 0; i < end; i++, l++) {
            plain[l] += LOAD(g[i]);
            centred[l] += LOAD(g[i]) * (LOAD(x[i]) - mean);
        }
        sums.plain += (double)NAME(total)(plain);
        sums.centred += (double)NAME(total)(centred);
    }
    return sums;
}

/* Results go to memory in pieces; large ones past the caches, through a buffer. */
#define IN_PIECES(expression)                                                                                \
    S buffer[PIECE];                                                                                         \
    for (int64_t first = 0; first < n; first += PIECE) {                                                     \
        int64_t end = tp_min64(n, first + PIECE);                                                            \
        S *restrict to = stream ? buffer : y + first;                                                        \
        for (int64_t i = first; i < end; i++)                                                                \
            to[i - first] = STORE(expression);                                                               \
        if (stream)                                                                                          \
            tp_stream((char *)(y + first), (const char *)buffer, (end - first) * (int64_t)sizeof(S));        \
    }

static void NAME(scale_by_element)(S *y, const S *x, T mean, T rstd, const T *w, const T *b, int64_t n, bool stream) {
    IN_PIECES((LOAD(x[i]) - mean) * rstd * w[i] + b[i])
}

static void NAME(multiply)(S *y, const S *x, T scale, const T *w, int64_t n, bool stream) {
    IN_PIECES(LOAD(x[i]) * scale * w[i])
}

static void NAME(scale)(S *y, const S *x, T mean, T scale, T shift, int64_t n, bool stream) {
    IN_PIECES((LOAD(x[i]) - mean) * scale + shift)
}

static void NAME(scale_columns)(S *y, const S *x, const T *mean, const T *scale, const T *shift, int64_t n,
                                bool stream) {
    IN_PIECES((LOAD(x[i]) - mean[i]) * scale[i] + shift[i])
}

static void NAME(blend)(S *y, const S *g, const S *x, T mean, T of_g, T of_x, T shift, int64_t n, bool stream) {
    IN_PIECES(LOAD(g[i]) * of_g + (LOAD(x[i]) - mean) * of_x + shift)
}

static void NAME(blend_columns)(S *y, const S *g, const S *x, const T *mean, const T *of_g, const T *of_x,
                                const T *shift, int64_t n, bool stream) {
    IN_PIECES(LOAD(g[i]) * of_g[i] + (LOAD(x[i]) - mean[i]) * of_x[i] + shift[i])
}

static void NAME(blend_by_element)(S *y, const S *g, const S *x, T mean, T rstd, T of_x, T shift, const T *w,
                                   int64_t n, bool stream) {
    IN_PIECES(LOAD(g[i]) * w[i] * rstd + (LOAD(x[i]) - mean) * of_x + shift)
}
#undef IN_PIECES

/* n elements of a parameter as T; all `otherwise` where it is absent. */
static void NAME(take)(T *to, const void *from, int64_t n, int dtype, T otherwise) {
    if (!from)
        for (int64_t i = 0; i < n; i++)
            to[i] = otherwise;
    else if (sizeof(T) == sizeof(double))
        memcpy(to, from, (size_t)n * sizeof(T));
    else
        tp_load_floats((float *)to, from, n, dtype);
}

static void NAME(put)(void *to, const T *from, int64_t n, int dtype) {
    if (sizeof(T) == sizeof(double))
        memcpy(to, from, (size_t)n * sizeof(T));
    else
        tp_store_floats(to, (const float *)from, n, dtype);
}

/* -- layer_norm: out, mean, rstd <- input, weight, bias; rms_norm: out <- input, weight */

static void NAME(layer_rows)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Norm *p = job->norm;
    const T *w = job->scratch, *b = w + p->n;
    for (int64_t r = begin; r < end; r++) {
        const S *x = (const S *)job->data[3] + r * p->n;
        Moments m = NAME(moments)(x, p->n);
        double rstd = 1 / sqrt(m.squares / m.count + tp_double_param(p->eps));
        ((T *)job->data[1])[r] = (T)m.mean;
        ((T *)job->data[2])[r] = (T)rstd;
        NAME(scale_by_element)((S *)job->data[0] + r * p->n, x, (T)m.mean, (T)rstd, w, b, p->n, p->stream);
    }
    tp_stream_end();
}

static int32_t NAME(layer_norm)(void *const *data, const Norm *p) {
    T *scratch = malloc(sizeof(T) * (size_t)(2 * p->n));
    if (!scratch)
        return TP_OUT_OF_MEMORY;
    NAME(take)(scratch, data[4], p->n, (int)p->weight, 1);
    NAME(take)(scratch + p->n, data[5], p->n, (int)p->bias, 0);
    Job job = {.norm = p, .data = data, .scratch = scratch};
    tp_parallel_for(p->outer, GRAIN / p->n + 1, NAME(layer_rows), &job);
    free(scratch);
    return TP_OK;
}

static void NAME(rms_rows)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Norm *p = job->norm;
    for (int64_t r = begin; r < end; r++) {
        const S *x = (const S *)job->data[1] + r * p->n;
        double mean = NAME(sum_of_squares)(x, p->n) / (double)p->n;
        NAME(multiply)((S *)job->data[0] + r * p->n, x, (T)(1 / sqrt(mean + tp_double_param(p->eps))), job->scratch,
                       p->n, p->stream);
    }
    tp_stream_end();
}

static int32_t NAME(rms_norm)(void *const *data, const Norm *p) {
    T *scratch = malloc(sizeof(T) * (size_t)p->n);
    if (!scratch)
        return TP_OUT_OF_MEMORY;
    NAME(take)(scratch, data[2], p->n, (int)p->weight, 1);
    Job job = {.norm = p, .data = data, .scratch = scratch};
    tp_parallel_for(p->outer, GRAIN / p->n + 1, NAME(rms_rows), &job);
    free(scratch);
    return TP_OK;
}

/* -- layer_norm_backward: d_input, d_weight, d_bias <- grad, input, mean, rstd, weight
 * The rows are cut into pieces whatever the number of threads; each sums its part of d_weight and d_bias. */

/* Adds a row to dw and db; the sums of g w and of g w (x - mean) rstd. */
static Sums NAME(parameter_row)(T *restrict dw, T *restrict db, const S *restrict g, const S *restrict x,
                                const T *restrict w, T mean, T rstd, int64_t n) {
    Sums sums = {0, 0};
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t end = tp_min64(n, first + BLOCK), i = first;
        T plain[LANES] = {0}, centred[LANES] = {0};
        for (; i + LANES <= end; i += LANES)
            for (int l = 0; l < LANES; l++) {
                T grad = LOAD(g[i + l]), normal = (LOAD(x[i + l]) - mean) * rstd, scaled = grad * w[i + l];
                db[i + l] += grad;
                dw[i + l] += grad * normal;
                plain[l] += scaled;
                centred[l] += scaled * normal;
            }
        for (int l = 0; i < end; i++, l++) {
            T grad = LOAD(g[i]), normal = (LOAD(x[i]) - mean) * rstd, scaled = grad * w[i];
            db[i] += grad;
            dw[i] += grad * normal;
            plain[l] += scaled;
            centred[l] += scaled * normal;
        }
        sums.plain += (double)NAME(total)(plain);
        sums.centred += (double)NAME(total)(centred);
    }
    return sums;
}

static void NAME(layer_backward_pieces)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Norm *p = job->norm;
    const T *w = job->scratch;
    for (int64_t piece = begin; piece < end; piece++) {
        T *dw = (T *)job->scratch + (1 + 2 * piece) * p->n, *db = dw + p->n;
        memset(dw, 0, sizeof(T) * (size_t)(2 * p->n));
        for (int64_t r = piece * p->piece; r < tp_min64(p->outer, (piece + 1) * p->piece); r++) {
            const S *g = (const S *)job->data[3] + r * p->n, *x = (const S *)job->data[4] + r * p->n;
            T mean = ((const T *)job->data[5])[r], rstd = ((const T *)job->data[6])[r];
            Sums sums = NAME(parameter_row)(dw, db, g, x, w, mean, rstd, p->n);
            double of_x = -(double)rstd * rstd * sums.centred / (double)p->n;
            NAME(blend_by_element)((S *)job->data[0] + r * p->n, g, x, mean, rstd, (T)of_x,
                                   (T)(-(double)rstd * sums.plain / (double)p->n), w, p->n, p->stream);
        }
    }
    tp_stream_end();
}

static int32_t NAME(layer_norm_backward)(void *const *data, const Norm *p) {
    int64_t pieces = (p->outer + p->piece - 1) / p->piece, n = p->n;
    T *scratch = malloc(sizeof(T) * (size_t)((1 + 2 * pieces) * n));
    if (!scratch)
        return TP_OUT_OF_MEMORY;
    NAME(take)(scratch, data[7], n, (int)p->weight, 1);
    Job job = {.norm = p, .data = data, .scratch = scratch};
    tp_parallel_for(pieces, GRAIN / (n * p->piece) + 1, NAME(layer_backward_pieces), &job);
    T *dw = scratch + n;
    for (int64_t piece = 1; piece < pieces; piece++)
        for (int64_t i = 0; i < 2 * n; i++)
            dw[i] += dw[2 * piece * n + i];
    NAME(put)(data[1], dw, n, (int)p->parameter);
    NAME(put)(data[2], dw + n, n, (int)p->parameter);
    free(scratch);
    return TP_OK;
}

/* -- group_norm: out <- input, weight, bias */

static void NAME(groups)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Norm *p = job->norm;
    int64_t channels = p->n / p->groups;
    const T *w = job->scratch, *b = w + p->n;
    for (int64_t u = begin; u < end; u++) {
        const S *x = (const S *)job->data[1] + u * channels * p->inner;
        S *y = (S *)job->data[0] + u * channels * p->inner;
        Moments m = NAME(moments)(x, channels * p->inner);
        double rstd = 1 / sqrt(m.squares / m.count + tp_double_param(p->eps));
        for (int64_t i = 0; i < channels; i++) {
            int64_t c = u % p->groups * channels + i;
            NAME(scale)(y + i * p->inner, x + i * p->inner, (T)m.mean, (T)rstd * w[c], b[c], p->inner, p->stream);
        }
    }
    tp_stream_end();
}

static int32_t NAME(group_norm)(void *const *data, const Norm *p) {
    T *scratch = malloc(sizeof(T) * (size_t)(2 * p->n));
    if (!scratch)
        return TP_OUT_OF_MEMORY;
    NAME(take)(scratch, data[2], p->n, (int)p->weight, 1);
    NAME(take)(scratch + p->n, data[3], p->n, (int)p->bias, 0);
    Job job = {.norm = p, .data = data, .scratch = scratch};
    tp_parallel_for(p->outer * p->groups, GRAIN / (p->n / p->groups * p->inner) + 1, NAME(groups), &job);
    free(scratch);
    return TP_OK;
}
