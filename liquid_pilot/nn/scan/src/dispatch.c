/* What Python calls: chooses the instruction set, divides the work among threads. */

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define LP_EXPORT __attribute__((visibility("default")))
#define LP_MOST_THREADS 64

#if defined(__x86_64__)
extern const lp_kernels lp_kernels_sse2, lp_kernels_avx2, lp_kernels_avx512;
#else
extern const lp_kernels lp_kernels_baseline;
#endif

/* The number of sets this machine can run; the best is last. */
static int available(const lp_kernels **sets) {
    int n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    sets[n++] = &lp_kernels_sse2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets[n++] = &lp_kernels_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"))
        sets[n++] = &lp_kernels_avx512;
#else
    sets[n++] = &lp_kernels_baseline;
#endif
    return n;
}

/* The job's set; the baseline where this machine has no such (Python asks lp_isa first). The widest vectors are left for
 * half of them when they would stay half empty: few samples, or one by one with few synapses a target. */
static const lp_kernels *kernels(const lp_job *job) {
    const lp_kernels *sets[3];
    int n = available(sets), set = job->set >= 0 && job->set < n ? (int)job->set : 0;
    int half_empty = lp_one_by_one(job) ? job->recurrent < 2 * LP_PAD * job->neurons
                                        : job->batch <= sets[n - 1]->width[job->real == 8] / 2;
    if (set == 2 && half_empty) set = 1;
    return sets[set];
}

LP_EXPORT int64_t lp_abi(void) { return LP_ABI; }

LP_EXPORT int64_t lp_job_size(void) { return (int64_t)sizeof(lp_job); }

/* The name of instruction set `index` (0: baseline), NULL when this machine has no such. */
LP_EXPORT const char *lp_isa(int64_t index) {
    const lp_kernels *sets[3];
    return index >= 0 && index < available(sets) ? sets[index]->name : NULL;
}

static int is_double(const lp_job *job) { return job->real == 8; }

/* Of samples: one of them, or as many as a vector has lanes. */
static int64_t blocks(const lp_job *job) {
    if (lp_one_by_one(job)) return job->batch;
    int64_t width = kernels(job)->width[is_double(job)];
    return (job->batch + width - 1) / width;
}

static int64_t chunks(const lp_job *job) {
    int64_t n = blocks(job);
    return n < LP_CHUNKS ? n : LP_CHUNKS;
}

LP_EXPORT int lp_pack(const lp_job *job) { return kernels(job)->pack[is_double(job)](job); }

/* The numbers that lp_pack writes. */
LP_EXPORT int64_t lp_packed_size(const lp_job *job) {
    return 4 * (job->sensory + job->recurrent) + 3 * lp_padded(job->neurons) + 2 * lp_padded(job->outputs);
}

/* The numbers in `trace`. */
LP_EXPORT int64_t lp_trace_size(const lp_job *job) {
    int64_t frames = blocks(job) * job->steps * job->unfolds;
    if (lp_one_by_one(job)) return frames * lp_padded(job->neurons);
    return frames * kernels(job)->width[is_double(job)] * job->neurons;
}

typedef struct {
    const lp_job *job;
    int64_t chunks, next;
    double *partials; /* NULL: forward */
    int backward, code;
} crew;

static void *work(void *argument) {
    crew *all = argument;
    const lp_kernels *with = kernels(all->job);
    int kind = is_double(all->job);
    for (;;) {
        int64_t chunk = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED);
        if (chunk >= all->chunks) return NULL;
        double *partial = all->partials ? all->partials + chunk * lp_partials(all->job) : NULL;
        int code = all->backward ? with->backward[kind](all->job, chunk, all->chunks, partial)
                                 : with->forward[kind](all->job, chunk, all->chunks);
        if (code != LP_OK) __atomic_store_n(&all->code, code, __ATOMIC_RELAXED);
    }
}

/* Threads live for one call: they cost some 20 us, small work has none, and a fork finds no pool to inherit. A thread
 * that cannot be had is done without. */
static int run(crew *all) {
    pthread_t helpers[LP_MOST_THREADS];
    int64_t wanted = all->job->threads < all->chunks ? all->job->threads : all->chunks, started = 0;
    if (wanted > LP_MOST_THREADS) wanted = LP_MOST_THREADS;
    while (started < wanted - 1 && pthread_create(&helpers[started], NULL, work, all) == 0) started++;
    work(all);
    for (int64_t k = 0; k < started; k++) pthread_join(helpers[k], NULL);
    return all->code;
}

static int elapsed_ok(const lp_job *job) {
    int64_t n = job->batch * job->steps;
    int good = 1;
    if (!job->elapsed) return 1;
    if (is_double(job)) {
        for (const double *p = job->elapsed, *end = p + n; p < end; p++) good &= *p >= 0 && *p < INFINITY;
    } else {
        for (const float *p = job->elapsed, *end = p + n; p < end; p++) good &= *p >= 0 && *p < INFINITY;
    }
    return good;
}

LP_EXPORT int lp_forward(const lp_job *job) {
    if (!elapsed_ok(job)) return LP_BAD_ELAPSED;
    crew all = {.job = job, .chunks = chunks(job)};
    return run(&all);
}

LP_EXPORT int lp_backward(const lp_job *job) {
    crew all = {.job = job, .chunks = chunks(job), .backward = 1};
    if (job->d_parameters) {
        all.partials = calloc((size_t)(all.chunks * lp_partials(job)), sizeof(double));
        if (!all.partials) return LP_NO_MEMORY;
    }
    int code = run(&all);
    if (code == LP_OK && job->d_parameters)
        code = kernels(job)->unpack[is_double(job)](job, all.partials, all.chunks);
    free(all.partials);
    return code;
}
