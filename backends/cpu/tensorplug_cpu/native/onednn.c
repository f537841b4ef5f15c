/* Runs primitives of oneDNN, each on one thread, over this backend's own pool. The library is loaded by Python and hands
 * over the addresses of its functions (see onednn/library.py), so that nothing here needs its headers. */
#include "element.h"
#include "parallel.h"

#include <stdlib.h>

enum { ARGUMENTS = 16, SCRATCHPAD = 80, ALIGNMENT = 4096, ONEDNN_OUT_OF_MEMORY = 1 };

typedef struct {
    int number;
    void *memory;
} Argument;

static struct {
    void *engine;
    int (*execute)(const void *primitive, void *stream, int count, const Argument *arguments);
    int (*memory_create)(void **memory, const void *descriptor, void *engine, void *address);
    int (*memory_destroy)(void *memory);
    int (*stream_create)(void **stream, void *engine, unsigned flags);
    int (*get_threads)(void);
    void (*set_threads)(int);
} onednn;

void tp_set_onednn(void *engine, void *const *functions) {
    onednn.engine = engine;
    memcpy(&onednn.execute, functions, 6 * sizeof *functions);
}

typedef struct {
    void *const *data;
    const tp_onednn_params *params;
    _Atomic int32_t status;
} Job;

/* Memory for scratch that a thread keeps. */
static void *thread_scratch(int64_t bytes) {
    static _Thread_local void *kept;
    static _Thread_local int64_t size;
    if (bytes > size) {
        free(kept);
        size = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        kept = aligned_alloc(ALIGNMENT, (size_t)size);
        if (!kept)
            size = 0;
    }
    return kept;
}

static int32_t run_task(const Job *job, const tp_onednn_task_params *task, void *stream) {
    Argument arguments[ARGUMENTS + 1];
    int count = (int)job->params->arguments, made = 0, status = 0;
    void *scratch = task->scratch ? thread_scratch(task->scratch) : NULL;
    if (task->scratch && !scratch)
        return TP_OUT_OF_MEMORY;
    for (const tp_onednn_argument_params *p = (const void *)task->arguments; made < count && !status; p++) {
        char *base = p->place < 0 ? NULL : job->data[p->place];
        arguments[made].number = (int)p->number;
        status = onednn.memory_create(&arguments[made].memory, (void *)p->descriptor, onednn.engine, base + p->offset);
        made += !status;
    }
    if (scratch && !status) {
        arguments[made].number = SCRATCHPAD;
        status = onednn.memory_create(&arguments[made].memory, (void *)task->scratch_descriptor, onednn.engine,
                                      scratch);
        made += !status;
    }
    if (!status)
        status = onednn.execute((void *)task->primitive, stream, made, arguments);
    while (made)
        onednn.memory_destroy(arguments[--made].memory);
    return status == ONEDNN_OUT_OF_MEMORY ? TP_OUT_OF_MEMORY : status ? TP_INTERNAL : TP_OK;
}

static void run_tasks(void *context, int64_t begin, int64_t end) {
    static _Thread_local void *stream;
    Job *job = context;
    const size_t length = sizeof(tp_onednn_task_params)
                          + (size_t)job->params->arguments * sizeof(tp_onednn_argument_params);
    int threads = onednn.get_threads();
    if (!stream && onednn.stream_create(&stream, onednn.engine, 1)) {
        job->status = TP_INTERNAL;
        return;
    }
    onednn.set_threads(1); /* OpenMP's number for this thread: this pool is the only one */
    for (int64_t i = begin; i < end; i++) {
        int32_t status = run_task(job, (const void *)((const char *)job->params->list + (size_t)i * length), stream);
        if (status)
            job->status = status;
    }
    onednn.set_threads(threads);
}

int32_t tp_onednn_run(void *const *data, const int64_t *given) {
    const tp_onednn_params *params = (const void *)given;
    Job job = {.data = data, .params = params};
    tp_parallel_for(params->tasks, params->grain, run_tasks, &job);
    return job.status;
}
