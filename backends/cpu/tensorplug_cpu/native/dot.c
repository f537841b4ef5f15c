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
VNNI static void dot_vnni(const int8_t *weight, int64_t stride, int rows, const TpPositions *of, int count,
                          int32_t (*sums)[PANEL]) {
    for (int p = 0; p < count; p += 32)
        for (int r = 0; r < rows; r += 8) {
            __m512i s[8][2];
            const int8_t *w[8];
            for (int i = 0; i < 8; i++) {
                s[i][0] = s[i][1] = _mm512_setzero_si512();
                w[i] = weight + (r + i < rows ? r + i : rows - 1) * stride;
            }
            int64_t k = 0;
            for (int64_t t = 0; t < of->taps; t++) {
                const uint8_t *x = of->x[t] + 4 * p;
                for (int64_t end = k + of->step; k < end; k += 4, x += of->fours) {
                    const __m512i x0 = _mm512_loadu_si512(x), x1 = _mm512_loadu_si512(x + 64);
#pragma GCC unroll 8
                    for (int i = 0; i < 8; i++) {
                        int32_t four;
                        memcpy(&four, w[i] + k, 4);
                        const __m512i v = _mm512_set1_epi32(four);
                        s[i][0] = _mm512_dpbusd_epi32(s[i][0], x0, v);
                        s[i][1] = _mm512_dpbusd_epi32(s[i][1], x1, v);
                    }
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
AMX static void dot_amx(const int8_t *weight, int64_t stride, const TpPositions *of, int count,
                        int32_t (*sums)[PANEL]) {
    const int8_t *below = weight + 16 * stride;
    for (int p = 0; p < count; p += 32) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        int64_t k = 0;
        for (int64_t t = 0; t < of->taps; t++) {
            const uint8_t *x = of->x[t] + 4 * p;
            for (int64_t end = k + of->step; k < end; k += STEP, x += STEP / 4 * of->fours) {
                _tile_loadd(6, x, of->fours);
                _tile_loadd(7, x + 64, of->fours);
                _tile_loadd(4, weight + k, stride);
                _tile_loadd(5, below + k, stride);
                _tile_dpbsud(0, 4, 6);
                _tile_dpbsud(1, 4, 7);
                _tile_dpbsud(2, 5, 6);
                _tile_dpbsud(3, 5, 7);
            }
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

static void dot_plain(const int8_t *weight, int64_t stride, int rows, const TpPositions *of, int count,
                      int32_t (*sums)[PANEL]) {
    for (int r = 0; r < rows; r++) {
        int32_t *s = sums[r];
        memset(s, 0, sizeof *sums);
        const int8_t *w = weight + r * stride;
        for (int64_t t = 0; t < of->taps; t++) {
            const uint8_t *x = of->x[t];
            for (int64_t q = 0; q < of->step; q += 4, w += 4, x += of->fours) {
                const int32_t a = w[0], b = w[1], c = w[2], d = w[3];
                for (int p = 0; p < count; p++)
                    s[p] += a * x[4 * p] + b * x[4 * p + 1] + c * x[4 * p + 2] + d * x[4 * p + 3];
            }
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

void tp_dot(int level, const int8_t *weight, int64_t stride, int rows, const TpPositions *positions, int count,
            int32_t (*sums)[PANEL]) {
#if HAS_VECTORS
    if (level == DOT_AMX && rows == ROWS) {
        dot_amx(weight, stride, positions, count, sums);
        return;
    }
    if (level >= DOT_VNNI) {
        dot_vnni(weight, stride, rows, positions, count, sums);
        return;
    }
#endif
    dot_plain(weight, stride, rows, positions, count, sums);
}

#if HAS_VECTORS

/* A square of 16 in four rounds of exchanges. */
static void transpose_16(const int32_t *from, int64_t from_stride, int32_t *to, int64_t to_stride) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i++)
        a[i] = _mm512_loadu_si512(from + i * from_stride);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        b[i] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0x88);
        b[i + 4] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0xDD);
        b[i + 8] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0x88);
        b[i + 12] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0xDD);
    }
    for (int i = 0; i < 4; i++) {
        _mm512_storeu_si512(to + i * to_stride, _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88));
        _mm512_storeu_si512(to + (i + 8) * to_stride, _mm512_shuffle_i32x4(b[i], b[i + 8], 0xDD));
        _mm512_storeu_si512(to + (i + 4) * to_stride, _mm512_shuffle_i32x4(b[i + 4], b[i + 12], 0x88));
        _mm512_storeu_si512(to + (i + 12) * to_stride, _mm512_shuffle_i32x4(b[i + 4], b[i + 12], 0xDD));
    }
}

void tp_dot_transpose(const int32_t (*sums)[PANEL], int32_t (*transposed)[ROWS], int count) {
    for (int p = 0; p < count; p += 16)
        for (int r = 0; r < ROWS; r += 16)
            transpose_16(sums[r] + p, PANEL, transposed[p] + r, ROWS);
}

#else

void tp_dot_transpose(const int32_t (*sums)[PANEL], int32_t (*transposed)[ROWS], int count) {
    for (int p = 0; p < count; p++)
        for (int r = 0; r < ROWS; r++)
            transposed[p][r] = sums[r][p];
}

#endif
