#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "boundary.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>

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

/* mallinfo2 of glibc from 2.33 on: looked for when it is wanted, since wheels are built with an older one. */
typedef struct {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
} Usage;

size_t tp_bytes_given_out(void) {
    Usage (*ask)(void) = (Usage(*)(void))dlsym(RTLD_DEFAULT, "mallinfo2");
    if (!ask)
        return 0;
    Usage usage = ask();
    return usage.uordblks + usage.hblkhd; /* in use, and in pieces of their own */
}

void *tp_open_library(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }

void *tp_find_function(void *library, const char *name) { return dlsym(library, name); }
