/* tensorplug-flags: -ffp-contract=fast
 * Random numbers from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). Word w of a
 * draw is word w % 4 of the block whose counter is w / 4 + offset; the key is the seed. See random.py. */
#include "element.h"
#include "mathfn.h"
#include "parallel.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

enum { BITS, UNIFORM, MASK, BERNOULLI, NORMAL, INTEGERS }; /* shared with random.py */
enum { CHUNK = TP_RANDOM_CHUNK, GRAIN = TP_RANDOM_GRAIN };

/* Words in 64-bit lanes, whose upper halves hold anything until the end: a product reads the lower halves alone. */
#if defined(__AVX512F__)
typedef uint64_t V __attribute__((vector_size(64)));
static inline V multiply(V a, V b) { return (V)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
typedef uint64_t V __attribute__((vector_size(32)));
static inline V multiply(V a, V b) { return (V)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
#else
typedef uint64_t V __attribute__((vector_size(16)));
#if defined(__SSE2__)
static inline V multiply(V a, V b) { return (V)_mm_mul_epu32((__m128i)a, (__m128i)b); }
#else
static inline V multiply(V a, V b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }
#endif
#endif
enum { LANES = sizeof(V) / 8, GROUP = 2 * 4 * LANES };

/* The words of 2 LANES blocks, from the one with this counter on. */
static void philox(uint64_t seed, uint64_t counter, uint32_t *words) {
    const uint64_t low = 0xffffffffu;
    V c[2][4] = {{{0}}}, k0 = (V){0} + seed, k1 = (V){0} + (seed >> 32);
    uint64_t counters[2][LANES];
    for (int i = 0; i < 2 * LANES; i++)
        counters[i / LANES][i % LANES] = counter + (uint64_t)i;
    for (int half = 0; half < 2; half++) {
        memcpy(&c[half][0], counters[half], sizeof(V));
        c[half][1] = c[half][0] >> 32;
    }
    for (int round = 0; round < 10; round++) {
        for (int half = 0; half < 2; half++) {
            V *x = c[half], p = multiply(x[0], (V){0} + 0xD2511F53u), q = multiply(x[2], (V){0} + 0xCD9E8D57u);
            x[0] = (q >> 32) ^ x[1] ^ k0;
            x[2] = (p >> 32) ^ x[3] ^ k1;
            x[1] = q;
            x[3] = p;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int half = 0; half < 2; half++, words += 4 * LANES) { /* little-endian, as all processors of this library */
        V first = (c[half][0] & low) | c[half][1] << 32, second = (c[half][2] & low) | c[half][3] << 32;
        for (int i = 0; i < LANES; i++) {
            uint64_t pair[2] = {first[i], second[i]};
            memcpy(words + 4 * i, pair, sizeof pair);
        }
    }
}

typedef struct {
    void *const *data;
    const tp_random_params *params;
    uint64_t seed, offset;
} Draw;

typedef struct {
    uint32_t words[2 * CHUNK + 2 * GROUP];
} Words;

/* n <= 2 CHUNK words from number `first` on */
static const uint32_t *draw(const Draw *d, Words *buffer, int64_t first, int64_t n) {
    int64_t before = first % 4;
    for (int64_t w = 0; w < before + n; w += GROUP)
        philox(d->seed, d->offset + (uint64_t)((first - before + w) / 4), buffer->words + w);
    return buffer->words + before;
}

static inline uint64_t two_words(const uint32_t *words, int64_t i) {
    return (words[2 * i] | (uint64_t)words[2 * i + 1] << 32) & 0x7fffffffffffffffu;
}

/* n uniform numbers from number `first` on, of as many bits as the dtype holds */
static void uniform_floats(const Draw *d, Words *buffer, int64_t first, int64_t n, int bits, float *out) {
    const uint32_t *words = draw(d, buffer, first, n), mask = (1u << bits) - 1;
    float scale = 1.0f / (float)(1u << bits);
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(int32_t)(words[i] & mask) * scale;
}

static void uniform_doubles(const Draw *d, Words *buffer, int64_t first, int64_t n, double *out) {
    const uint32_t *words = draw(d, buffer, 2 * first, 2 * n);
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)(int64_t)(two_words(words, i) & 0x1fffffffffffff) * 0x1p-53;
}

static int bits_of(int dtype) { return dtype == TP_FLOAT16 ? 11 : dtype == TP_BFLOAT16 ? 8 : 24; }

static void bits_chunk(const Draw *d, Words *buffer, int64_t first, int64_t n) {
    if (d->params->dtype == TP_INT32) {
        memcpy((uint32_t *)d->data[0] + first, draw(d, buffer, first, n), (size_t)n * 4);
    } else {
        int64_t *out = (int64_t *)d->data[0] + first;
        const uint32_t *words = draw(d, buffer, 2 * first, 2 * n);
        for (int64_t i = 0; i < n; i++)
            out[i] = (int64_t)two_words(words, i);
    }
}

static void uniform_chunk(const Draw *d, Words *buffer, int64_t first, int64_t n) {
    int dtype = (int)d->params->dtype;
    float values[CHUNK];
    if (dtype == TP_FLOAT64) {
        uniform_doubles(d, buffer, first, n, (double *)d->data[0] + first);
    } else if (dtype == TP_FLOAT32) {
        uniform_floats(d, buffer, first, n, 24, (float *)d->data[0] + first);
    } else {
        uniform_floats(d, buffer, first, n, bits_of(dtype), values);
        tp_store_floats((uint16_t *)d->data[0] + first, values, n, dtype);
    }
}

static void mask_chunk(const Draw *d, Words *buffer, int64_t first, int64_t n) {
    uint8_t *out = (uint8_t *)d->data[0] + first;
    float values[CHUNK], p = (float)tp_double_param(d->params->probability);
    uniform_floats(d, buffer, first, n, 24, values);
    for (int64_t i = 0; i < n; i++)
        out[i] = p <= values[i];
}

static void bernoulli_chunk(const Draw *d, Words *buffer, int64_t first, int64_t n) {
    int dtype = (int)d->params->dtype;
    if (dtype == TP_FLOAT64) {
        double values[CHUNK], *out = (double *)d->data[0] + first;
        const double *p = (const double *)d->data[1] + first;
        uniform_doubles(d, buffer, first, n, values);
        for (int64_t i = 0; i < n; i++)
            out[i] = values[i] < p[i];
    } else {
        int64_t at = first * tp_itemsize(dtype);
        float values[CHUNK], p[CHUNK];
        uniform_floats(d, buffer, first, n, 24, values);
        tp_load_floats(p, (const char *)d->data[1] + at, n, dtype);
        for (int64_t i = 0; i < n; i++)
            values[i] = values[i] < p[i] ? 1.0f : 0.0f;
        tp_store_floats((char *)d->data[0] + at, values, n, dtype);
    }
}

/* Box and Muller: uniform numbers i and half + i make the normal numbers i (cosine) and half + i (sine). */
static void normal_chunk(const Draw *d, Words *buffer, int64_t first, int64_t n) {
    int dtype = (int)d->params->dtype;
    int64_t count = d->params->count, half = (count + 1) / 2, both = tp_min64(n, count - half - first);
    if (dtype == TP_FLOAT64) {
        double u[CHUNK], v[CHUNK], *out = d->data[0];
        uniform_doubles(d, buffer, first, n, u);
        uniform_doubles(d, buffer, half + first, n, v);
        for (int64_t i = 0; i < n; i++) {
            double radius = sqrt(tpm_log_float64(1.0 - u[i]) * -2.0), angle = v[i] * 6.283185307179586;
            out[first + i] = radius * cos(angle);
            if (i < both)
                out[half + first + i] = radius * sin(angle);
        }
    } else {
        int64_t item = tp_itemsize(dtype);
        float u[CHUNK], v[CHUNK];
        uniform_floats(d, buffer, first, n, 24, u);
        uniform_floats(d, buffer, half + first, n, 24, v);
        for (int64_t i = 0; i < n; i++) {
            float radius = sqrtf(tpm_log_float32(1.0f - u[i]) * -2.0f), angle = v[i] * 6.283185307179586f;
            u[i] = radius * tpm_cos_float32(angle);
            v[i] = radius * tpm_sin_float32(angle);
        }
        tp_store_floats((char *)d->data[0] + first * item, u, n, dtype);
        tp_store_floats((char *)d->data[0] + (half + first) * item, v, both, dtype);
    }
}

static void integers_chunk(const Draw *d, Words *buffer, int64_t first, int64_t n) {
    int64_t low = d->params->low, values[CHUNK];
    uint64_t range = (uint64_t)d->params->range;
    const uint32_t *words = draw(d, buffer, 2 * first, 2 * n);
    for (int64_t i = 0; i < n; i++)
        values[i] = low + (int64_t)(two_words(words, i) % range);
#define STORE(T, CONVERTED)                                                                                         \
    for (int64_t i = 0; i < n; i++)                                                                                 \
        ((T *)d->data[0])[first + i] = CONVERTED;                                                                   \
    break
    switch (d->params->dtype) {
    case TP_BOOL: STORE(uint8_t, values[i] != 0);
    case TP_UINT8:
    case TP_INT8: STORE(uint8_t, (uint8_t)values[i]);
    case TP_INT16: STORE(uint16_t, (uint16_t)values[i]);
    case TP_INT32: STORE(uint32_t, (uint32_t)values[i]);
    case TP_INT64: STORE(int64_t, values[i]);
    case TP_FLOAT16: STORE(tp_half, tp_float_to_half((float)values[i]));
    case TP_BFLOAT16: STORE(tp_bfloat16, tp_float_to_bfloat16((float)values[i]));
    case TP_FLOAT32: STORE(float, (float)values[i]);
    default: STORE(double, (double)values[i]);
    }
#undef STORE
}

typedef void (*Chunk)(const Draw *, Words *, int64_t first, int64_t n);
static const Chunk chunks[] = {bits_chunk, uniform_chunk, mask_chunk, bernoulli_chunk, normal_chunk, integers_chunk};

static int64_t positions(const tp_random_params *params) {
    return params->function == NORMAL ? (params->count + 1) / 2 : params->count;
}

static void random_range(void *context, int64_t begin, int64_t end) {
    const Draw *d = context;
    int64_t total = positions(d->params);
    Words buffer;
    for (int64_t c = begin; c < end; c++)
        chunks[d->params->function](d, &buffer, c * CHUNK, tp_min64(CHUNK, total - c * CHUNK));
}

/* data: the dense result, the dense probabilities (BERNOULLI only), seed, offset */
int32_t tp_random(void *const *data, const int64_t *given) {
    const tp_random_params *params = (const void *)given;
    int at = params->function == BERNOULLI ? 2 : 1;
    Draw d = {.data = data, .params = params, .seed = *(const uint64_t *)data[at],
              .offset = *(const uint64_t *)data[at + 1]};
    tp_parallel_for((positions(params) + CHUNK - 1) / CHUNK, GRAIN, random_range, &d);
    return TP_OK;
}
