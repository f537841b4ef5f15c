/* Included once a storage type S that is computed in A. RUN(to, from, n) copies contiguous elements, LOAD one.
 * Writes the windows of channels [c0, c1) at pixels [p0, p1) as the columns of a matrix
 * [(c1 - c0) * kernel, p1 - p0]. `image` is the first channel of the group. */
static void NAME(columns)(const Conv *v, const S *image, int64_t c0, int64_t c1, int64_t p0, int64_t p1, A *to,
                          int64_t lead) {
    const Window *w = &v->w;
    const int64_t step = w->stride[2], places = w->out[2];
    for (int64_t row = c0 * v->kernel; row < c1 * v->kernel; row++, to += lead) {
        Tap tap = tp_tap(w, row % v->kernel);
        const S *channel = image + row / v->kernel * v->in_pixels;
        int64_t line = p0 / places, x = p0 % places, d = line / w->out[1], h = line % w->out[1];
        A *part = to;
        for (int64_t left = p1 - p0; left > 0; x = 0) {
            int64_t end = tp_min64(places, x + left), place = tp_tap_line(w, &tap, d, h), a = x, b = x;
            if (place >= 0) {
                a = tp_min64(tp_max64(tap.first, x), end);
                b = tp_min64(tp_max64(tap.last, a), end);
            }
            for (int64_t i = x; i < a; i++)
                part[i - x] = 0;
            if (b > a) {
                const S *from = channel + place + tap.offset[2];
                if (step == 1)
                    RUN(part + (a - x), from + a, b - a);
                else
                    for (int64_t i = a; i < b; i++)
                        part[i - x] = LOAD(from[i * step]);
            }
            for (int64_t i = b; i < end; i++)
                part[i - x] = 0;
            part += end - x;
            left -= end - x;
            if (++h == w->out[1]) {
                h = 0;
                d++;
            }
        }
    }
}
