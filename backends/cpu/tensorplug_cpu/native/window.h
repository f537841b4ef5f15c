/* Windows that slide over three spatial dimensions. */
#ifndef TENSORPLUG_WINDOW_H
#define TENSORPLUG_WINDOW_H

#include "element.h"

typedef struct {
    int64_t in[3], k[3], out[3], stride[3], padding[3], dilation[3];
} Window;

/* One element of the kernel: its offset into the input, and the places of a line at which that lies inside.
 */
typedef struct {
    int64_t offset[3], first, last;
} Tap;

static inline int64_t tp_ceiling(int64_t a, int64_t b) { return a > 0 ? (a + b - 1) / b : -(-a / b); }

static inline Tap tp_tap(const Window *w, int64_t index) {
    int64_t at[3] = {index / (w->k[1] * w->k[2]), index / w->k[2] % w->k[1], index % w->k[2]};
    Tap tap;
    for (int d = 0; d < 3; d++)
        tap.offset[d] = at[d] * w->dilation[d] - w->padding[d];
    tap.first = tp_min64(tp_max64(tp_ceiling(-tap.offset[2], w->stride[2]), 0), w->out[2]);
    tap.last = tp_max64(tp_min64(tp_ceiling(w->in[2] - tap.offset[2], w->stride[2]), w->out[2]), tap.first);
    return tap;
}

/* Where the input line under the result's line (d, h) begins, -1 where it lies in the padding. */
static inline int64_t tp_tap_line(const Window *w, const Tap *tap, int64_t d, int64_t h) {
    int64_t z = d * w->stride[0] + tap->offset[0], y = h * w->stride[1] + tap->offset[1];
    return z >= 0 && z < w->in[0] && y >= 0 && y < w->in[1] ? (z * w->in[1] + y) * w->in[2] : -1;
}

/* Whether windows move by one, in a plane, and give lines as long as the input's. */
static inline bool tp_same_lines(const Window *w) {
    return w->stride[1] == 1 && w->stride[2] == 1 && w->in[2] == w->out[2] && w->in[0] == 1 && w->out[0] == 1
           && w->k[0] == 1;
}

#endif
