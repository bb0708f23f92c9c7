/* A vector of LP_BYTES bytes of REAL, and what the scan does with it. Included once per REAL; NAME(x) adds the suffix.
 * The compiler's own vectors rather than intrinsics: one source for SSE2, AVX2, AVX-512 and NEON. */

#define W ((int)(LP_BYTES / sizeof(REAL)))

typedef REAL NAME(lanes) __attribute__((vector_size(LP_BYTES), may_alias));
typedef REAL NAME(loose) __attribute__((vector_size(LP_BYTES), aligned(sizeof(REAL)), may_alias));
typedef INT NAME(ints) __attribute__((vector_size(LP_BYTES), may_alias));
#define vec NAME(lanes)

static inline vec NAME(all)(REAL x) { return x - (vec){0}; }
static inline vec NAME(load)(const REAL *p) { return *(const NAME(loose) *)p; }
static inline void NAME(store)(REAL *p, vec x) { *(NAME(loose) *)p = x; }

/* 2^y for y within the exponent's range. y is split into a whole number n and f in [-1/2, 1/2]: adding 1.5 * 2^mantissa
 * rounds, and leaves n in the lowest bits, from where it is moved into the exponent of 2^f. */
static inline vec NAME(exp2)(vec y) {
    vec shifted = y + NAME(all)(MAGIC);
    vec f = y - (shifted - NAME(all)(MAGIC));
    vec p = NAME(all)(EXP2[EXP2_DEGREE]);
    for (int k = EXP2_DEGREE - 1; k >= 0; k--) p = p * f + NAME(all)(EXP2[k]);
    return (vec)((NAME(ints))p + ((NAME(ints))shifted << MANTISSA));
}

/* sigmoid(z), given y = -z / ln 2: the packed gains and biases hold the factor. NaN stays NaN. */
static inline vec NAME(sigmoid)(vec y) {
    /* Both operations return their second operand when one is NaN. */
    y = VMIN(NAME(all)(EXPONENT), VMAX(NAME(all)(-EXPONENT), y));
    return 1 / (1 + NAME(exp2)(y));
}

/* Sum of the lanes, always in the same order: halves are added until one number is left. */
static inline REAL NAME(sum)(vec x) {
    REAL a[LP_BYTES / sizeof(REAL)];
    memcpy(a, &x, sizeof a);
    for (int n = W / 2; n >= 1; n /= 2)
        for (int k = 0; k < n; k++) a[k] += a[k + n];
    return a[0];
}

/* Element by element, and not in a loop, which goes through memory: the gathers of AVX2 and AVX-512 were a quarter slower (Zen 4). */
static inline vec NAME(gather)(const REAL *p, const int32_t *index) {
    return (vec){PICKED};
}
