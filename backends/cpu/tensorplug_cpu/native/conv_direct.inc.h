/* Included once a type A: groups of one channel, without a matrix product. A plane is one channel of one
 * image.
 *
 * A plane is spread on a sheet first: padded in the last dimension, and every line taken apart into `stride`
 * phases, so that what one tap reads for a line of results is contiguous. Behind the last line is one of
 * zeros. */

typedef A NAME(Vector) __attribute__((vector_size(TP_VECTOR_BYTES), aligned(sizeof(A)), may_alias));
#define LANES ((int64_t)(TP_VECTOR_BYTES / sizeof(A)))

/* Elements of a phase of a line: results rounded up to two vectors, and as far as the last tap reaches. */
static int64_t NAME(phase_length)(const Window *w) {
    return (w->out[2] + 2 * LANES - 1) / (2 * LANES) * (2 * LANES)
           + (w->k[2] - 1) * w->dilation[2] / w->stride[2] + 1;
}

static int64_t NAME(sheet_size)(const Window *w) {
    return (w->in[0] * w->in[1] + 1) * w->stride[2] * NAME(phase_length)(w);
}

static void NAME(spread)(const Window *w, const A *plane, A *sheet) {
    const int64_t length = NAME(phase_length)(w), step = w->stride[2], lines = w->in[0] * w->in[1];
    memset(sheet, 0, (size_t)NAME(sheet_size)(w) * sizeof(A));
    for (int64_t line = 0; line < lines; line++, plane += w->in[2], sheet += step * length)
        for (int64_t phase = 0; phase < step; phase++) {
            int64_t skipped = tp_max64(tp_ceiling(w->padding[2] - phase, step), 0);
            const A *from = plane + skipped * step + phase - w->padding[2];
            int64_t n = tp_min64(tp_ceiling(plane + w->in[2] - from, step), length - skipped);
            if (step == 1 && n > 0)
                memcpy(sheet + skipped, from, (size_t)n * sizeof(A));
            else
                for (int64_t i = 0; i < n; i++)
                    sheet[phase * length + skipped + i] = from[i * step];
        }
}

static void NAME(gather)(const Window *w, A *plane, const A *sheet) {
    const int64_t length = NAME(phase_length)(w), step = w->stride[2], lines = w->in[0] * w->in[1];
    for (int64_t line = 0; line < lines; line++, plane += w->in[2], sheet += step * length)
        for (int64_t x = 0; x < w->in[2]; x++) {
            int64_t at = x + w->padding[2], place = at / step;
            plane[x] = place < length ? sheet[at % step * length + place] : 0;
        }
}

/* The result plane of one input plane and one kernel. `taps` has room for twice the kernel. */
static void NAME(plane_forward)(const Conv *v, const A *sheet, const A *weight, A bias, A *out,
                                SheetTap *taps) {
    const Window *w = &v->w;
    const int64_t length = NAME(phase_length)(w), n = w->out[2],
                  zeros = w->in[0] * w->in[1] * w->stride[2] * length;
    int64_t *places = (int64_t *)(taps + v->kernel);
    for (int64_t k = 0; k < v->kernel; k++)
        taps[k] = sheet_tap(w, k, length);
    for (int64_t d = 0; d < w->out[0]; d++)
        for (int64_t h = 0; h < w->out[1]; h++, out += n) {
            for (int64_t k = 0; k < v->kernel; k++) {
                int64_t place = on_sheet(w, &taps[k], d, h, length);
                places[k] = place < 0 ? zeros : place;
            }
            for (int64_t i = 0; i < n; i += 2 * LANES) {
                NAME(Vector) a = (NAME(Vector)){0} + bias, b = a;
                for (int64_t k = 0; k < v->kernel; k++) {
                    const A *from = sheet + places[k] + i;
                    a += weight[k] * *(const NAME(Vector) *)from;
                    b += weight[k] * *(const NAME(Vector) *)(from + LANES);
                }
                if (i + 2 * LANES <= n) {
                    *(NAME(Vector) *)(out + i) = a;
                    *(NAME(Vector) *)(out + i + LANES) = b;
                } else {
                    NAME(Vector) both[2] = {a, b};
                    memcpy(out + i, both, (size_t)(n - i) * sizeof(A));
                }
            }
        }
}

static void NAME(plane_input_grad)(const Conv *v, const A *grad, const A *weight, A *sheet) {
    const Window *w = &v->w;
    const int64_t length = NAME(phase_length)(w), n = w->out[2];
    for (int64_t k = 0; k < v->kernel; k++) {
        SheetTap tap = sheet_tap(w, k, length);
        const A *from = grad;
        for (int64_t d = 0; d < w->out[0]; d++)
            for (int64_t h = 0; h < w->out[1]; h++, from += n) {
                int64_t place = on_sheet(w, &tap, d, h, length);
                A *restrict to = sheet + place;
                for (int64_t i = 0; i < n && place >= 0; i++)
                    to[i] += weight[k] * from[i];
            }
    }
}

/* A plane is summed in lanes, planes in double. */
static void NAME(plane_weight_grad)(const Conv *v, const A *grad, const A *sheet, double *sums) {
    const Window *w = &v->w;
    const int64_t length = NAME(phase_length)(w), n = w->out[2];
    for (int64_t k = 0; k < v->kernel; k++) {
        SheetTap tap = sheet_tap(w, k, length);
        const A *g = grad;
        NAME(Vector) a = {0}, b = {0};
        A rest = 0;
        for (int64_t d = 0; d < w->out[0]; d++)
            for (int64_t h = 0; h < w->out[1]; h++, g += n) {
                int64_t place = on_sheet(w, &tap, d, h, length), i = 0;
                const A *from = sheet + place;
                if (place < 0)
                    continue;
                for (; i + 2 * LANES <= n; i += 2 * LANES) {
                    a += *(const NAME(Vector) *)(g + i) * *(const NAME(Vector) *)(from + i);
                    b += *(const NAME(Vector) *)(g + i + LANES) * *(const NAME(Vector) *)(from + i + LANES);
                }
                if (i + LANES <= n) {
                    a += *(const NAME(Vector) *)(g + i) * *(const NAME(Vector) *)(from + i);
                    i += LANES;
                }
                for (; i < n; i++)
                    rest += g[i] * from[i];
            }
        double total = (double)rest;
        for (int64_t l = 0; l < LANES; l++)
            total += (double)(a[l] + b[l]);
        sums[k] += total;
    }
}
#undef LANES
