#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "boundary.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
#include <malloc.h>
#define HAS_MALLINFO2
#endif

#include "tensorplug.h"

int32_t tp_launch(uintptr_t kernel, uintptr_t data, uintptr_t params) {
    return ((tp_kernel)kernel)((void *const *)data, (const int64_t *)params);
}

void *tp_allocate(size_t alignment, size_t nbytes, int huge) {
    void *memory = aligned_alloc(alignment, nbytes);
#ifdef MADV_HUGEPAGE
    if (memory && huge)
        madvise(memory, nbytes, MADV_HUGEPAGE); /* page faults cost ten times the write otherwise */
#endif
    return memory;
}

size_t tp_bytes_given_out(void) {
#ifdef HAS_MALLINFO2
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

void *tp_open_library(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }

void *tp_find_function(void *library, const char *name) { return dlsym(library, name); }
