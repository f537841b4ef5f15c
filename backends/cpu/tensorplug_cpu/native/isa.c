/* Which of the libraries this processor can run. Any of them can be asked, so that this file itself must run anywhere. */
#include <stdint.h>

/* 2, 3 or 4: the x86-64 level; 0 on other architectures. */
#if defined(__x86_64__)
__attribute__((target("arch=x86-64")))
#endif
int32_t tp_isa_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
          && __builtin_cpu_supports("bmi2")))
        return 2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return 4;
    return 3;
#else
    return 0;
#endif
}
