/* Products of bytes, summed in int32: weights [rows][k] times a panel of positions. */
#ifndef TENSORPLUG_DOT_H
#define TENSORPLUG_DOT_H

#include <stdint.h>

enum { PANEL = 64, STEP = 64, ROWS = 32 }; /* positions of a panel; bytes of k at a time; rows of a task */

/* What computes: plain C, AVX512-VNNI, or AMX tiles. */
enum { DOT_PLAIN, DOT_VNNI, DOT_AMX };

/* The best that this processor (and the system, which has to grant AMX) can do. */
int32_t tp_dot_level(void);

/* sums[r][p] = sum over k of weight[r][k] * panel[k / 4][p][k % 4], for `rows` (at most ROWS) rows and PANEL
 * positions. `k` is a multiple of STEP; rows of the weight lie `stride` bytes apart; where `rows` is less than ROWS
 * what lies behind is not read. The caller has called tp_dot_begin(level) in this thread. */
void tp_dot(int level, const int8_t *weight, int64_t stride, int rows, const uint8_t *panel, int64_t k,
            int32_t (*sums)[PANEL]);

void tp_dot_begin(int level);
void tp_dot_end(int level);

#endif
