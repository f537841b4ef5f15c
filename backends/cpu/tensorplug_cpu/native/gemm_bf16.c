/* Products of float32 matrices whose values are bfloat16 numbers, on processors that multiply those themselves: by AMX
 * tiles, or by AVX512-BF16. Blocks are packed as pairs of bfloat16 along k; sums are float32. */
#include "gemm.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__AVX512F__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIDE = TP_BF16_SIDE, PANEL = TP_BF16_PANEL, STEP = TP_BF16_STEP, PAIRS = STEP / 2 };
enum { MB = TP_BF16_ROWS, NB = TP_BF16_COLUMNS, KB = TP_BF16_INNER };
enum { UNKNOWN, NEITHER, DOT, TILES };
static const int64_t SMALLEST = TP_BF16_SMALLEST;

typedef struct __attribute__((packed)) {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} TileConfig;

static _Atomic int limit = TILES;

static int processor(void) {
    static _Atomic int known = UNKNOWN;
    int found = known;
    if (found != UNKNOWN)
        return found;
    unsigned a, b, c, d, low, high;
    found = NEITHER;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 5 & 1)
        found = DOT;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    bool kept = (low >> 17 & 3) == 3; /* the system keeps the tiles of a thread */
    if (kept && __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 22 & 1 && d >> 24 & 1
        && !syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18))
        found = TILES;
    known = found;
    return found;
}

static inline uint32_t pair(const float *low, const float *high) {
    uint32_t x = 0, y = 0;
    if (low)
        memcpy(&x, low, 4);
    if (high)
        memcpy(&y, high, 4);
    return x >> 16 | (y & 0xffff0000u);
}

/* Rows (of `rs` elements) of a block [rows, k] as panels of 16 rows: for every 32 of k, 16 rows of 16 pairs. */
static void pack_rows(uint32_t *to, const float *from, int64_t rows, int64_t k, int64_t rs, int64_t cs) {
    for (int64_t i0 = 0; i0 < rows; i0 += PANEL)
        for (int64_t l0 = 0; l0 < k; l0 += STEP)
            for (int64_t i = i0; i < i0 + PANEL; i++, to += PAIRS) {
                const float *line = from + i * rs + l0 * cs;
                if (i >= rows) {
                    memset(to, 0, PAIRS * sizeof *to);
                } else if (l0 + STEP <= k) {
                    for (int p = 0; p < PAIRS; p++)
                        to[p] = pair(line + 2 * p * cs, line + (2 * p + 1) * cs);
                } else {
                    for (int p = 0; p < PAIRS; p++)
                        to[p] = pair(l0 + 2 * p < k ? line + 2 * p * cs : NULL,
                                     l0 + 2 * p + 1 < k ? line + (2 * p + 1) * cs : NULL);
                }
            }
}

/* A block [k, columns] as panels of 16 columns: for every 32 of k, 16 pairs of 16 columns. */
static void pack_columns(uint32_t *to, const float *from, int64_t k, int64_t columns, int64_t rs, int64_t cs) {
    for (int64_t j0 = 0; j0 < columns; j0 += PANEL)
        for (int64_t l0 = 0; l0 < k; l0 += STEP)
            for (int64_t l = l0; l < l0 + STEP; l += 2, to += PANEL) {
                const float *low = from + l * rs + j0 * cs, *high = low + rs;
                if (l + 1 < k && j0 + PANEL <= columns) {
                    if (cs == 1)
                        for (int j = 0; j < PANEL; j++)
                            to[j] = pair(low + j, high + j);
                    else
                        for (int j = 0; j < PANEL; j++)
                            to[j] = pair(low + j * cs, high + j * cs);
                } else {
                    for (int j = 0; j < PANEL; j++)
                        to[j] = pair(l < k && j0 + j < columns ? low + j * cs : NULL,
                                     l + 1 < k && j0 + j < columns ? high + j * cs : NULL);
                }
            }
}

/* c[32, 32] = two panels of rows times two panels of columns, over `steps` times 32 of k. */
typedef void (*Square)(float *c, const uint32_t *a, const uint32_t *b, int64_t steps);

__attribute__((target("amx-tile,amx-bf16"))) static void square_tiles(float *c, const uint32_t *a, const uint32_t *b,
                                                                      int64_t steps) {
    const int64_t panel = steps * PANEL * PAIRS;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t s = 0; s < steps; s++) {
        _tile_loadd(4, a + s * PANEL * PAIRS, PAIRS * 4);
        _tile_loadd(5, a + panel + s * PANEL * PAIRS, PAIRS * 4);
        _tile_loadd(6, b + s * PANEL * PAIRS, PANEL * 4);
        _tile_loadd(7, b + panel + s * PANEL * PAIRS, PANEL * 4);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, SIDE * 4);
    _tile_stored(1, c + PANEL, SIDE * 4);
    _tile_stored(2, c + PANEL * SIDE, SIDE * 4);
    _tile_stored(3, c + PANEL * SIDE + PANEL, SIDE * 4);
}

