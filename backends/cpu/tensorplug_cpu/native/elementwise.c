/* Runs a contiguous inner loop over operands of any strides, broadcasting and half-width dtypes.
 *
 * The index space (collapsed and ordered by `tensorplug_cpu.elementwise`) is walked in row-major order in blocks that
 * stay in the first-level cache. An operand that is contiguous there is passed as it is; others are gathered into a
 * block buffer first, or scattered from one afterwards. Large results are written past the caches. */
#include "halves.h"
#include "parallel.h"
#include "strided.h"

#include <stdatomic.h>

enum { MAX_OPERANDS = 24, MAX_STATIC = 8, SCRATCH = TP_ELEMENTWISE_SCRATCH, LINE = TP_ELEMENTWISE_LINE };

typedef int32_t (*Loop)(void *const *data, const int64_t *params);

/* How an operand reaches the inner loop. The numbers are shared with tensorplug_cpu/elementwise.py. */
enum {
    LINEAR = 1,    /* contiguous over the whole index space */
    ROW = 2,       /* contiguous along the innermost dimension */
    CONSTANT = 4,  /* the same values in every block: gathered once */
    STREAMED = 8,  /* a result written with non-temporal stores */
};

typedef struct {
    int64_t flags, code, itemsize; /* code: the dtype's, where float16 and bfloat16 are converted */
    const int64_t *strides;        /* bytes */
} Operand;

typedef struct {
    Loop loop;
    int64_t outputs, tensors, dynamic, statics, ndim, total, grain, block, row_mode;
    const int64_t *sizes, *static_values;
    Operand operands[MAX_OPERANDS];
    void *const *data;
    _Atomic int32_t error;
} Call;

static inline bool is_half(const Operand *operand) {
    return operand->code == TP_FLOAT16 || operand->code == TP_BFLOAT16;
}

static inline int64_t width(const Operand *operand) { return is_half(operand) ? 4 : operand->itemsize; }

static inline void gather(const Call *call, const Operand *operand, const char *tensor, char *buffer,
                          const int64_t *index, int64_t n) {
    tp_copy_walk((int)call->ndim, call->sizes, buffer, NULL, tensor, operand->strides, index, n, operand->itemsize);
}

static void run_range(void *context, int64_t begin, int64_t end) {
    Call *const call = context;
    const int count = (int)(call->outputs + call->tensors), ndim = (int)call->ndim, last = ndim - 1;
    const int64_t inner = call->sizes[last];
    _Alignas(LINE) char scratch[SCRATCH];
    char *buffers[MAX_OPERANDS] = {0}, *raw = NULL;
    void *pointers[MAX_OPERANDS];
    int64_t room[sizeof(tp_loop_params) / sizeof(int64_t) + MAX_STATIC], used = 0;
    tp_loop_params *const params = (void *)room;
    bool streamed = false;
    for (int k = 0; k < count; k++) {
        const Operand *operand = &call->operands[k];
        bool direct = !is_half(operand) && (operand->flags & (LINEAR | (call->row_mode ? ROW : 0)))
                      && !(operand->flags & STREAMED);
        if (!direct) {
            buffers[k] = scratch + used;
            used += (call->block * width(operand) + LINE - 1) / LINE * LINE;
        }
        streamed |= (operand->flags & STREAMED) != 0;
    }
    raw = scratch + used;
    for (int64_t k = 0; k < call->dynamic; k++)
        pointers[count + k] = call->data[count + k];
    for (int64_t k = 0; k < call->statics; k++)
        params->numbers[k] = call->static_values[k];

    int64_t filled = 0; /* elements of the constant buffers that hold their values */
    for (int64_t first = begin, n; first < end; first += n) {
        int64_t index[TP_MAX_DIMS];
        tp_unravel(first, ndim, call->sizes, index);
        n = end - first < call->block ? end - first : call->block;
        if (call->row_mode && n > inner - index[last])
            n = inner - index[last];
        for (int k = 0; k < count; k++) {
            const Operand *operand = &call->operands[k];
            char *base = call->data[k];
            bool linear = operand->flags & LINEAR;
            if (linear)
                base += first * operand->itemsize;
            if (!buffers[k]) {
                pointers[k] = linear ? base : base + tp_offset(ndim, operand->strides, index);
                continue;
            }
            pointers[k] = buffers[k];
            if (k < call->outputs || ((operand->flags & CONSTANT) && n <= filled))
                continue;
            if (!is_half(operand))
                gather(call, operand, call->data[k], buffers[k], index, n);
            else if (linear)
                tp_widen((float *)buffers[k], (const uint16_t *)base, n, (int)operand->code);
            else {
                gather(call, operand, call->data[k], raw, index, n);
                tp_widen((float *)buffers[k], (const uint16_t *)raw, n, (int)operand->code);
            }
        }
        filled = n > filled ? n : filled;
        params->count = n;
        int32_t code = call->loop(pointers, room);
        if (code) {
            atomic_store(&call->error, code);
            return;
        }
        for (int k = 0; k < call->outputs; k++) {
            const Operand *operand = &call->operands[k];
            if (!buffers[k])
                continue;
            bool linear = operand->flags & LINEAR;
            char *target = (char *)call->data[k] + first * operand->itemsize, *source = buffers[k];
            if (is_half(operand)) {
                char *narrow = linear && !(operand->flags & STREAMED) ? target : raw;
                tp_narrow((uint16_t *)narrow, (const float *)source, n, (int)operand->code);
                if (narrow == target)
                    continue;
                source = raw;
            }
            if (linear)
                tp_stream(target, source, n * operand->itemsize);
            else
                tp_copy_walk(ndim, call->sizes, call->data[k], operand->strides, source, NULL, index, n,
                             operand->itemsize);
        }
    }
    if (streamed)
        tp_stream_end();
}

int32_t tp_elementwise(void *const *data, const int64_t *params) {
    const tp_elementwise_params *p = (const void *)params;
    Call call = {.loop = (Loop)(intptr_t)p->loop, .outputs = p->outputs, .tensors = p->tensors, .dynamic = p->dynamic,
                 .statics = p->statics, .ndim = p->ndim, .total = p->total, .grain = p->grain, .block = p->block,
                 .row_mode = p->row_mode, .sizes = p->sizes, .data = data};
    const int64_t *next = p->sizes + call.ndim, count = call.outputs + call.tensors;
    for (int64_t k = 0; k < count; k++) {
        const tp_elementwise_operand_params *operand = (const void *)next;
        next = operand->strides + call.ndim;
        call.operands[k] = (Operand){.flags = operand->flags, .code = operand->code, .itemsize = operand->itemsize,
                                     .strides = operand->strides};
        if (k >= call.outputs)
            continue;
        for (int64_t other = call.outputs; other < count; other++)
            if (data[other] == data[k]) /* in place: its lines are in the cache already */
                call.operands[k].flags &= ~(int64_t)STREAMED;
    }
    call.static_values = next;
    tp_parallel_for(call.total, call.grain, run_range, &call);
    return atomic_load(&call.error);
}
