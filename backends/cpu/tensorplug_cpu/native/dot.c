/* Products of bytes: see dot.h. The instruction sets are asked for at run time, not at build time. */
#include "dot.h"

#include <string.h>

#if defined(__x86_64__) && defined(__AVX512BW__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define HAS_VECTORS 1
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define HAS_VECTORS 0
#endif

#if HAS_VECTORS

static int detected(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c >> 11 & 1)) /* AVX512-VNNI */
        return DOT_PLAIN;
    enum { AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25, REQUEST = 0x1023, TILE_DATA = 18 };
    if ((d & AMX_TILE) && (d & AMX_INT8) && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0)
        return DOT_AMX;
    return DOT_VNNI;
}

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

/* 8 rows and 32 positions at a time: 16 sums, which with the operands fill 19 of 32 registers. */
VNNI static void dot_vnni(const int8_t *weight, int64_t stride, int rows, const uint8_t *panel, int64_t k,
                          int32_t (*sums)[PANEL]) {
    for (int p = 0; p < PANEL; p += 32)
        for (int r = 0; r < rows; r += 8) {
            __m512i s[8][2];
            const int8_t *w[8];
            for (int i = 0; i < 8; i++) {
                s[i][0] = s[i][1] = _mm512_setzero_si512();
                w[i] = weight + (r + i < rows ? r + i : rows - 1) * stride;
            }
            const uint8_t *x = panel + 4 * p;
            for (int64_t q = 0; q < k; q += 4, x += 4 * PANEL) {
                const __m512i x0 = _mm512_loadu_si512(x), x1 = _mm512_loadu_si512(x + 64);
#pragma GCC unroll 8
                for (int i = 0; i < 8; i++) {
                    int32_t four;
                    memcpy(&four, w[i] + q, 4);
                    const __m512i v = _mm512_set1_epi32(four);
                    s[i][0] = _mm512_dpbusd_epi32(s[i][0], x0, v);
                    s[i][1] = _mm512_dpbusd_epi32(s[i][1], x1, v);
                }
            }
            for (int i = 0; i < 8 && r + i < rows; i++) {
                _mm512_storeu_si512(sums[r + i] + p, s[i][0]);
                _mm512_storeu_si512(sums[r + i] + p + 16, s[i][1]);
            }
        }
}

#define AMX __attribute__((target("avx512f,amx-tile,amx-int8")))

/* Tiles 0 to 3: sums of 2 x 2 blocks of 16 rows and 16 positions; 4 and 5: weights; 6 and 7: positions. */
AMX static void dot_amx(const int8_t *weight, int64_t stride, const uint8_t *panel, int64_t k,
                        int32_t (*sums)[PANEL]) {
    const int8_t *below = weight + 16 * stride;
    for (int p = 0; p < PANEL; p += 32) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        const uint8_t *x = panel + 4 * p;
        for (int64_t q = 0; q < k; q += STEP, x += STEP * PANEL) {
            _tile_loadd(6, x, 4 * PANEL);
            _tile_loadd(7, x + 64, 4 * PANEL);
            _tile_loadd(4, weight + q, stride);
            _tile_loadd(5, below + q, stride);
            _tile_dpbsud(0, 4, 6);
            _tile_dpbsud(1, 4, 7);
            _tile_dpbsud(2, 5, 6);
            _tile_dpbsud(3, 5, 7);
        }
        _tile_stored(0, sums[0] + p, 4 * PANEL);
        _tile_stored(1, sums[0] + p + 16, 4 * PANEL);
        _tile_stored(2, sums[16] + p, 4 * PANEL);
        _tile_stored(3, sums[16] + p + 16, 4 * PANEL);
    }
}

typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} Tiles;

/* In memory for good: the intrinsic tells the compiler of the first eight bytes only. */
static const Tiles TILES __attribute__((aligned(64))) = {
    .palette = 1,
    .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

AMX static void configure(void) { _tile_loadconfig(&TILES); }

AMX static void release(void) { _tile_release(); }

#endif

static void dot_plain(const int8_t *weight, int64_t stride, int rows, const uint8_t *panel, int64_t k,
                      int32_t (*sums)[PANEL]) {
    for (int r = 0; r < rows; r++) {
        int32_t *s = sums[r];
        memset(s, 0, sizeof *sums);
        const int8_t *w = weight + r * stride;
        const uint8_t *x = panel;
        for (int64_t q = 0; q < k; q += 4, x += 4 * PANEL) {
            const int32_t a = w[q], b = w[q + 1], c = w[q + 2], d = w[q + 3];
            for (int p = 0; p < PANEL; p++)
                s[p] += a * x[4 * p] + b * x[4 * p + 1] + c * x[4 * p + 2] + d * x[4 * p + 3];
        }
    }
}

int32_t tp_dot_level(void) {
#if HAS_VECTORS
    static _Atomic int known = -1;
    if (known < 0)
        known = detected();
    return known;
#else
    return DOT_PLAIN;
#endif
}

void tp_dot_begin(int level) {
#if HAS_VECTORS
    if (level == DOT_AMX)
        configure();
#endif
}

void tp_dot_end(int level) {
#if HAS_VECTORS
    if (level == DOT_AMX)
        release();
#endif
}

void tp_dot(int level, const int8_t *weight, int64_t stride, int rows, const uint8_t *panel, int64_t k,
            int32_t (*sums)[PANEL]) {
#if HAS_VECTORS
    if (level == DOT_AMX && rows == ROWS) {
        dot_amx(weight, stride, panel, k, sums);
        return;
    }
    if (level >= DOT_VNNI) {
        dot_vnni(weight, stride, rows, panel, k, sums);
        return;
    }
#endif
    dot_plain(weight, stride, rows, panel, k, sums);
}
