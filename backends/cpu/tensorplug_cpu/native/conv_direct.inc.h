/* Included once a type A: what needs no matrix product. A plane is one channel of one image. */

/* The reverse of shifted_row: what belongs to the padding is erased first, then all lines are added at once. */
static void NAME(add_shifted_row)(const Window *w, const Tap *tap, A *plane, int64_t p0, int64_t p1, A *from) {
    const int64_t width = w->in[2], height = w->in[1], shift = tap->offset[1] * width + tap->offset[2];
    int64_t top = tp_max64(-tap->offset[1], 0), bottom = tp_min64(height - tap->offset[1], w->out[1]);
    int64_t a = tp_min64(tp_max64(tp_max64(top * width, -shift), p0), p1);
    int64_t b = tp_max64(tp_min64(tp_min64(bottom * width, height * width - shift), p1), a);
    for (int64_t line = a / width * width; line < b && (tap->first > 0 || tap->last < width); line += width) {
        for (int64_t p = tp_max64(line, p0); p < tp_min64(line + tap->first, p1); p++)
            from[p - p0] = 0;
        for (int64_t p = tp_max64(line + tap->last, p0); p < tp_min64(line + width, p1); p++)
            from[p - p0] = 0;
    }
    A *restrict to = plane + shift;
    for (int64_t p = a; p < b; p++)
        to[p] += from[p - p0];
}

/* Adds columns (as conv_columns.inc.h writes them) to the places that they were read from; may write over them. */
static void NAME(add_columns)(const Conv *v, A *planes, int64_t channels, int64_t p0, int64_t p1, A *from,
                              int64_t lead) {
    const Window *w = &v->w;
    const int64_t step = w->stride[2], places = w->out[2];
    const bool same = tp_same_lines(w);
    for (int64_t row = 0; row < channels * v->kernel; row++, from += lead) {
        Tap tap = tp_tap(w, row % v->kernel);
        A *plane = planes + row / v->kernel * v->in_pixels;
        if (same) {
            NAME(add_shifted_row)(w, &tap, plane, p0, p1, from);
            continue;
        }
        int64_t line = p0 / places, x = p0 % places, d = line / w->out[1], h = line % w->out[1];
        const A *part = from;
        for (int64_t left = p1 - p0; left > 0; x = 0) {
            int64_t end = tp_min64(places, x + left), place = tp_tap_line(w, &tap, d, h);
            if (place >= 0) {
                int64_t a = tp_max64(tap.first, x), b = tp_min64(tap.last, end);
                A *restrict to = plane + place + tap.offset[2];
                if (step == 1)
                    for (int64_t i = a; i < b; i++)
                        to[i] += part[i - x];
                else
                    for (int64_t i = a; i < b; i++)
                        to[i * step] += part[i - x];
            }
            part += end - x;
            left -= end - x;
            if (++h == w->out[1]) {
                h = 0;
                d++;
            }
        }
    }
}

static inline void NAME(line_forward)(A *restrict to, const A *from, A weight, int64_t first, int64_t last,
                                      int64_t step) {
    if (step == 1)
        for (int64_t i = first; i < last; i++)
            to[i] += weight * from[i];
    else
        for (int64_t i = first; i < last; i++)
            to[i] += weight * from[i * step];
}

/* Adds to a result plane what one input plane gives with one kernel. Three taps of a line are done at once. */
static void NAME(plane_forward)(const Conv *v, const A *in, const A *weight, A *out) {
    const Window *w = &v->w;
    const int64_t group = w->k[2] == 3 ? 3 : 1, step = w->stride[2];
    for (int64_t k = 0; k < v->kernel; k += group) {
        Tap tap = tp_tap(w, k), last = tp_tap(w, k + group - 1);
        A *restrict to = out;
        for (int64_t d = 0; d < w->out[0]; d++)
            for (int64_t h = 0; h < w->out[1]; h++, to += w->out[2]) {
                int64_t place = tp_tap_line(w, &tap, d, h), a = tap.first, b = tp_max64(last.last, tap.first);
                if (place < 0)
                    continue;
                const A *from = in + place + tap.offset[2];
                if (group == 1) {
                    NAME(line_forward)(to, from, weight[k], tap.first, tap.last, step);
                    continue;
                }
                const A *middle = from + w->dilation[2], *right = middle + w->dilation[2];
                A w0 = weight[k], w1 = weight[k + 1], w2 = weight[k + 2];
                if (step == 1)
                    for (int64_t i = a; i < b; i++)
                        to[i] += w0 * from[i] + w1 * middle[i] + w2 * right[i];
                else
                    for (int64_t i = a; i < b; i++)
                        to[i] += w0 * from[i * step] + w1 * middle[i * step] + w2 * right[i * step];
                /* the places at which some of the three taps lie in the padding */
                NAME(line_forward)(to, from, w0, b, tap.last, step);
                Tap centre = tp_tap(w, k + 1);
                NAME(line_forward)(to, middle, w1, centre.first, tp_min64(a, centre.last), step);
                NAME(line_forward)(to, middle, w1, tp_max64(b, centre.first), centre.last, step);
                NAME(line_forward)(to, right, w2, last.first, tp_min64(a, last.last), step);
            }
    }
}

static void NAME(plane_input_grad)(const Conv *v, const A *grad, const A *weight, A *in) {
    const Window *w = &v->w;
    for (int64_t k = 0; k < v->kernel; k++) {
        Tap tap = tp_tap(w, k);
        const A *from = grad;
        for (int64_t d = 0; d < w->out[0]; d++)
            for (int64_t h = 0; h < w->out[1]; h++, from += w->out[2]) {
                int64_t place = tp_tap_line(w, &tap, d, h);
                if (place < 0)
                    continue;
                A *restrict to = in + place + tap.offset[2];
                if (w->stride[2] == 1)
                    for (int64_t i = tap.first; i < tap.last; i++)
                        to[i] += weight[k] * from[i];
                else
                    for (int64_t i = tap.first; i < tap.last; i++)
                        to[i * w->stride[2]] += weight[k] * from[i];
            }
    }
}

/* A plane is summed in lanes, planes in double. */
static void NAME(plane_weight_grad)(const Conv *v, const A *grad, const A *in, double *sums) {
    enum { LANES = 16 };
    const Window *w = &v->w;
    for (int64_t k = 0; k < v->kernel; k++) {
        Tap tap = tp_tap(w, k);
        const A *g = grad;
        A lanes[LANES] = {0};
        for (int64_t d = 0; d < w->out[0]; d++)
            for (int64_t h = 0; h < w->out[1]; h++, g += w->out[2]) {
                int64_t place = tp_tap_line(w, &tap, d, h), i = tap.first, step = w->stride[2];
                if (place < 0)
                    continue;
                const A *from = in + place + tap.offset[2];
                if (step == 1)
                    for (; i + LANES <= tap.last; i += LANES)
                        for (int l = 0; l < LANES; l++)
                            lanes[l] += g[i + l] * from[i + l];
                for (int l = 0; i < tap.last; i++, l = (l + 1) % LANES)
                    lanes[l] += g[i] * from[i * step];
            }
        double total = 0;
        for (int l = 0; l < LANES; l++)
            total += (double)lanes[l];
        sums[k] += total;
    }
}
