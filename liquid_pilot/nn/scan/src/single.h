/* Few samples, one at a time: the lanes of a vector are synapses of one target, or neurons. Included once per REAL.
 * The equations are those of batch.h. */

/* Sums of one target over its synapses; keeps their sigmoids when asked to. */
static inline void NAME(target_sums)(
    const REAL *from, const int32_t *source, int64_t begin, int64_t count, const REAL *gain, const REAL *bias,
    const REAL *pulls, const REAL *weights, REAL *pull, REAL *conductance, REAL *sigmoids
) {
    vec A = NAME(all)(0), G = A;
    for (int64_t e = begin; e < begin + count; e += W) {
        vec s = NAME(sigmoid)(NAME(gather)(from, source + e) * NAME(load)(gain + e) + NAME(load)(bias + e));
        A += s * NAME(load)(pulls + e);
        G += s * NAME(load)(weights + e);
        if (sigmoids) NAME(store)(sigmoids + e, s);
    }
    *pull += NAME(sum)(A);
    *conductance += NAME(sum)(G);
}

static inline void NAME(single_sensory)(
    const lp_job *job, const NAME(packed) *p, const REAL *inputs, REAL *pull, REAL *conductance, REAL *sigmoids
) {
    memcpy(pull, p->leak, (size_t)lp_padded(job->neurons) * sizeof(REAL));
    memcpy(conductance, p->conductance, (size_t)lp_padded(job->neurons) * sizeof(REAL));
    for (int64_t i = 0; i < job->neurons; i++)
        if (job->sensory_count[i])
            NAME(target_sums)(inputs, job->sensory_source, job->sensory_start[i], job->sensory_count[i],
                              p->sensory_gain, p->sensory_bias, p->sensory_pull, p->sensory_weight,
                              pull + i, conductance + i, sigmoids);
}

static inline void NAME(single_recurrent)(
    const lp_job *job, const NAME(packed) *p, const REAL *x, REAL *pull, REAL *conductance, REAL *sigmoids
) {
    for (int64_t i = 0; i < job->neurons; i++)
        if (job->count[i])
            NAME(target_sums)(x, job->source, job->start[i], job->count[i], p->gain, p->bias, p->pull, p->weight,
                              pull + i, conductance + i, sigmoids);
}

static inline REAL NAME(duration)(const lp_job *job, int64_t sample, int64_t t) {
    const REAL *elapsed = job->elapsed;
    return elapsed ? elapsed[sample * job->steps + t] * (REAL)job->time_unit : 1 / (REAL)job->unfolds;
}

static int NAME(single_forward)(const lp_job *job, int64_t sample) {
    const int64_t T = job->steps, N = job->neurons, M = job->outputs, Np = lp_padded(N);
    const NAME(packed) packed = NAME(layout)(job), *p = &packed;
    const size_t row = (size_t)Np * sizeof(REAL);
    _Alignas(64) REAL few[5 * LP_FEW];
    REAL *memory = Np <= LP_FEW ? few : lp_memory(5 * row);
    if (!memory) return LP_NO_MEMORY;
    REAL *x = memory, *pull = x + Np, *conductance = pull + Np, *A = conductance + Np, *G = A + Np;
    REAL *trace = job->trace ? (REAL *)job->trace + sample * T * job->unfolds * Np : NULL;
    memset(x, 0, row);
    memcpy(x, (const REAL *)job->state + sample * N, (size_t)N * sizeof(REAL));
    for (int64_t t = 0; t < T; t++) {
        const vec dt = NAME(all)(NAME(duration)(job, sample, t));
        const REAL *inputs = (const REAL *)job->features + sample * job->batch_stride + t * job->step_stride;
        NAME(single_sensory)(job, p, inputs, pull, conductance, NULL);
        for (int64_t unfold = 0; unfold < job->unfolds; unfold++) {
            if (trace) {
                memcpy(trace, x, row);
                trace += Np;
            }
            memcpy(A, pull, row);
            memcpy(G, conductance, row);
            NAME(single_recurrent)(job, p, x, A, G, NULL);
            for (int64_t i = 0; i < Np; i += W) {
                const vec v = NAME(load)(x + i), g = NAME(load)(G + i);
                const vec slope = NAME(load)(A + i) - g * v, total = NAME(load)(p->capacitance + i) + dt * g;
                NAME(store)(x + i, v + dt * slope / total);
            }
        }
        REAL *result = (REAL *)job->result + (sample * T + t) * M;
        for (int64_t m = 0; m < M; m++) result[m] = x[m] * p->output_w[m] + p->output_b[m];
        if (job->states) memcpy((REAL *)job->states + (sample * T + t) * N, x, (size_t)N * sizeof(REAL));
    }
    memcpy((REAL *)job->last + sample * N, x, (size_t)N * sizeof(REAL));
    if (memory != few) free(memory);
    return LP_OK;
}

