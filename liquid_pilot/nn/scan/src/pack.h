/* Parameters as the scan reads them, and gradients back to what the parameters are. Included once per REAL. */

#define LN2 0.693147180559945309417

/* The packed parameters. gain and bias give y = -sigma (a x + b - mu) / ln 2 from a raw input x; pull is w E. */
typedef struct {
    REAL *gain, *bias, *pull, *weight;                                 /* (R) */
    REAL *sensory_gain, *sensory_bias, *sensory_pull, *sensory_weight; /* (S) */
    REAL *leak, *conductance, *capacitance;                            /* (Np): g vleak, g + epsilon, C */
    REAL *output_w, *output_b;                                         /* (M) */
} NAME(packed);

static NAME(packed) NAME(layout)(const lp_job *job) {
    REAL *p = job->packed;
    int64_t R = job->recurrent, S = job->sensory, Np = lp_padded(job->neurons), Mp = lp_padded(job->outputs);
    NAME(packed) out;
    REAL **parts[] = {&out.gain, &out.bias, &out.pull, &out.weight,
                      &out.sensory_gain, &out.sensory_bias, &out.sensory_pull, &out.sensory_weight,
                      &out.leak, &out.conductance, &out.capacitance, &out.output_w, &out.output_b};
    int64_t sizes[] = {R, R, R, R, S, S, S, S, Np, Np, Np, Mp, Mp};
    for (int k = 0; k < 13; k++) {
        *parts[k] = p;
        p += sizes[k];
    }
    return out;
}

static inline double NAME(raw)(const lp_job *job, int which, int64_t k, double absent) {
    const REAL *values = job->raw[which];
    return values ? values[k] : absent;
}

/* As torch's softplus: linear above 20. */
static inline double NAME(positive)(const lp_job *job, double x) {
    return job->softplus && x <= 20 ? log1p(exp(x)) : x;
}
static inline double NAME(slope)(const lp_job *job, double x) {
    return job->softplus && x <= 20 ? 1 / (1 + exp(-x)) : 1;
}

static int NAME(pack)(const lp_job *job) {
    NAME(packed) p = NAME(layout)(job);
    int64_t parameter = 0;
    for (int64_t i = 0; i < job->neurons; i++)
        for (int64_t e = job->start[i], end = e + job->count[i], stop = e + lp_padded(job->count[i]); e < stop; e++) {
            if (e >= end) {
                p.gain[e] = p.bias[e] = p.pull[e] = p.weight[e] = 0;
                continue;
            }
            double w = NAME(positive)(job, NAME(raw)(job, LP_W, parameter, 0));
            double sigma = NAME(raw)(job, LP_SIGMA, parameter, 0), mu = NAME(raw)(job, LP_MU, parameter, 0);
            p.gain[e] = (REAL)(-sigma / LN2);
            p.bias[e] = (REAL)(sigma * mu / LN2);
            p.pull[e] = (REAL)(w * NAME(raw)(job, LP_EREV, parameter, 0));
            p.weight[e] = (REAL)w;
            parameter++;
        }
    parameter = 0;
    for (int64_t i = 0; i < job->neurons; i++)
        for (int64_t e = job->sensory_start[i], end = e + job->sensory_count[i],
                     stop = e + lp_padded(job->sensory_count[i]); e < stop; e++) {
            if (e >= end) {
                p.sensory_gain[e] = p.sensory_bias[e] = p.sensory_pull[e] = p.sensory_weight[e] = 0;
                continue;
            }
            double w = NAME(positive)(job, NAME(raw)(job, LP_SENSORY_W, parameter, 0));
            double sigma = NAME(raw)(job, LP_SENSORY_SIGMA, parameter, 0);
            double mu = NAME(raw)(job, LP_SENSORY_MU, parameter, 0);
            double a = NAME(raw)(job, LP_INPUT_W, job->sensory_source[e], 1);
            double b = NAME(raw)(job, LP_INPUT_B, job->sensory_source[e], 0);
            p.sensory_gain[e] = (REAL)(-sigma * a / LN2);
            p.sensory_bias[e] = (REAL)(-sigma * (b - mu) / LN2);
            p.sensory_pull[e] = (REAL)(w * NAME(raw)(job, LP_SENSORY_EREV, parameter, 0));
            p.sensory_weight[e] = (REAL)w;
            parameter++;
        }
    for (int64_t i = 0; i < lp_padded(job->neurons); i++) {
        int exists = i < job->neurons;
        double g = exists ? NAME(positive)(job, NAME(raw)(job, LP_GLEAK, i, 0)) : 0;
        double c = exists ? NAME(positive)(job, NAME(raw)(job, LP_CM, i, 0)) : 1;
        p.leak[i] = exists ? (REAL)(g * NAME(raw)(job, LP_VLEAK, i, 0)) : 0;
        p.conductance[i] = (REAL)(g + job->epsilon);
        /* A C of 0, from a softplus that underflows, would make elapsed 0 a division 0 / 0. */
        p.capacitance[i] = (REAL)c < TINY ? TINY : (REAL)c;
    }
    for (int64_t m = 0; m < lp_padded(job->outputs); m++) {
        int exists = m < job->outputs;
        p.output_w[m] = exists ? (REAL)NAME(raw)(job, LP_OUTPUT_W, m, 1) : 0;
        p.output_b[m] = exists ? (REAL)NAME(raw)(job, LP_OUTPUT_B, m, 0) : 0;
    }
    return LP_OK;
}

