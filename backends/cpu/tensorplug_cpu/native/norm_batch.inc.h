/* Included after norm_rows.inc.h, with the same names: batch normalization of [outer, n channels, inner].
 *
 * Where inner is short, the rows of n * inner elements are worked on as columns, each its own statistics at first.
 * The statistics are taken of pieces that do not depend on the number of threads, and joined in order. */

/* Statistics of the piece and columns of one unit: of the input alone (data[3]), or with a gradient (data[3], data[4]
 * = grad, input). Results are Moments or Sums in job->pieces, [pieces, columns]. */
static void NAME(column_unit)(const Job *job, int64_t piece, int64_t first, int64_t n) {
    const Norm *p = job->norm;
    int64_t width = p->n * p->inner, begin = piece * p->piece, end = tp_min64(p->outer, begin + p->piece);
    T plain[COLUMNS] = {0}, centred[COLUMNS] = {0}, mean[COLUMNS];
    const S *x = (const S *)job->data[job->backward ? 4 : 3] + first, *g = (const S *)job->data[3] + first;
    if (job->backward) {
        const T *given = job->data[5];
        for (int64_t j = 0; j < n; j++)
            mean[j] = given[(first + j) / p->inner];
        for (int64_t r = begin; r < end; r++)
            for (int64_t j = 0; j < n; j++) {
                T grad = LOAD(g[r * width + j]);
                plain[j] += grad;
                centred[j] += grad * (LOAD(x[r * width + j]) - mean[j]);
            }
        for (int64_t j = 0; j < n; j++)
            ((Sums *)job->pieces)[piece * width + first + j] = (Sums){(double)plain[j], (double)centred[j]};
        return;
    }
    for (int64_t r = begin; r < end; r++)
        for (int64_t j = 0; j < n; j++)
            plain[j] += LOAD(x[r * width + j]);
    for (int64_t j = 0; j < n; j++) {
        mean[j] = plain[j] / (T)(end - begin);
        plain[j] = 0;
    }
    for (int64_t r = begin; r < end; r++)
        for (int64_t j = 0; j < n; j++) {
            T value = LOAD(x[r * width + j]) - mean[j];
            plain[j] += value;
            centred[j] += value * value;
        }
    for (int64_t j = 0; j < n; j++) {
        double shift = (double)plain[j] / (double)(end - begin);
        ((Moments *)job->pieces)[piece * width + first + j] =
            (Moments){(double)(end - begin), (double)mean[j] + shift, (double)centred[j] - shift * (double)plain[j]};
    }
}

static void NAME(column_units)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    int64_t width = job->norm->n * job->norm->inner, blocks = (width + COLUMNS - 1) / COLUMNS;
    for (int64_t u = begin; u < end; u++)
        NAME(column_unit)(job, u / blocks, u % blocks * COLUMNS, tp_min64(COLUMNS, width - u % blocks * COLUMNS));
}

/* The same of whole planes of one channel: unit = piece * channels + channel. */
static void NAME(plane_units)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Norm *p = job->norm;
    for (int64_t u = begin; u < end; u++) {
        int64_t c = u % p->n, first = u / p->n * p->piece, last = tp_min64(p->outer, first + p->piece);
        Moments moments = {0};
        Sums sums = {0, 0};
        for (int64_t r = first; r < last; r++) {
            int64_t at = (r * p->n + c) * p->inner;
            if (job->backward) {
                Sums row = NAME(row_sums)((const S *)job->data[3] + at, (const S *)job->data[4] + at,
                                          ((const T *)job->data[5])[c], p->inner);
                sums.plain += row.plain;
                sums.centred += row.centred;
            } else {
                moments = joined(moments, NAME(moments)((const S *)job->data[3] + at, p->inner));
            }
        }
        if (job->backward)
            ((Sums *)job->pieces)[u] = sums;
        else
            ((Moments *)job->pieces)[u] = moments;
    }
}

/* Joins the pieces of channels and writes what the second pass multiplies and adds: four values a channel, each an
 * array over the channels (or over all columns) in job->scratch: mean, of the input, shift, of the gradient. */
