/* Included once a type T (its name: NAME(x)) whose products are summed in T itself: integers (unsigned here,
 * so that they wrap; multiplied as A), and floating types where no BLAS is loaded. B is copied block by
 * block, so any strides are taken. */
static void NAME(preload)(const TpGemm *p) {
    const T *bias = p->bias;
    for (int64_t i = 0; i < p->m; i++) {
        T *c = (T *)p->c + i * p->ldc;
        const T *row = bias + i * p->bias_rs;
        if (p->bias_cs == 1)
            memcpy(c, row, (size_t)p->n * sizeof(T));
        else
            for (int64_t j = 0; j < p->n; j++)
                c[j] = row[j * p->bias_cs];
    }
}

static void NAME(blocked)(const TpGemm *p) {
    enum { KB = TP_GEMM_INNER, NB = TP_GEMM_COLUMNS };
    T block[KB * NB];
    for (int64_t j0 = 0; j0 < p->n; j0 += NB) {
        int64_t nb = tp_min64(NB, p->n - j0);
        if (!p->accumulate && !p->bias)
            for (int64_t i = 0; i < p->m; i++)
                memset((T *)p->c + i * p->ldc + j0, 0, (size_t)nb * sizeof(T));
        for (int64_t l0 = 0; l0 < p->k; l0 += KB) {
            int64_t kb = tp_min64(KB, p->k - l0);
            const T *b = (const T *)p->b + l0 * p->b_rs + j0 * p->b_cs;
            for (int64_t l = 0; l < kb; l++)
                for (int64_t j = 0; j < nb; j++)
                    block[l * NB + j] = b[l * p->b_rs + j * p->b_cs];
            for (int64_t i = 0; i < p->m; i++) {
                const T *a = (const T *)p->a + i * p->a_rs + l0 * p->a_cs;
                T *restrict c = (T *)p->c + i * p->ldc + j0;
                int64_t l = 0;
                for (; l + 4 <= kb; l += 4) {
                    A a0 = a[l * p->a_cs], a1 = a[(l + 1) * p->a_cs], a2 = a[(l + 2) * p->a_cs];
                    A a3 = a[(l + 3) * p->a_cs];
                    const T *restrict row = block + l * NB;
                    for (int64_t j = 0; j < nb; j++)
                        c[j] += a0 * row[j] + a1 * row[NB + j] + a2 * row[2 * NB + j] + a3 * row[3 * NB + j];
                }
                for (; l < kb; l++)
                    for (int64_t j = 0; j < nb; j++)
                        c[j] += (A)a[l * p->a_cs] * block[l * NB + j];
            }
        }
    }
}