static inline void NAME(put)(const lp_job *job, int which, int64_t k, double value) {
    REAL *values = job->d_raw[which];
    if (values) values[k] = (REAL)value;
}

/* Adds the chunks' partial sums up, in their order, and turns them into the raw parameters' gradients. */
static int NAME(unpack)(const lp_job *job, const double *partials, int64_t chunks) {
    int64_t R = job->recurrent, S = job->sensory, Np = lp_padded(job->neurons), size = lp_partials(job);
    double *sum = calloc((size_t)(size + 2 * job->inputs), sizeof(double));
    if (!sum) return LP_NO_MEMORY;
    for (int64_t c = 0; c < chunks; c++)
        for (int64_t k = 0; k < size; k++) sum[k] += partials[c * size + k];
    double *d_input_w = sum + size, *d_input_b = d_input_w + job->inputs;
    const double *z = sum, *zx = z + R, *pull = zx + R, *weight = pull + R, *neurons = weight + R + 4 * S;
    int64_t parameter = 0;
    for (int64_t i = 0; i < job->neurons; i++)
        for (int64_t e = job->start[i], end = e + job->count[i]; e < end; e++, parameter++) {
            double raw = NAME(raw)(job, LP_W, parameter, 0), sigma = NAME(raw)(job, LP_SIGMA, parameter, 0);
            NAME(put)(job, LP_SIGMA, parameter, zx[e] - NAME(raw)(job, LP_MU, parameter, 0) * z[e]);
            NAME(put)(job, LP_MU, parameter, -sigma * z[e]);
            NAME(put)(job, LP_EREV, parameter, NAME(positive)(job, raw) * pull[e]);
            double slope = NAME(slope)(job, raw);
            NAME(put)(job, LP_W, parameter, (NAME(raw)(job, LP_EREV, parameter, 0) * pull[e] + weight[e]) * slope);
        }
    z = sum + 4 * R, zx = z + S, pull = zx + S, weight = pull + S;
    parameter = 0;
    for (int64_t i = 0; i < job->neurons; i++)
        for (int64_t e = job->sensory_start[i], end = e + job->sensory_count[i]; e < end; e++, parameter++) {
            int32_t source = job->sensory_source[e];
            double a = NAME(raw)(job, LP_INPUT_W, source, 1), b = NAME(raw)(job, LP_INPUT_B, source, 0);
            double raw = NAME(raw)(job, LP_SENSORY_W, parameter, 0), mu = NAME(raw)(job, LP_SENSORY_MU, parameter, 0);
            double sigma = NAME(raw)(job, LP_SENSORY_SIGMA, parameter, 0), slope = NAME(slope)(job, raw);
            NAME(put)(job, LP_SENSORY_SIGMA, parameter, a * zx[e] + (b - mu) * z[e]);
            NAME(put)(job, LP_SENSORY_MU, parameter, -sigma * z[e]);
            NAME(put)(job, LP_SENSORY_EREV, parameter, NAME(positive)(job, raw) * pull[e]);
            double erev = NAME(raw)(job, LP_SENSORY_EREV, parameter, 0);
            NAME(put)(job, LP_SENSORY_W, parameter, (erev * pull[e] + weight[e]) * slope);
            d_input_w[source] += sigma * zx[e];
            d_input_b[source] += sigma * z[e];
        }
    for (int64_t f = 0; f < job->inputs; f++) {
        NAME(put)(job, LP_INPUT_W, f, d_input_w[f]);
        NAME(put)(job, LP_INPUT_B, f, d_input_b[f]);
    }
    for (int64_t i = 0; i < job->neurons; i++) {
        double leak = neurons[i], conductance = neurons[Np + i], capacitance = neurons[2 * Np + i];
        double raw = NAME(raw)(job, LP_GLEAK, i, 0), cm = NAME(raw)(job, LP_CM, i, 0);
        double vleak = NAME(raw)(job, LP_VLEAK, i, 0);
        NAME(put)(job, LP_GLEAK, i, (vleak * leak + conductance) * NAME(slope)(job, raw));
        NAME(put)(job, LP_VLEAK, i, NAME(positive)(job, raw) * leak);
        int clamped = (REAL)NAME(positive)(job, cm) < TINY;
        NAME(put)(job, LP_CM, i, clamped ? 0 : capacitance * NAME(slope)(job, cm));
    }
    const double *outputs = neurons + 3 * Np;
    for (int64_t m = 0; m < job->outputs; m++) {
        NAME(put)(job, LP_OUTPUT_W, m, outputs[m]);
        NAME(put)(job, LP_OUTPUT_B, m, outputs[lp_padded(job->outputs) + m]);
    }
    free(sum);
    return LP_OK;
}
