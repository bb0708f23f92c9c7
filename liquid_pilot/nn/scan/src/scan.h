/* The liquid scan: what Python and the kernels agree on. Every field is 8 bytes wide, so that Python can write the
 * struct with one struct.pack. Change LP_ABI (and ABI in library.py) with any change here. */
#ifndef LIQUID_PILOT_SCAN_H
#define LIQUID_PILOT_SCAN_H

#include <stdint.h>
#include <stdlib.h>

#define LP_ABI 3
#define LP_PAD 16        /* synapses of a target, and neurons, are padded to a multiple of this */
#define LP_BATCH_FROM 6  /* from this batch size on, vector lanes are samples; below, they are synapses */
#define LP_FEW 64        /* up to this many neurons a run of few samples allocates nothing */
#define LP_CHUNKS 32     /* partial gradients at most; their number never depends on the threads */

enum { LP_OK = 0, LP_BAD_ELAPSED = 1, LP_NO_MEMORY = 2 };

/* "Real" arrays are float or double as `real` (4 or 8) says. F features, N neurons, M outputs; S and R are the padded
 * numbers of sensory and recurrent synapses, Np is N padded. Pointers that may be null are marked 0. */
typedef struct {
    /* The layer. */
    int64_t set; /* of instructions: an index of lp_isa */
    int64_t real, inputs, neurons, outputs, sensory, recurrent, unfolds, softplus;
    double time_unit; /* durations of one unfold are elapsed * time_unit, in nominal times */
    double epsilon;
    /* The wiring: first padded synapse and number of synapses of every target (N), source of every padded one. */
    const int32_t *sensory_start, *sensory_count, *sensory_source;
    const int32_t *start, *count, *source;
    /* What parameters become (see pack.h); written by lp_pack, read by lp_forward and lp_backward. */
    void *packed;
    /* One run. */
    int64_t batch, steps, threads;
    const void *features;               /* (B, T, F), the last axis contiguous */
    int64_t batch_stride, step_stride;  /* of the features, in elements */
    const void *state;                  /* (B, N) */
    const void *elapsed;                /* (B, T), 0: nominal */
    void *result;                       /* (B, T, M) */
    void *last;                         /* (B, N) */
    void *states;                       /* (B, T, N), 0 */
    void *trace;                        /* the state before every unfold, 0: not kept */
    /* Gradients that come in, and those that go out. */
    const void *d_result, *d_last, *d_states;   /* 0 */
    void *d_features, *d_state, *d_elapsed;     /* 0 */
    int64_t d_parameters;               /* whether the parameters' gradients are wanted */
    /* Raw parameters, and their gradients (0): one value per existing synapse, neuron, input or output. */
    const void *raw[15];
    void *d_raw[15];
} lp_job;

/* The order in raw and d_raw. Maps may be absent (0). */
enum {
    LP_W, LP_MU, LP_SIGMA, LP_EREV, LP_SENSORY_W, LP_SENSORY_MU, LP_SENSORY_SIGMA, LP_SENSORY_EREV,
    LP_GLEAK, LP_VLEAK, LP_CM, LP_INPUT_W, LP_INPUT_B, LP_OUTPUT_W, LP_OUTPUT_B
};

/* One work unit: chunk `chunk` of `chunks`, consecutive samples. `partial` (backward only, may be 0) has lp_partials
 * doubles. Both return an LP_ code. */
typedef int (*lp_forward_unit)(const lp_job *, int64_t chunk, int64_t chunks);
typedef int (*lp_backward_unit)(const lp_job *, int64_t chunk, int64_t chunks, double *partial);

typedef struct {
    const char *name;
    int64_t width[2]; /* lanes of float and double */
    int (*pack[2])(const lp_job *);
    lp_forward_unit forward[2];
    lp_backward_unit backward[2];
    int (*unpack[2])(const lp_job *, const double *partials, int64_t chunks);
} lp_kernels;

static inline int64_t lp_padded(int64_t n) { return (n + LP_PAD - 1) / LP_PAD * LP_PAD; }

/* For vectors of any size; to be freed. Standard C wants a multiple of the alignment. */
static inline void *lp_memory(size_t bytes) { return aligned_alloc(64, bytes / 64 * 64 + 64); }

/* Whether samples are done one by one, a chunk each, rather than in blocks. */
static inline int lp_one_by_one(const lp_job *job) { return job->batch < LP_BATCH_FROM; }

/* Sums over time and samples that the parameters' gradients are made of: for every padded synapse the sums of dz,
 * dz * input, dA * s and dG * s; for every neuron dA, dG and dC; for every output dy * v and dy. */
static inline int64_t lp_partials(const lp_job *job) {
    return 4 * (job->sensory + job->recurrent) + 3 * lp_padded(job->neurons) + 2 * lp_padded(job->outputs);
}

#endif
