/* What Python calls in C through cffi: boundary.py. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Calls a kernel; all three are addresses. */
int32_t tp_launch(uintptr_t kernel, uintptr_t data, uintptr_t params);

/* Memory at a multiple of `alignment`, or NULL; `huge` asks for large pages, where the system has them. */
void *tp_allocate(size_t alignment, size_t nbytes, int huge);
void free(void *memory);

/* Bytes that the C library has given out, 0 where it does not say. */
size_t tp_bytes_given_out(void);

/* Libraries: the functions of POSIX. */
void *tp_open_library(const char *path);
void *tp_find_function(void *library, const char *name);
char *dlerror(void);
