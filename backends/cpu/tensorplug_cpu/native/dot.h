/* Products of bytes, summed in int32: weights [rows][k] times a panel of positions. */
#ifndef TENSORPLUG_DOT_H
#define TENSORPLUG_DOT_H

#include "sizes.h"

#include <stdint.h>

enum { PANEL = TP_DOT_PANEL, STEP = TP_DOT_STEP, ROWS = TP_DOT_ROWS }; /* positions of a panel; bytes of k at a time; rows of a task */

/* What computes: plain C, AVX512-VNNI, or AMX tiles. */
enum { DOT_PLAIN, DOT_VNNI, DOT_AMX };

/* The best that this processor (and the system, which has to grant AMX) can do. */
int32_t tp_dot_level(void);

/* What a block of products multiplies: `taps` pieces of k, each of `step` bytes (a multiple of STEP). Piece t of
 * position p is at x[t][q * fours + 4 * p], four bytes for each q in 0 to step / 4 - 1; PANEL positions can be read. */
typedef struct {
    const uint8_t *const *x;
    int64_t taps, step, fours;
} TpPositions;

/* sums[r][p] = sum of weight[r][k] * x[k][p], for `rows` (at most ROWS) rows and `count` (at most PANEL) positions;
 * other sums are undefined. Rows of the weight lie `stride` bytes apart, what lies behind the last is not read. The
 * caller has called tp_dot_begin(level) in this thread. */
void tp_dot(int level, const int8_t *weight, int64_t stride, int rows, const TpPositions *positions, int count,
            int32_t (*sums)[PANEL]);

/* sums[p][r] from sums[r][p]. */
void tp_dot_transpose(const int32_t (*sums)[PANEL], int32_t (*transposed)[ROWS], int count);

void tp_dot_begin(int level);
void tp_dot_end(int level);

#endif
