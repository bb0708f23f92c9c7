/* Everything for one REAL; leaves no macro of it behind. */
#include "lanes.h"
#include "pack.h"
#include "batch.h"
#include "single.h"

static int NAME(forward)(const lp_job *job, int64_t chunk, int64_t chunks) {
    return lp_one_by_one(job) ? NAME(single_forward)(job, chunk) : NAME(batch_forward)(job, chunk, chunks);
}

static int NAME(backward)(const lp_job *job, int64_t chunk, int64_t chunks, double *partial) {
    return lp_one_by_one(job) ? NAME(single_backward)(job, chunk, partial)
                              : NAME(batch_backward)(job, chunk, chunks, partial);
}

#undef W
#undef vec
#undef LN2
#undef BLOCK
#undef REAL
#undef INT
#undef NAME
#undef MAGIC
#undef MANTISSA
#undef EXPONENT
#undef TINY
#undef EXP2
#undef EXP2_DEGREE
#undef PICKED
#undef VMAX
#undef VMIN
#undef SELECT
