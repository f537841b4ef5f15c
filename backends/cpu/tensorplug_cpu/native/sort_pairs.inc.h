/* Sorting and selecting (key, place) pairs in the order of their keys, stably: a template for sort.c.
 * NAME(x) names functions; PAIR is the type, KEY(pair) its unsigned key and KEY_BYTES the bytes of that. */

typedef struct {
    PAIR *from, *to;
    int64_t n, piece;
    int shift;
    uint32_t (*counts)[256]; /* of each piece; then where each piece's elements of a digit go */
} NAME(Pass);

static void NAME(insertion)(PAIR *x, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        PAIR moved = x[i];
        int64_t j = i;
        for (; j > 0 && KEY(moved) < KEY(x[j - 1]); j--)
            x[j] = x[j - 1];
        x[j] = moved;
    }
}

static void NAME(count_digits)(void *context, int64_t begin, int64_t end) {
    const NAME(Pass) *p = context;
    for (int64_t piece = begin; piece < end; piece++) {
        uint32_t *counts = p->counts[piece];
        memset(counts, 0, sizeof *p->counts);
        for (int64_t i = piece * p->piece, stop = tp_min64(p->n, i + p->piece); i < stop; i++)
            counts[KEY(p->from[i]) >> p->shift & 255]++;
    }
}

static void NAME(move_digits)(void *context, int64_t begin, int64_t end) {
    const NAME(Pass) *p = context;
    for (int64_t piece = begin; piece < end; piece++) {
        uint32_t *places = p->counts[piece];
        for (int64_t i = piece * p->piece, stop = tp_min64(p->n, i + p->piece); i < stop; i++)
            p->to[places[KEY(p->from[i]) >> p->shift & 255]++] = p->from[i];
    }
}

/* Sorts n < 2**32 pairs by digits, lowest first; `spare` is as large. Returns where the result is, NULL where memory
 * is short. */
static PAIR *NAME(sort)(PAIR *x, PAIR *spare, int64_t n) {
    if (n <= FEW) {
        NAME(insertion)(x, n);
        return x;
    }
    uint32_t small[1][256];
    NAME(Pass) p = {.from = x, .to = spare, .n = n, .piece = n, .counts = small};
    int64_t pieces = 1;
    if (n >= 2 * PIECE) {
        p.piece = tp_max64(PIECE, (n + MOST_PIECES - 1) / MOST_PIECES);
        pieces = (n + p.piece - 1) / p.piece;
        p.counts = malloc(sizeof *p.counts * (size_t)pieces);
        if (!p.counts)
            return NULL;
    }
    /* digits that are the same in all keys need no pass */
    uint64_t differing = 0;
    for (int64_t i = 1; i < n; i++)
        differing |= KEY(x[i]) ^ KEY(x[0]);
    for (p.shift = 0; p.shift < 8 * KEY_BYTES; p.shift += 8) {
        if ((differing >> p.shift & 255) == 0)
            continue;
        tp_parallel_for(pieces, 1, NAME(count_digits), &p);
        uint32_t place = 0;
        for (int digit = 0; digit < 256; digit++)
            for (int64_t piece = 0; piece < pieces; piece++) {
                uint32_t count = p.counts[piece][digit];
                p.counts[piece][digit] = place;
                place += count;
            }
        tp_parallel_for(pieces, 1, NAME(move_digits), &p);
        PAIR *other = p.from;
        p.from = p.to;
        p.to = other;
    }
    if (p.counts != small)
        free(p.counts);
    return p.from;
}

/* Puts the k <= n first pairs in order, equal keys by place, into `out`, not sorted but where keys are equal; x is
 * overwritten. Returns the k-th (k > 0). */
static PAIR NAME(select)(PAIR *x, int64_t n, int64_t k, PAIR *out) {
    PAIR kth = x[0];
    for (int shift = 8 * (KEY_BYTES - 1); shift >= 0 && n > k; shift -= 8) {
        int64_t counts[256] = {0}, digit = 0, kept = 0;
        for (int64_t i = 0; i < n; i++)
            counts[KEY(x[i]) >> shift & 255]++;
        for (int64_t before = 0; before + counts[digit] < k; digit++)
            before += counts[digit];
        if (counts[digit] == n)
            continue;
        for (int64_t i = 0; i < n; i++) {
            PAIR each = x[i];
            int64_t own = (int64_t)(KEY(each) >> shift & 255);
            if (own < digit) {
                *out++ = each;
                k--;
            } else if (own == digit) {
                x[kept++] = each;
            }
        }
        n = kept;
    }
    for (int64_t i = 0; i < k; i++) { /* all of them, or the first of equal ones */
        if (i == 0 || KEY(x[i]) >= KEY(kth))
            kth = x[i];
        out[i] = x[i];
    }
    return kth;
}
