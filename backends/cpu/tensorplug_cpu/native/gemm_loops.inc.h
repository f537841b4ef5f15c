/* Included once an element type. T: storage; A: what is multiplied and summed; LOAD, STORE: T -> A, A -> T;
 * NAME(x): the function's name. */

/* Any strides; one dot product an element. */
static void NAME(small)(const TpGemm *p) {
    const T *bias = p->bias;
    for (int64_t i = 0; i < p->m; i++) {
        T *c = (T *)p->c + i * p->ldc;
        const T *a = (const T *)p->a + i * p->a_rs;
        for (int64_t j = 0; j < p->n; j++) {
            const T *b = (const T *)p->b + j * p->b_cs;
            A sum = p->accumulate ? LOAD(c[j]) : 0;
            for (int64_t l = 0; l < p->k; l++)
                sum += (A)LOAD(a[l * p->a_cs]) * LOAD(b[l * p->b_rs]);
            if (bias)
                sum += LOAD(bias[i * p->bias_rs + j * p->bias_cs]);
            c[j] = STORE(sum);
        }
    }
}
