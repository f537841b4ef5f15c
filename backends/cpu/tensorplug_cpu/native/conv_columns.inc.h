/* Included once a storage type S that is computed in A. RUN(to, from, n) copies contiguous elements, LOAD one.
 * Writes the windows of channels [c0, c1) at pixels [p0, p1) as the columns of a matrix
 * [(c1 - c0) * kernel, p1 - p0]. `image` is the first channel of the group. */
static void NAME(columns)(const Conv *v, const S *image, int64_t c0, int64_t c1, int64_t p0, int64_t p1, A *to) {
    const int64_t height = v->in[1], width = v->in[2], step = v->stride[2], places = v->out[2];
    for (int64_t row = c0 * v->kernel; row < c1 * v->kernel; row++) {
        Tap tap = tap_of(v, row % v->kernel);
        const S *channel = image + row / v->kernel * v->in_pixels;
        int64_t line = p0 / places, x = p0 % places, d = line / v->out[1], h = line % v->out[1];
        for (int64_t left = p1 - p0; left > 0; x = 0) {
            int64_t end = tp_min64(places, x + left), z = d * v->stride[0] + tap.offset[0];
            int64_t y = h * v->stride[1] + tap.offset[1];
            int64_t a = x, b = x;
            if (z >= 0 && z < v->in[0] && y >= 0 && y < height) {
                a = tp_min64(tp_max64(tap.first, x), end);
                b = tp_min64(tp_max64(tap.last, a), end);
            }
            for (int64_t i = x; i < a; i++)
                to[i - x] = 0;
            if (b > a) {
                const S *from = channel + (z * height + y) * width + tap.offset[2];
                if (step == 1)
                    RUN(to + (a - x), from + a, b - a);
                else
                    for (int64_t i = a; i < b; i++)
                        to[i - x] = LOAD(from[i * step]);
            }
            for (int64_t i = b; i < end; i++)
                to[i - x] = 0;
            to += end - x;
            left -= end - x;
            if (++h == v->out[1]) {
                h = 0;
                d++;
            }
        }
    }
}
