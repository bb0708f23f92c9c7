/* The scan for one instruction set: compiled once per set, with LP_ISA its name and LP_BYTES its vectors' size. */

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LP_CAT2(a, b) a##b
#define LP_CAT(a, b) LP_CAT2(a, b)

/* Minimax on [-1/2, 1/2], relative error 8e-8; the other is Taylor's, 2e-16. */
static const float EXP2_FLOAT[] = {1.0000000710297008f, 0.6931469491610711f, 0.2402212175355898f, 0.05550742615993503f,
                                   0.009675459745622762f, 0.0013266970388929988f};
static const double EXP2_DOUBLE[] = {1.0, 0.6931471805599453, 0.24022650695910072, 0.05550410866482158,
                                     0.009618129107628477, 0.0013333558146428443, 0.0001540353039338161,
                                     1.5252733804059841e-05, 1.321548679014431e-06, 1.01780860092397e-07,
                                     7.054911620801123e-09, 4.445538271870811e-10, 2.567843599348820e-11};

#define PICK1(k) p[index[k]]
#define PICK2(k) PICK1(k), PICK1(k + 1)
#define PICK4(k) PICK2(k), PICK2(k + 2)
#define PICK8(k) PICK4(k), PICK4(k + 4)
#define PICK16(k) PICK8(k), PICK8(k + 8)

#define REAL float
#define INT int32_t
#define NAME(x) LP_CAT(x, _f32)
#define MAGIC 12582912.0f
#define MANTISSA 23
#define EXPONENT 126.0f
#define TINY FLT_MIN
#define EXP2 EXP2_FLOAT
#define EXP2_DEGREE 5
#if LP_BYTES == 64
#define PICKED PICK16(0)
#define VMAX(a, b) ((vec)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define VMIN(a, b) ((vec)_mm512_min_ps((__m512)(a), (__m512)(b)))
#elif LP_BYTES == 32
#define PICKED PICK8(0)
#define VMAX(a, b) ((vec)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define VMIN(a, b) ((vec)_mm256_min_ps((__m256)(a), (__m256)(b)))
#elif defined(__x86_64__)
#define PICKED PICK4(0)
#define VMAX(a, b) ((vec)_mm_max_ps((__m128)(a), (__m128)(b)))
#define VMIN(a, b) ((vec)_mm_min_ps((__m128)(a), (__m128)(b)))
#else
#define PICKED PICK4(0)
#define SELECT(test, a, b) ((vec)(((NAME(ints))(a) & (test)) | ((NAME(ints))(b) & ~(test))))
#define VMAX(a, b) SELECT((a) > (b), a, b)
#define VMIN(a, b) SELECT((a) < (b), a, b)
#endif
#include "path.h"

#define REAL double
#define INT int64_t
#define NAME(x) LP_CAT(x, _f64)
#define MAGIC 6755399441055744.0
#define MANTISSA 52
#define EXPONENT 1022.0
#define TINY DBL_MIN
#define EXP2 EXP2_DOUBLE
#define EXP2_DEGREE 12
#if LP_BYTES == 64
#define PICKED PICK8(0)
#define VMAX(a, b) ((vec)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
#define VMIN(a, b) ((vec)_mm512_min_pd((__m512d)(a), (__m512d)(b)))
#elif LP_BYTES == 32
#define PICKED PICK4(0)
#define VMAX(a, b) ((vec)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define VMIN(a, b) ((vec)_mm256_min_pd((__m256d)(a), (__m256d)(b)))
#elif defined(__x86_64__)
#define PICKED PICK2(0)
#define VMAX(a, b) ((vec)_mm_max_pd((__m128d)(a), (__m128d)(b)))
#define VMIN(a, b) ((vec)_mm_min_pd((__m128d)(a), (__m128d)(b)))
#else
#define PICKED PICK2(0)
#define SELECT(test, a, b) ((vec)(((NAME(ints))(a) & (test)) | ((NAME(ints))(b) & ~(test))))
#define VMAX(a, b) SELECT((a) > (b), a, b)
#define VMIN(a, b) SELECT((a) < (b), a, b)
#endif
#include "path.h"

#define LP_TEXT2(x) #x
#define LP_TEXT(x) LP_TEXT2(x)

const lp_kernels LP_CAT(lp_kernels_, LP_ISA) = {
    .name = LP_TEXT(LP_ISA),
    .width = {LP_BYTES / 4, LP_BYTES / 8},
    .pack = {pack_f32, pack_f64},
    .forward = {forward_f32, forward_f64},
    .backward = {backward_f32, backward_f64},
    .unpack = {unpack_f32, unpack_f64},
};
