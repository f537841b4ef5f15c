/* Included once a type A: columns added back to where they were read from. */

/* The reverse of shifted_row: what belongs to the padding is erased first, then all lines are added at once.
 */
static void NAME(add_shifted_row)(const Window *w, const Tap *tap, A *plane, int64_t p0, int64_t p1,
                                  A *from) {
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

/* Adds columns (as conv_columns.inc.h writes them) to the places that they were read from; may write over
 * them. */
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
