/* Copying elements between strided memory and strided or contiguous memory. */
#ifndef TENSORPLUG_STRIDED_H
#define TENSORPLUG_STRIDED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sizes.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define TP_COPY_RUN(T)                                                                                              \
    do {                                                                                                            \
        if (from_stride == 0 && to_stride == sizeof(T)) {                                                           \
            T value = *(const T *)from, *target = (T *)to;                                                          \
            for (int64_t i = 0; i < n; i++)                                                                         \
                target[i] = value;                                                                                  \
        } else if (to_stride == sizeof(T)) {                                                                        \
            T *target = (T *)to;                                                                                    \
            for (int64_t i = 0; i < n; i++)                                                                         \
                target[i] = *(const T *)(from + i * from_stride);                                                   \
        } else {                                                                                                    \
            for (int64_t i = 0; i < n; i++)                                                                         \
                *(T *)(to + i * to_stride) = *(const T *)(from + i * from_stride);                                  \
        }                                                                                                           \
    } while (0)

/* n elements along one dimension; strides in bytes */
static inline __attribute__((unused)) void tp_copy_run(char *to, int64_t to_stride, const char *from,
                                                       int64_t from_stride, int64_t n, int64_t itemsize) {
    if (from_stride == itemsize && to_stride == itemsize) {
        memcpy(to, from, (size_t)(n * itemsize));
        return;
    }
    switch (itemsize) {
    case 1: TP_COPY_RUN(uint8_t); break;
    case 2: TP_COPY_RUN(uint16_t); break;
    case 4: TP_COPY_RUN(uint32_t); break;
    default: TP_COPY_RUN(uint64_t); break;
    }
}
#undef TP_COPY_RUN

/* The position of the element number `first` of an index space in row-major order. */
static inline __attribute__((unused)) void tp_unravel(int64_t first, int ndim, const int64_t *sizes, int64_t *index) {
    for (int d = ndim - 1; d > 0; d--) {
        index[d] = first % sizes[d];
        first /= sizes[d];
    }
    index[0] = first;
}

static inline __attribute__((unused)) int64_t tp_offset(int ndim, const int64_t *strides, const int64_t *index) {
    int64_t offset = 0;
    for (int d = 0; d < ndim; d++)
        offset += index[d] * strides[d];
    return offset;
}

/* Copies n elements of an index space, from the position `start` on. `to` and `from` are the memory's beginnings;
 * where strides are NULL the side is a contiguous buffer that holds just these n elements. */
static inline __attribute__((unused)) void tp_copy_walk(int ndim, const int64_t *sizes, char *to,
                                                        const int64_t *to_strides, const char *from,
                                                        const int64_t *from_strides, const int64_t *start, int64_t n,
                                                        int64_t itemsize) {
    const int last = ndim - 1;
    const int64_t to_step = to_strides ? to_strides[last] : itemsize;
    const int64_t from_step = from_strides ? from_strides[last] : itemsize;
    int64_t index[TP_MAX_DIMS];
    memcpy(index, start, sizeof(int64_t) * (size_t)ndim);
    int64_t run = sizes[last] - index[last];
    index[last] = 0;
    char *to_run = to + (to_strides ? tp_offset(ndim, to_strides, start) : 0);
    const char *from_run = from + (from_strides ? tp_offset(ndim, from_strides, start) : 0);
    for (;;) {
        if (run > n)
            run = n;
        tp_copy_run(to_run, to_step, from_run, from_step, run, itemsize);
        n -= run;
        if (n == 0)
            return;
        for (int d = last - 1; d >= 0; d--) {
            if (++index[d] < sizes[d])
                break;
            index[d] = 0;
        }
        to_run = to_strides ? to + tp_offset(last, to_strides, index) : to_run + run * itemsize;
        from_run = from_strides ? from + tp_offset(last, from_strides, index) : from_run + run * itemsize;
        run = sizes[last];
    }
}

/* memcpy that leaves the caches alone. tp_stream_end() makes it visible to other threads. */
static inline __attribute__((unused)) void tp_stream(char *to, const char *from, int64_t bytes) {
#if defined(__SSE2__)
    int64_t i = (int64_t)(-(uintptr_t)to & 15);
    if (i > bytes)
        i = bytes;
    memcpy(to, from, (size_t)i);
    for (; i + 64 <= bytes; i += 64)
        for (int k = 0; k < 64; k += 16)
            _mm_stream_si128((__m128i *)(to + i + k), _mm_loadu_si128((const __m128i *)(from + i + k)));
    memcpy(to + i, from + i, (size_t)(bytes - i));
#else
    memcpy(to, from, (size_t)bytes);
#endif
}

static inline __attribute__((unused)) void tp_stream_end(void) {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

#endif
