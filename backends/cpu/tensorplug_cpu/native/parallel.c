/* A pool of detached threads that share one job at a time.
 *
 * The caller works too and never waits for a thread that has not joined the job yet: a job is closed when its
 * range is used up, and only the threads inside it are waited for. Idle threads spin for as long as the next job
 * of a training step may take to come (a wake-up through the condition variable costs 10 us, on a virtual
 * machine 100), then sleep. A forked child starts with no threads and makes its own. */
#define _GNU_SOURCE
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_THREADS = 256, SPIN_MICROSECONDS = 500, PAUSES = 32, CHUNKS_PER_THREAD = 4 };

typedef struct {
    tp_range_fn fn;
    void *ctx;
    int64_t n, chunk;
    _Atomic int64_t next;
} Job;

static struct {
    pthread_mutex_t owner;   /* held by the thread whose job is running */
    pthread_mutex_t lock;    /* guards open, active, sleeping and waiting */
    pthread_cond_t wake, done;
    _Atomic uint64_t generation; /* rises by one with every job */
    bool open;               /* the job may be joined */
    _Atomic int active;      /* threads inside the job */
    int sleeping;
    bool waiting;            /* the owner sleeps until active is 0 */
    int started;             /* threads that exist */
    Job job;
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static _Atomic int wanted_threads; /* 0: not decided yet */
static _Thread_local bool inside;
static pthread_once_t fork_handler = PTHREAD_ONCE_INIT;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Spins while the condition holds, for a limited time. */
#define SPIN_WHILE(condition)                                                                                \
    do {                                                                                                     \
        for (int64_t end = 0; condition;) {                                                                  \
            for (int i = 0; i < PAUSES && (condition); i++)                                                  \
                relax();                                                                                     \
            sched_yield(); /* to whoever has work, if the processors are all taken */                        \
            int64_t now = microseconds();                                                                    \
            if (end == 0)                                                                                    \
                end = now + SPIN_MICROSECONDS;                                                               \
            else if (now >= end)                                                                             \
                break;                                                                                       \
        }                                                                                                    \
    } while (0)

static int default_threads(void) {
    static const char *const variables[] = {"TENSORPLUG_NUM_THREADS", "OMP_NUM_THREADS"};
    for (int i = 0; i < 2; i++) {
        const char *text = getenv(variables[i]);
        int value = text ? atoi(text) : 0;
        if (value > 0)
            return value;
    }
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int tp_get_num_threads(void) {
    int threads = atomic_load_explicit(&wanted_threads, memory_order_relaxed);
    if (threads == 0) {
        tp_set_num_threads(default_threads());
        threads = atomic_load(&wanted_threads);
    }
    return threads;
}

void tp_set_num_threads(int threads) {
    atomic_store(&wanted_threads, threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads);
}

static void after_fork_in_child(void) {
    pthread_mutex_init(&pool.owner, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.open = pool.waiting = inside = false;
    pool.sleeping = pool.started = 0;
    atomic_store(&pool.active, 0);
}

static void install_fork_handler(void) { pthread_atfork(NULL, NULL, after_fork_in_child); }

static void work(Job *job) {
    for (;;) {
        int64_t begin = atomic_fetch_add_explicit(&job->next, job->chunk, memory_order_relaxed);
        if (begin >= job->n)
            return;
        job->fn(job->ctx, begin, begin + job->chunk < job->n ? begin + job->chunk : job->n);
    }
}

static void *thread_main(void *argument) {
    int index = (int)(intptr_t)argument;
    uint64_t seen = 0;
    inside = true;
    for (;;) {
        SPIN_WHILE(atomic_load(&pool.generation) == seen);
        pthread_mutex_lock(&pool.lock);
        while (atomic_load(&pool.generation) == seen) {
            pool.sleeping++;
            pthread_cond_wait(&pool.wake, &pool.lock);
            pool.sleeping--;
        }
        seen = atomic_load(&pool.generation);
        bool joins = pool.open && index < tp_get_num_threads();
        if (joins)
            atomic_fetch_add(&pool.active, 1);
        pthread_mutex_unlock(&pool.lock);
        if (!joins)
            continue;
        work(&pool.job);
        if (atomic_fetch_sub(&pool.active, 1) == 1) {
            pthread_mutex_lock(&pool.lock);
            if (pool.waiting)
                pthread_cond_signal(&pool.done);
            pthread_mutex_unlock(&pool.lock);
        }
    }
    return NULL;
}

static void start_threads(int threads) {
    pthread_once(&fork_handler, install_fork_handler);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (pool.started < threads - 1) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, thread_main, (void *)(intptr_t)(pool.started + 1)) != 0)
            break; /* the caller and the threads that exist do the work */
        pool.started++;
    }
    pthread_attr_destroy(&attributes);
}

void tp_parallel_for(int64_t n, int64_t grain, tp_range_fn fn, void *ctx) {
    if (n <= 0)
        return;
    if (grain < 1)
        grain = 1;
    int threads = tp_get_num_threads();
    if (n <= grain || threads == 1 || inside || pthread_mutex_trylock(&pool.owner) != 0) {
        fn(ctx, 0, n);
        return;
    }
    inside = true;
    start_threads(threads);
    int64_t grains = (n + grain - 1) / grain, pieces = (int64_t)threads * CHUNKS_PER_THREAD;
    Job *job = &pool.job;
    job->fn = fn;
    job->ctx = ctx;
    job->n = n;
    job->chunk = (grains + pieces - 1) / pieces * grain;
    atomic_store(&job->next, 0);
    pthread_mutex_lock(&pool.lock);
    pool.open = true;
    atomic_fetch_add(&pool.generation, 1);
    if (pool.sleeping)
        pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);

    work(job);

    pthread_mutex_lock(&pool.lock);
    pool.open = false;
    pthread_mutex_unlock(&pool.lock);
    SPIN_WHILE(atomic_load(&pool.active) != 0);
    if (atomic_load(&pool.active) != 0) {
        pthread_mutex_lock(&pool.lock);
        pool.waiting = true;
        while (atomic_load(&pool.active) != 0)
            pthread_cond_wait(&pool.done, &pool.lock);
        pool.waiting = false;
        pthread_mutex_unlock(&pool.lock);
    }
    inside = false;
    pthread_mutex_unlock(&pool.owner);
}
