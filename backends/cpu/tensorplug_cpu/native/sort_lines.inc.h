/* What is done with a line: its keys, sorting or selecting, and the results. A template for sort.c, after
 * sort_pairs.inc.h and with its macros, PLACE(pair) and MAKE(key, place) besides. */

typedef struct {
    char *values;
    int64_t *places;
    const char *in;
    const tp_sort_params *params;
    _Atomic int32_t status;
} NAME(Job);

#if KEY_BYTES == 4
static inline uint32_t key_of_float(float x) {
    uint32_t bits = tp_bits_of_float(x == 0 ? 0.0f : x);
    return x != x ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
}
#else
static inline uint64_t key_of_double(double x) {
    uint64_t bits;
    x = x == 0 ? 0.0 : x;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? ~0ull : bits >> 63 ? ~bits : bits | 1ull << 63;
}
#endif

/* A line that begins at `in`, and its results from number `first` on. */
typedef struct {
    const NAME(Job) *job;
    PAIR *pairs;
    const char *in;
    int64_t first;
} NAME(Line);

static void NAME(fill)(void *context, int64_t begin, int64_t end) {
    const NAME(Line) *line = context;
    const tp_sort_params *p = line->job->params;
    const int64_t step = p->inner;
    const char *in = line->in;
    PAIR *x = line->pairs;
#define FILL(T, FOUND)                                                                                              \
    for (int64_t i = begin; i < end; i++) {                                                                         \
        const T value = ((const T *)in)[i * step];                                                                  \
        x[i] = MAKE(FOUND ^ flip, i);                                                                               \
    }                                                                                                               \
    break
#if KEY_BYTES == 4
    const uint32_t flip = p->descending ? 0xffffffffu : 0;
    switch (p->dtype) {
    case TP_BOOL:
    case TP_UINT8: FILL(uint8_t, (uint32_t)value);
    case TP_INT8: FILL(uint8_t, (uint32_t)(value ^ 0x80));
    case TP_INT16: FILL(uint16_t, (uint32_t)(value ^ 0x8000));
    case TP_INT32: FILL(uint32_t, (value ^ 0x80000000u));
    case TP_FLOAT16: FILL(tp_half, key_of_float(tp_half_to_float(value)));
    case TP_BFLOAT16: FILL(tp_bfloat16, key_of_float(tp_bfloat16_to_float(value)));
    default: FILL(float, key_of_float(value));
    }
#else
    const uint64_t flip = p->descending ? ~0ull : 0;
    switch (p->dtype) {
    case TP_INT64: FILL(uint64_t, (value ^ 1ull << 63));
    default: FILL(double, key_of_double(value));
    }
#endif
#undef FILL
}

static void NAME(write)(void *context, int64_t begin, int64_t end) {
    const NAME(Line) *line = context;
    const int64_t step = line->job->params->inner, item = tp_itemsize((int)line->job->params->dtype);
    const PAIR *found = line->pairs;
    for (int64_t i = begin; i < end; i++)
        line->job->places[line->first + i * step] = PLACE(found[i]);
    if (line->job->values)
        for (int64_t i = begin; i < end; i++) {
            char *to = line->job->values + (line->first + i * step) * item;
            const char *from = line->in + PLACE(found[i]) * step * item;
            switch (item) {
            case 1: *to = *from; break;
            case 2: memcpy(to, from, 2); break;
            case 4: memcpy(to, from, 4); break;
            default: memcpy(to, from, 8); break;
            }
        }
}

static void NAME(lines)(void *context, int64_t begin, int64_t end) {
    NAME(Job) *job = context;
    const tp_sort_params *p = job->params;
    const int64_t n = p->length, inner = p->inner, count = p->count;
    const int64_t item = tp_itemsize((int)p->dtype);
    PAIR *x = malloc(sizeof(PAIR) * (size_t)n), *spare = malloc(sizeof(PAIR) * (size_t)n);
    for (int64_t r = begin; r < end && x && spare; r++) {
        NAME(Line) line = {.job = job, .pairs = x, .in = job->in + (r / inner * n * inner + r % inner) * item,
                           .first = r / inner * count * inner + r % inner};
        tp_parallel_for(n, PIECE, NAME(fill), &line);
        PAIR kth;
        if (p->function == SORT || (p->function == TOPK && count > n / 4)) {
            line.pairs = NAME(sort)(x, spare, n);
        } else if (p->function == KTH) {
            kth = NAME(select)(x, n, p->kth, spare);
            line.pairs = &kth;
        } else if (count > 0) {
            NAME(select)(x, n, count, spare);
            line.pairs = NAME(sort)(spare, x, count);
        }
        if (line.pairs)
            tp_parallel_for(count, PIECE, NAME(write), &line);
        else
            job->status = TP_OUT_OF_MEMORY;
    }
    if (!x || !spare)
        job->status = TP_OUT_OF_MEMORY;
    free(x);
    free(spare);
}

static int32_t NAME(run)(void *const *data, const tp_sort_params *p) {
    NAME(Job) job = {.values = p->wants_values ? data[0] : NULL, .places = data[p->wants_values ? 1 : 0],
                     .in = data[p->wants_values ? 2 : 1], .params = p};
    int64_t lines = p->outer * p->inner;
    if (p->length == 0)
        return TP_OK;
    if (p->length >= 4 * PIECE && lines < tp_get_num_threads()) /* each line's pieces go to the threads */
        for (int64_t line = 0; line < lines; line++)
            NAME(lines)(&job, line, line + 1);
    else
        tp_parallel_for(lines, (GRAIN + p->length - 1) / p->length, NAME(lines), &job);
    return job.status;
}
