/* The one thread pool of the CPU backend. Every kernel that uses several threads goes through it. */
#ifndef TENSORPLUG_PARALLEL_H
#define TENSORPLUG_PARALLEL_H

#include <stdint.h>

/* Works on the half-open range [begin, end) of a job. */
typedef void (*tp_range_fn)(void *ctx, int64_t begin, int64_t end);

/* Calls fn on disjoint ranges that cover [0, n), in chunks whose sizes are multiples of `grain` (except the last).
 * Runs inline when n <= grain, when one thread is set, inside another parallel loop, and when another thread of
 * the process is using the pool. Returns after the whole range is done; what fn wrote is then visible. */
void tp_parallel_for(int64_t n, int64_t grain, tp_range_fn fn, void *ctx);

/* The number of threads that a loop may use, the caller's included (at least 1). The default is
 * TENSORPLUG_NUM_THREADS, else OMP_NUM_THREADS, else the number of processors that this process may run on. */
void tp_set_num_threads(int threads);
int tp_get_num_threads(void);

#endif
