/* Many samples: lane k of every vector is sample k of a block of W. Included once per REAL.
 *
 * One unfold, for neuron i of state x (NCP paper, Methods; LTC paper, algorithm 1), D = C + dt G:
 *     A = g vleak + sum w E s,  G = g + sum w s,  x' = x + dt (A - G x) / D
 * and back, with u = dL/dx':
 *     dA = u dt / D,  dG = -dA x',  dC = -u (x' - x) / D,  dx = u C / D + (through the sigmoids),
 *     d dt = u (A - G x) / D * C / D,  dz = (dA w E + dG w) s (1 - s). */

#define BLOCK(n) ((size_t)(n) * sizeof(vec))

static inline int64_t NAME(first_block)(int64_t blocks, int64_t chunk, int64_t chunks) {
    return blocks * chunk / chunks;
}

/* Lanes (rows of a (B, ..., n) array) to vectors (n), and back. Lanes without a sample are 0. */
static inline void NAME(rows_in)(vec *to, const REAL *from, int64_t stride, int lanes, int64_t n) {
    REAL *flat = (REAL *)to;
    if (lanes < W) memset(to, 0, BLOCK(n));
    for (int k = 0; k < lanes; k++)
        for (int64_t i = 0; i < n; i++) flat[i * W + k] = from[k * stride + i];
}
static inline void NAME(rows_out)(REAL *to, const vec *from, int64_t stride, int lanes, int64_t n) {
    const REAL *flat = (const REAL *)from;
    for (int k = 0; k < lanes; k++)
        for (int64_t i = 0; i < n; i++) to[k * stride + i] = flat[i * W + k];
}

static inline vec NAME(durations)(const lp_job *job, int64_t sample, int lanes, int64_t t) {
    REAL dt[LP_BYTES / sizeof(REAL)] = {0};
    const REAL *elapsed = job->elapsed;
    for (int k = 0; k < lanes; k++)
        dt[k] = elapsed ? elapsed[(sample + k) * job->steps + t] * (REAL)job->time_unit : 1 / (REAL)job->unfolds;
    return NAME(load)(dt);
}

/* Sensory sums of one frame; keeps the sigmoids (S) when asked to. */
static inline void NAME(batch_sensory)(
    const lp_job *job, const NAME(packed) *p, const vec *inputs, vec *pull, vec *conductance, vec *sigmoids
) {
    for (int64_t i = 0; i < job->neurons; i++) {
        vec A = NAME(all)(p->leak[i]), G = NAME(all)(p->conductance[i]);
        for (int64_t e = job->sensory_start[i], end = e + job->sensory_count[i]; e < end; e++) {
            vec s = NAME(sigmoid)(inputs[job->sensory_source[e]] * p->sensory_gain[e] + p->sensory_bias[e]);
            A += s * p->sensory_pull[e];
            G += s * p->sensory_weight[e];
            if (sigmoids) sigmoids[e] = s;
        }
        pull[i] = A;
        conductance[i] = G;
    }
}