__attribute__((target("avx512f,avx512bf16"))) static void square_dot(float *c, const uint32_t *a, const uint32_t *b,
                                                                     int64_t steps) {
    enum { ROWS = 8 };
    const int64_t panel = steps * PANEL * PAIRS;
    for (int r0 = 0; r0 < SIDE; r0 += ROWS) {
        const uint32_t *rows = a + r0 / PANEL * panel + r0 % PANEL * PAIRS;
        __m512 left[ROWS], right[ROWS];
        for (int r = 0; r < ROWS; r++)
            left[r] = right[r] = _mm512_setzero_ps();
        for (int64_t s = 0; s < steps; s++)
            for (int p = 0; p < PAIRS; p++) {
                const uint32_t *line = b + s * PANEL * PAIRS + p * PANEL;
                __m512bh x = (__m512bh)_mm512_loadu_si512(line), y = (__m512bh)_mm512_loadu_si512(line + panel);
#pragma GCC unroll 8
                for (int r = 0; r < ROWS; r++) {
                    __m512bh v = (__m512bh)_mm512_set1_epi32((int)rows[s * PANEL * PAIRS + r * PAIRS + p]);
                    left[r] = _mm512_dpbf16_ps(left[r], v, x);
                    right[r] = _mm512_dpbf16_ps(right[r], v, y);
                }
            }
        for (int r = 0; r < ROWS; r++) {
            _mm512_storeu_ps(c + (r0 + r) * SIDE, left[r]);
            _mm512_storeu_ps(c + (r0 + r) * SIDE + PANEL, right[r]);
        }
    }
}

__attribute__((target("amx-tile"))) static void open_tiles(void) {
    TileConfig config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.rows[i] = PANEL;
        config.bytes[i] = 64;
    }
    __asm__ volatile("" : : "r"(&config) : "memory"); /* the intrinsic tells the compiler of 8 bytes only */
    _tile_loadconfig(&config);
}

__attribute__((target("amx-tile"))) static void close_tiles(void) { _tile_release(); }

static inline int64_t up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

/* Adds a square to C, or writes it there. */
static void put(const TpGemm *p, int64_t i, int64_t j, const float *square, bool add) {
    int64_t rows = tp_min64(SIDE, p->m - i), columns = tp_min64(SIDE, p->n - j);
    for (int64_t r = 0; r < rows; r++) {
        float *line = (float *)p->c + (i + r) * p->ldc + j;
        for (int64_t c = 0; c < columns; c++)
            line[c] = add ? line[c] + square[r * SIDE + c] : square[r * SIDE + c];
    }
}

int tp_limit_bf16(int kind) {
    limit = kind;
    return processor() < kind ? processor() : kind;
}

int32_t tp_gemm_bf16_units(const TpGemm *p) {
    int kind = p->m * p->n * p->k < SMALLEST || p->m < SIDE || p->n < SIDE ? NEITHER : processor();
    if (kind > limit)
        kind = limit;
    if (kind == NEITHER)
        return TP_NO_UNITS;
    uint32_t *memory = aligned_alloc(64, sizeof(uint32_t) * (size_t)(MB * KB / 2 + NB * KB / 2 + SIDE * SIDE));
    if (!memory)
        return TP_OUT_OF_MEMORY;
    uint32_t *a = memory, *b = a + MB * KB / 2;
    float *square = (float *)(b + NB * KB / 2);
    Square multiply = kind == TILES ? square_tiles : square_dot;
    for (int64_t i = 0; p->bias && i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++)
            ((float *)p->c)[i * p->ldc + j] = ((const float *)p->bias)[i * p->bias_rs + j * p->bias_cs];
    if (kind == TILES)
        open_tiles();
    for (int64_t l0 = 0; l0 < p->k; l0 += KB) {
        int64_t kb = tp_min64(KB, p->k - l0), steps = up(kb, STEP) / STEP, panel = steps * PANEL * PAIRS;
        bool add = p->accumulate || p->bias || l0;
        for (int64_t j0 = 0; j0 < p->n; j0 += NB) {
            int64_t nb = tp_min64(NB, p->n - j0);
            pack_columns(b, (const float *)p->b + l0 * p->b_rs + j0 * p->b_cs, kb, nb, p->b_rs, p->b_cs);
            if (up(nb, SIDE) != up(nb, PANEL))
                memset(b + up(nb, PANEL) / PANEL * panel, 0, (size_t)panel * sizeof *b);
            for (int64_t i0 = 0; i0 < p->m; i0 += MB) {
                int64_t mb = tp_min64(MB, p->m - i0);
                pack_rows(a, (const float *)p->a + i0 * p->a_rs + l0 * p->a_cs, mb, kb, p->a_rs, p->a_cs);
                if (up(mb, SIDE) != up(mb, PANEL))
                    memset(a + up(mb, PANEL) / PANEL * panel, 0, (size_t)panel * sizeof *a);
                for (int64_t i = 0; i < mb; i += SIDE)
                    for (int64_t j = 0; j < nb; j += SIDE) {
                        multiply(square, a + i / PANEL * panel, b + j / PANEL * panel, steps);
                        put(p, i0 + i, j0 + j, square, add);
                    }
            }
        }
    }
    if (kind == TILES)
        close_tiles();
    free(memory);
    return TP_OK;
}

#else

int tp_limit_bf16(int kind) { return 1; }

int32_t tp_gemm_bf16_units(const TpGemm *p) { return TP_NO_UNITS; }

#endif