static void NAME(finish_channels)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Norm *p = job->norm;
    int64_t inner = p->columns ? p->inner : 1, width = p->n * inner;
    int64_t pieces = (p->outer + p->piece - 1) / p->piece;
    for (int64_t c = begin; c < end; c++) {
        T mean, of_x, shift, of_g = 0, weight, bias;
        NAME(take)(&weight, element_at(job->weight, c, p->weight), 1, (int)p->weight, 1);
        NAME(take)(&bias, element_at(job->bias, c, p->bias), 1, (int)p->bias, 0);
        if (job->backward) {
            Sums sums = {0, 0};
            for (int64_t k = 0; k < pieces; k++)
                for (int64_t i = 0; i < inner; i++) {
                    const Sums *part = (const Sums *)job->pieces + k * width + c * inner + i;
                    sums.plain += part->plain;
                    sums.centred += part->centred;
                }
            double rstd = (double)((const T *)job->data[6])[c], count = (double)(p->outer * p->inner);
            T d_weight = (T)(sums.centred * rstd), d_bias = (T)sums.plain;
            NAME(put)((char *)job->data[1] + c * tp_itemsize((int)p->parameter), &d_weight, 1, (int)p->parameter);
            NAME(put)((char *)job->data[2] + c * tp_itemsize((int)p->parameter), &d_bias, 1, (int)p->parameter);
            mean = ((const T *)job->data[5])[c];
            of_g = (T)(rstd * (double)weight);
            of_x = (T)(-rstd * rstd * rstd * (double)weight * sums.centred / count);
            shift = (T)(-rstd * (double)weight * sums.plain / count);
        } else if (job->evaluation) {
            double rstd;
            T variance;
            NAME(take)(&mean, element_at(job->data[2], c, p->mean), 1, (int)p->mean, 0);
            NAME(take)(&variance, element_at(job->data[3], c, p->mean), 1, (int)p->mean, 0);
            rstd = 1 / sqrt((double)variance + tp_double_param(p->eps));
            of_x = (T)(rstd * (double)weight);
            shift = bias;
        } else {
            Moments m = {0};
            for (int64_t k = 0; k < pieces; k++)
                for (int64_t i = 0; i < inner; i++)
                    m = joined(m, ((const Moments *)job->pieces)[k * width + c * inner + i]);
            double rstd = 1 / sqrt(m.squares / m.count + tp_double_param(p->eps));
            ((T *)job->data[1])[c] = mean = (T)m.mean;
            ((T *)job->data[2])[c] = (T)rstd;
            of_x = (T)(rstd * (double)weight);
            shift = bias;
        }
        T *to = (T *)job->scratch + c * inner;
        for (int64_t i = 0; i < inner; i++) {
            to[i] = mean;
            to[width + i] = of_x;
            to[2 * width + i] = shift;
            to[3 * width + i] = of_g;
        }
    }
}

/* The second pass over rows of a channel, or rows of all columns. */
static void NAME(batch_rows)(void *context, int64_t begin, int64_t end) {
    const Job *job = context;
    const Norm *p = job->norm;
    int64_t width = p->columns ? p->n * p->inner : p->n, n = p->columns ? width : p->inner;
    const T *mean = job->scratch, *of_x = mean + width, *shift = of_x + width, *of_g = shift + width;
    for (int64_t r = begin; r < end; r++) {
        int64_t c = p->columns ? 0 : r % p->n;
        S *y = (S *)job->data[0] + r * n;
        const S *x = (const S *)job->data[job->backward ? 4 : job->evaluation ? 1 : 3] + r * n;
        if (job->backward) {
            const S *g = (const S *)job->data[3] + r * n;
            if (p->columns)
                NAME(blend_columns)(y, g, x, mean, of_g, of_x, shift, n, p->stream);
            else
                NAME(blend)(y, g, x, mean[c], of_g[c], of_x[c], shift[c], n, p->stream);
        } else if (p->columns) {
            NAME(scale_columns)(y, x, mean, of_x, shift, n, p->stream);
        } else {
            NAME(scale)(y, x, mean[c], of_x[c], shift[c], n, p->stream);
        }
    }
    tp_stream_end();
}

/* out, mean, rstd <- input, weight, bias (training); out <- input, mean, variance, weight, bias (evaluation);
 * d_input, d_weight, d_bias <- grad, input, mean, rstd, weight (backward) */
static int32_t NAME(batch)(void *const *data, const Norm *p, bool backward, bool evaluation) {
    int64_t width = p->n * p->inner, pieces = (p->outer + p->piece - 1) / p->piece;
    int64_t kept = p->columns ? width : p->n;
    size_t part = evaluation ? 0 : backward ? sizeof(Sums) : sizeof(Moments);
    char *memory = malloc((size_t)kept * ((size_t)pieces * part + 4 * sizeof(T)) + 1);
    if (!memory)
        return TP_OUT_OF_MEMORY;
    Job job = {.norm = p, .data = data, .pieces = memory, .scratch = memory + (size_t)kept * (size_t)pieces * part,
               .weight = data[backward ? 7 : 4], .bias = backward ? NULL : data[5], .backward = backward,
               .evaluation = evaluation};
    if (!evaluation && p->columns)
        tp_parallel_for(pieces * ((width + COLUMNS - 1) / COLUMNS), GRAIN / (COLUMNS * p->piece) + 1,
                        NAME(column_units), &job);
    else if (!evaluation)
        tp_parallel_for(pieces * p->n, GRAIN / (p->piece * p->inner) + 1, NAME(plane_units), &job);
    tp_parallel_for(p->n, TP_NORM_CHANNEL_GRAIN, NAME(finish_channels), &job);
    int64_t rows = p->columns ? p->outer : p->outer * p->n;
    tp_parallel_for(rows, GRAIN / (p->columns ? width : p->inner) + 1, NAME(batch_rows), &job);
    free(memory);
    return TP_OK;
}
