/* Included once a type A: what needs no matrix product. A plane is one channel of one image. */

/* Adds columns (as conv_columns.inc.h writes them) to the places that they were read from. */
static void NAME(add_columns)(const Conv *v, A *planes, int64_t channels, int64_t p0, int64_t p1, const A *from) {
    const int64_t step = v->stride[2], places = v->out[2];
    for (int64_t row = 0; row < channels * v->kernel; row++) {
        Tap tap = tap_of(v, row % v->kernel);
        A *plane = planes + row / v->kernel * v->in_pixels;
        int64_t line = p0 / places, x = p0 % places, d = line / v->out[1], h = line % v->out[1];
        for (int64_t left = p1 - p0; left > 0; x = 0) {
            int64_t end = tp_min64(places, x + left), z = d * v->stride[0] + tap.offset[0];
            int64_t y = h * v->stride[1] + tap.offset[1];
            if (z >= 0 && z < v->in[0] && y >= 0 && y < v->in[1]) {
                int64_t a = tp_max64(tap.first, x), b = tp_min64(tap.last, end);
                A *restrict to = plane + (z * v->in[1] + y) * v->in[2] + tap.offset[2];
                if (step == 1)
                    for (int64_t i = a; i < b; i++)
                        to[i] += from[i - x];
                else
                    for (int64_t i = a; i < b; i++)
                        to[i * step] += from[i - x];
            }
            from += end - x;
            left -= end - x;
            if (++h == v->out[1]) {
                h = 0;
                d++;
            }
        }
    }
}

/* Adds to a result plane what one input plane gives with one kernel. */
static void NAME(plane_forward)(const Conv *v, const A *in, const A *weight, A *out) {
    for (int64_t line = 0; line < v->out[0] * v->out[1]; line++) {
        A *restrict to = out + line * v->out[2];
        for (int64_t k = 0; k < v->kernel; k++) {
            Tap tap = tap_of(v, k);
            const A *from = tap_line(v, &tap, line) < 0 ? NULL : in + tap_line(v, &tap, line) + tap.offset[2];
            if (!from)
                continue;
            A w = weight[k];
            if (v->stride[2] == 1)
                for (int64_t i = tap.first; i < tap.last; i++)
                    to[i] += w * from[i];
            else
                for (int64_t i = tap.first; i < tap.last; i++)
                    to[i] += w * from[i * v->stride[2]];
        }
    }
}

static void NAME(plane_input_grad)(const Conv *v, const A *grad, const A *weight, A *in) {
    for (int64_t line = 0; line < v->out[0] * v->out[1]; line++) {
        const A *from = grad + line * v->out[2];
        for (int64_t k = 0; k < v->kernel; k++) {
            Tap tap = tap_of(v, k);
            int64_t place = tap_line(v, &tap, line);
            if (place < 0)
                continue;
            A *restrict to = in + place + tap.offset[2];
            A w = weight[k];
            if (v->stride[2] == 1)
                for (int64_t i = tap.first; i < tap.last; i++)
                    to[i] += w * from[i];
            else
                for (int64_t i = tap.first; i < tap.last; i++)
                    to[i * v->stride[2]] += w * from[i];
        }
    }
}

/* Sums in double over lines that are summed in lanes. */
static void NAME(plane_weight_grad)(const Conv *v, const A *grad, const A *in, double *sums) {
    enum { LANES = 16 };
    for (int64_t line = 0; line < v->out[0] * v->out[1]; line++) {
        const A *g = grad + line * v->out[2];
        for (int64_t k = 0; k < v->kernel; k++) {
            Tap tap = tap_of(v, k);
            int64_t place = tap_line(v, &tap, line), i = tap.first, step = v->stride[2];
            if (place < 0)
                continue;
            const A *from = in + place + tap.offset[2];
            A lanes[LANES] = {0}, total = 0;
            if (step == 1)
                for (; i + LANES <= tap.last; i += LANES)
                    for (int l = 0; l < LANES; l++)
                        lanes[l] += g[i + l] * from[i + l];
            for (; i < tap.last; i++)
                total += g[i] * from[i * step];
            for (int l = 0; l < LANES; l++)
                total += lanes[l];
            sums[k] += (double)total;
        }
    }
}
