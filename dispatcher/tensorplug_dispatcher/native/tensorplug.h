/* What a kernel in C and tensorplug agree on. Written from the tables by tensorplug_dispatcher/header.py. */
#pragma once
#include <stdint.h>

/* The codes of dtypes. */
enum {
    TP_BOOL = 0,
    TP_UINT8 = 1,
    TP_INT8 = 2,
    TP_INT16 = 3,
    TP_INT32 = 4,
    TP_INT64 = 5,
    TP_FLOAT16 = 6,
    TP_BFLOAT16 = 7,
    TP_FLOAT32 = 8,
    TP_FLOAT64 = 9,
};

/* What a kernel returns; any other number is a failure of its own. */
enum {
    TP_OK = 0,
    TP_INDEX_OUT_OF_RANGE = 1,
    TP_OUT_OF_MEMORY = 2,
    TP_DIVISION_BY_ZERO = 3,
    TP_INTERNAL = 4,
};

/* A kernel: `data` holds the addresses of the results, then of the operands (NULL where one is left out),
 * then of the numbers that may differ from call to call; `params` are the numbers that its `prepare` gave. */
typedef int32_t (*tp_kernel)(void *const *data, const int64_t *params);