static int NAME(batch_forward)(const lp_job *job, int64_t chunk, int64_t chunks) {
    const int64_t B = job->batch, T = job->steps, N = job->neurons, F = job->inputs, M = job->outputs;
    const int64_t blocks = (B + W - 1) / W;
    const NAME(packed) packed = NAME(layout)(job), *p = &packed;
    vec *memory = lp_memory(BLOCK(F + 5 * N));
    if (!memory) return LP_NO_MEMORY;
    vec *inputs = memory, *pull = inputs + F, *conductance = pull + N, *x = conductance + N, *next = x + N;
    vec *mapped = next + N;
    for (int64_t block = NAME(first_block)(blocks, chunk, chunks); block < NAME(first_block)(blocks, chunk + 1, chunks);
         block++) {
        const int64_t sample = block * W;
        const int lanes = B - sample < W ? (int)(B - sample) : W;
        vec *trace = job->trace ? (vec *)job->trace + block * T * job->unfolds * N : NULL;
        NAME(rows_in)(x, (const REAL *)job->state + sample * N, N, lanes, N);
        for (int64_t t = 0; t < T; t++) {
            const REAL *features = (const REAL *)job->features + sample * job->batch_stride + t * job->step_stride;
            const vec dt = NAME(durations)(job, sample, lanes, t);
            NAME(rows_in)(inputs, features, job->batch_stride, lanes, F);
            NAME(batch_sensory)(job, p, inputs, pull, conductance, NULL);
            for (int64_t unfold = 0; unfold < job->unfolds; unfold++) {
                if (trace) {
                    memcpy(trace, x, BLOCK(N));
                    trace += N;
                }
                for (int64_t i = 0; i < N; i++) {
                    vec A = pull[i], G = conductance[i];
                    for (int64_t e = job->start[i], end = e + job->count[i]; e < end; e++) {
                        vec s = NAME(sigmoid)(x[job->source[e]] * p->gain[e] + p->bias[e]);
                        A += s * p->pull[e];
                        G += s * p->weight[e];
                    }
                    next[i] = x[i] + dt * (A - G * x[i]) / (p->capacitance[i] + dt * G);
                }
                vec *swap = x;
                x = next;
                next = swap;
            }
            for (int64_t m = 0; m < M; m++) mapped[m] = x[m] * p->output_w[m] + p->output_b[m];
            NAME(rows_out)((REAL *)job->result + (sample * T + t) * M, mapped, T * M, lanes, M);
            if (job->states) NAME(rows_out)((REAL *)job->states + (sample * T + t) * N, x, T * N, lanes, N);
        }
        NAME(rows_out)((REAL *)job->last + sample * N, x, N, lanes, N);
    }
    free(memory);
    return LP_OK;
}

/* Adds the lanes of n sums to doubles, and clears them. */
static void NAME(flush)(double *partial, vec *sums, int64_t n) {
    for (int64_t k = 0; k < n; k++) partial[k] += NAME(sum)(sums[k]);
    memset(sums, 0, BLOCK(n));
}

