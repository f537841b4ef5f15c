/* Included once a storage type S that is computed in A. RUN(to, from, n) copies contiguous elements, LOAD
 * one. */

/* One row where lines lie as far apart in the input as in the result (step 1, same width): all lines in one
 * copy, from which the places in the padding are then erased. */
static void NAME(shifted_row)(const Window *w, const Tap *tap, const S *channel, int64_t p0, int64_t p1,
                              A *to) {
    const int64_t width = w->in[2], height = w->in[1], shift = tap->offset[1] * width + tap->offset[2];
    int64_t top = tp_max64(-tap->offset[1], 0), bottom = tp_min64(height - tap->offset[1], w->out[1]);
    int64_t a = tp_min64(tp_max64(tp_max64(top * width, -shift), p0), p1);
    int64_t b = tp_max64(tp_min64(tp_min64(bottom * width, height * width - shift), p1), a);
    memset(to, 0, (size_t)(a - p0) * sizeof(A));
    RUN(to + (a - p0), channel + shift + a, b - a);
    memset(to + (b - p0), 0, (size_t)(p1 - b) * sizeof(A));
    for (int64_t line = a / width * width; line < b && (tap->first > 0 || tap->last < width); line += width) {
        for (int64_t p = tp_max64(line, p0); p < tp_min64(line + tap->first, p1); p++)
            to[p - p0] = 0;
        for (int64_t p = tp_max64(line + tap->last, p0); p < tp_min64(line + width, p1); p++)
            to[p - p0] = 0;
    }
}

/* Writes the windows of channels [c0, c1) at pixels [p0, p1) as the columns of a matrix [(c1 - c0) * kernel,
 * p1 - p0] whose rows lie `lead` apart. `image` is the first channel of the group. */
static void NAME(columns)(const Conv *v, const S *image, int64_t c0, int64_t c1, int64_t p0, int64_t p1,
                          A *to, int64_t lead) {
    const Window *w = &v->w;
    const int64_t step = w->stride[2], places = w->out[2];
    const bool same = tp_same_lines(w);
    for (int64_t row = c0 * v->kernel; row < c1 * v->kernel; row++, to += lead) {
        Tap tap = tp_tap(w, row % v->kernel);
        const S *channel = image + row / v->kernel * v->in_pixels;
        if (same) {
            NAME(shifted_row)(w, &tap, channel, p0, p1, to);
            continue;
        }
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
