/* Memory that a thread keeps for its next call. */
#pragma once
#include <stdlib.h>

typedef struct {
    void *memory;
    size_t bytes;
} TpScratch;

/* At least so many bytes; NULL where there are none. What they held is lost when they become more. */
static inline void *tp_scratch(TpScratch *kept, size_t bytes) {
    if (kept->bytes < bytes) {
        free(kept->memory);
        kept->bytes = 0;
        kept->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (kept->memory == NULL)
            return NULL;
        kept->bytes = bytes;
    }
    return kept->memory;
}