/* The gradient through the synapses of one target, and the sums that the parameters' gradients are made of: z, zx, as
 * and gs lie one after the other, `stride` apart. */
static inline void NAME(target_back)(
    const REAL *from, REAL *d_from, const int32_t *source, int64_t begin, int64_t count, const REAL *gain,
    const REAL *pulls, const REAL *weights, const REAL *sigmoids, REAL dA, REAL dG, REAL *sums, int64_t stride
) {
    for (int64_t e = begin; e < begin + count; e += W) {
        const vec s = NAME(load)(sigmoids + e), v = NAME(gather)(from, source + e);
        const vec dz = (dA * NAME(load)(pulls + e) + dG * NAME(load)(weights + e)) * (s - s * s);
        REAL back[LP_BYTES / sizeof(REAL)];
        NAME(store)(sums + e, NAME(load)(sums + e) + dz);
        NAME(store)(sums + stride + e, NAME(load)(sums + stride + e) + dz * v);
        NAME(store)(sums + 2 * stride + e, NAME(load)(sums + 2 * stride + e) + dA * s);
        NAME(store)(sums + 3 * stride + e, NAME(load)(sums + 3 * stride + e) + dG * s);
        NAME(store)(back, dz * (NAME(load)(gain + e) * (REAL)-LN2));
        const int64_t lanes = begin + count - e < W ? begin + count - e : W;
        for (int64_t k = 0; k < lanes; k++) d_from[source[e + k]] += back[k];
    }
}

static inline void NAME(add)(double *partial, REAL *sums, int64_t n) {
    for (int64_t k = 0; k < n; k++) partial[k] += sums[k];
    memset(sums, 0, (size_t)n * sizeof(REAL));
}