static int NAME(batch_backward)(const lp_job *job, int64_t chunk, int64_t chunks, double *partial) {
    const int64_t B = job->batch, T = job->steps, N = job->neurons, F = job->inputs, M = job->outputs;
    const int64_t R = job->recurrent, S = job->sensory, Np = lp_padded(N), Mp = lp_padded(M);
    const int64_t blocks = (B + W - 1) / W, sums_size = lp_partials(job);
    const NAME(packed) packed = NAME(layout)(job), *p = &packed;
    vec *memory = lp_memory(BLOCK(2 * F + 8 * N + M + R + S + sums_size));
    if (!memory) return LP_NO_MEMORY;
    vec *inputs = memory, *d_inputs = inputs + F, *pull = d_inputs + F, *conductance = pull + N;
    vec *d_pull = conductance + N, *d_conductance = d_pull + N, *u = d_conductance + N, *d_x = u + N;
    vec *incoming = d_x + N, *sensory = incoming + N + M, *sigmoids = sensory + S, *sums = sigmoids + R;
    vec *z = sums, *zx = z + R, *as = zx + R, *gs = as + R;
    vec *sensory_z = gs + R, *sensory_zx = sensory_z + S, *sensory_as = sensory_zx + S, *sensory_gs = sensory_as + S;
    vec *leak = sensory_gs + S, *leak_conductance = leak + Np, *capacitance = leak_conductance + Np;
    vec *output_w = capacitance + Np, *output_b = output_w + Mp;
    memset(sums, 0, BLOCK(sums_size));
    for (int64_t block = NAME(first_block)(blocks, chunk, chunks); block < NAME(first_block)(blocks, chunk + 1, chunks);
         block++) {
        const int64_t sample = block * W;
        const int lanes = B - sample < W ? (int)(B - sample) : W;
        const vec *trace = (const vec *)job->trace + (block + 1) * T * job->unfolds * N;
        if (job->d_last) NAME(rows_in)(u, (const REAL *)job->d_last + sample * N, N, lanes, N);
        else memset(u, 0, BLOCK(N));
        for (int64_t t = T - 1; t >= 0; t--) {
            const REAL *features = (const REAL *)job->features + sample * job->batch_stride + t * job->step_stride;
            const vec dt = NAME(durations)(job, sample, lanes, t);
            vec d_dt = NAME(all)(0);
            NAME(rows_in)(inputs, features, job->batch_stride, lanes, F);
            NAME(batch_sensory)(job, p, inputs, pull, conductance, sensory);
            memset(d_pull, 0, BLOCK(N));
            memset(d_conductance, 0, BLOCK(N));
            if (job->d_states) {
                NAME(rows_in)(incoming, (const REAL *)job->d_states + (sample * T + t) * N, T * N, lanes, N);
                for (int64_t i = 0; i < N; i++) u[i] += incoming[i];
            }
            if (job->d_result) {
                NAME(rows_in)(incoming, (const REAL *)job->d_result + (sample * T + t) * M, T * M, lanes, M);
                for (int64_t m = 0; m < M; m++) {
                    u[m] += incoming[m] * p->output_w[m];
                    output_b[m] += incoming[m];
                }
            }
            for (int64_t unfold = job->unfolds - 1; unfold >= 0; unfold--) {
                const vec *x = trace -= N;
                memset(d_x, 0, BLOCK(N));
                for (int64_t i = 0; i < N; i++) {
                    const int64_t begin = job->start[i], end = begin + job->count[i];
                    vec A = pull[i], G = conductance[i];
                    for (int64_t e = begin; e < end; e++) {
                        vec s = NAME(sigmoid)(x[job->source[e]] * p->gain[e] + p->bias[e]);
                        A += s * p->pull[e];
                        G += s * p->weight[e];
                        sigmoids[e - begin] = s;
                    }
                    const vec inverse = 1 / (p->capacitance[i] + dt * G), slope = A - G * x[i];
                    const vec change = dt * slope * inverse, scaled = u[i] * inverse, after = x[i] + change;
                    const vec dA = scaled * dt, dG = -dA * after, kept = scaled * p->capacitance[i];
                    if (unfold == job->unfolds - 1 && i < M && job->d_result) output_w[i] += incoming[i] * after;
                    d_pull[i] += dA;
                    d_conductance[i] += dG;
                    capacitance[i] -= scaled * change;
                    d_dt += kept * (slope * inverse);
                    d_x[i] += kept;
                    for (int64_t e = begin; e < end; e++) {
                        const vec s = sigmoids[e - begin], v = x[job->source[e]];
                        const vec dz = (dA * p->pull[e] + dG * p->weight[e]) * (s - s * s);
                        z[e] += dz;
                        zx[e] += dz * v;
                        as[e] += dA * s;
                        gs[e] += dG * s;
                        d_x[job->source[e]] += dz * (p->gain[e] * (REAL)-LN2);
                    }
                }
                vec *swap = u;
                u = d_x;
                d_x = swap;
            }
            memset(d_inputs, 0, BLOCK(F));
            for (int64_t i = 0; i < N; i++) {
                const vec dA = d_pull[i], dG = d_conductance[i];
                leak[i] += dA;
                leak_conductance[i] += dG;
                for (int64_t e = job->sensory_start[i], end = e + job->sensory_count[i]; e < end; e++) {
                    const vec s = sensory[e], v = inputs[job->sensory_source[e]];
                    const vec dz = (dA * p->sensory_pull[e] + dG * p->sensory_weight[e]) * (s - s * s);
                    sensory_z[e] += dz;
                    sensory_zx[e] += dz * v;
                    sensory_as[e] += dA * s;
                    sensory_gs[e] += dG * s;
                    d_inputs[job->sensory_source[e]] += dz * (p->sensory_gain[e] * (REAL)-LN2);
                }
            }
            if (job->d_features)
                NAME(rows_out)((REAL *)job->d_features + (sample * T + t) * F, d_inputs, T * F, lanes, F);
            if (job->d_elapsed) {
                d_dt *= (REAL)job->time_unit;
                NAME(rows_out)((REAL *)job->d_elapsed + sample * T + t, &d_dt, T, lanes, 1);
            }
            /* Long sums in float would lose digits. */
            if (partial && (t % 64 == 0)) NAME(flush)(partial, sums, sums_size);
        }
        if (job->d_state) NAME(rows_out)((REAL *)job->d_state + sample * N, u, N, lanes, N);
    }
    free(memory);
    return LP_OK;
}