static int NAME(single_backward)(const lp_job *job, int64_t sample, double *partial) {
    const int64_t T = job->steps, N = job->neurons, F = job->inputs, M = job->outputs, Np = lp_padded(N);
    const int64_t R = job->recurrent, S = job->sensory, Fp = lp_padded(F), sums_size = lp_partials(job);
    const NAME(packed) packed = NAME(layout)(job), *p = &packed;
    const size_t row = (size_t)Np * sizeof(REAL);
    REAL *memory = lp_memory((size_t)(10 * Np + Fp + R + S + lp_padded(sums_size)) * sizeof(REAL));
    if (!memory) return LP_NO_MEMORY;
    REAL *pull = memory, *conductance = pull + Np, *A = conductance + Np, *G = A + Np, *dA = G + Np, *dG = dA + Np;
    REAL *d_pull = dG + Np, *d_conductance = d_pull + Np, *u = d_conductance + Np, *after = u + Np;
    REAL *d_inputs = after + Np, *sensory = d_inputs + Fp, *sigmoids = sensory + S, *sums = sigmoids + R;
    REAL *neurons = sums + 4 * (R + S), *capacitance = neurons + 2 * Np, *outputs = neurons + 3 * Np;
    const REAL *x = (const REAL *)job->trace + (sample + 1) * T * job->unfolds * Np;
    memset(sums, 0, (size_t)sums_size * sizeof(REAL));
    memset(u, 0, row);
    if (job->d_last) memcpy(u, (const REAL *)job->d_last + sample * N, (size_t)N * sizeof(REAL));
    for (int64_t t = T - 1; t >= 0; t--) {
        const REAL *inputs = (const REAL *)job->features + sample * job->batch_stride + t * job->step_stride;
        const REAL *d_states = job->d_states ? (const REAL *)job->d_states + (sample * T + t) * N : NULL;
        const REAL *d_result = job->d_result ? (const REAL *)job->d_result + (sample * T + t) * M : NULL;
        const vec dt = NAME(all)(NAME(duration)(job, sample, t));
        vec d_dt = NAME(all)(0);
        NAME(single_sensory)(job, p, inputs, pull, conductance, sensory);
        memset(d_pull, 0, row);
        memset(d_conductance, 0, row);
        for (int64_t i = 0; d_states && i < N; i++) u[i] += d_states[i];
        for (int64_t m = 0; d_result && m < M; m++) u[m] += d_result[m] * p->output_w[m];
        for (int64_t unfold = job->unfolds - 1; unfold >= 0; unfold--) {
            x -= Np;
            memcpy(A, pull, row);
            memcpy(G, conductance, row);
            NAME(single_recurrent)(job, p, x, A, G, sigmoids);
            for (int64_t i = 0; i < Np; i += W) {
                const vec v = NAME(load)(x + i), g = NAME(load)(G + i), c = NAME(load)(p->capacitance + i);
                const vec inverse = 1 / (c + dt * g), slope = NAME(load)(A + i) - g * v;
                const vec change = dt * slope * inverse, scaled = NAME(load)(u + i) * inverse, kept = scaled * c;
                const vec d_A = scaled * dt, d_G = -d_A * (v + change);
                NAME(store)(after + i, v + change);
                NAME(store)(dA + i, d_A);
                NAME(store)(dG + i, d_G);
                NAME(store)(d_pull + i, NAME(load)(d_pull + i) + d_A);
                NAME(store)(d_conductance + i, NAME(load)(d_conductance + i) + d_G);
                NAME(store)(capacitance + i, NAME(load)(capacitance + i) - scaled * change);
                NAME(store)(u + i, kept);
                d_dt += kept * (slope * inverse);
            }
            for (int64_t m = 0; d_result && unfold == job->unfolds - 1 && m < M; m++) {
                outputs[m] += d_result[m] * after[m];
                outputs[lp_padded(M) + m] += d_result[m];
            }
            for (int64_t i = 0; i < N; i++)
                if (job->count[i])
                    NAME(target_back)(x, u, job->source, job->start[i], job->count[i], p->gain, p->pull, p->weight,
                                      sigmoids, dA[i], dG[i], sums, R);
        }
        memset(d_inputs, 0, (size_t)F * sizeof(REAL));
        for (int64_t i = 0; i < N; i++) {
            neurons[i] += d_pull[i];
            neurons[Np + i] += d_conductance[i];
            if (job->sensory_count[i])
                NAME(target_back)(inputs, d_inputs, job->sensory_source, job->sensory_start[i],
                                  job->sensory_count[i], p->sensory_gain, p->sensory_pull, p->sensory_weight, sensory,
                                  d_pull[i], d_conductance[i], sums + 4 * R, S);
        }
        if (job->d_features)
            memcpy((REAL *)job->d_features + (sample * T + t) * F, d_inputs, (size_t)F * sizeof(REAL));
        if (job->d_elapsed) ((REAL *)job->d_elapsed)[sample * T + t] = NAME(sum)(d_dt) * (REAL)job->time_unit;
        if (partial && t % 64 == 0) NAME(add)(partial, sums, sums_size);
    }
    if (job->d_state) memcpy((REAL *)job->d_state + sample * N, u, (size_t)N * sizeof(REAL));
    free(memory);
    return LP_OK;
}
