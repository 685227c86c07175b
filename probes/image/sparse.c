#include "probes/image/sparse.h"

#include <stdlib.h>

#include "probes/image/pax.h"

int sparse_open(struct sparse *s, struct err *e)
{
    *s = (struct sparse){ .pieces = malloc(SPARSE_PIECES * sizeof *s->pieces) };
    return s->pieces ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory to read layers");
}

void sparse_release(struct sparse *s)
{
    free(s->pieces);
    s->pieces = NULL;
}

void sparse_start(struct sparse *s)
{
    *s = (struct sparse){ .pieces = s->pieces };
}

int sparse_add(struct sparse *s, const struct ustar_pair *piece, struct err *e)
{
    if (piece->size == 0)
        return 0;
    if (s->count == SPARSE_PIECES)
        return err_set(e, ERR_DATA, 0, "a sparse file of more than %d pieces", SPARSE_PIECES);
    s->pieces[s->count++] = *piece;
    return 0;
}

static int sparse_refuse(struct err *e)
{
    return err_set(e, ERR_DATA, 0, "the map of a sparse file is wrong");
}

int sparse_add_offset(struct sparse *s, uint64_t offset, struct err *e)
{
    if (s->has_offset)
        return sparse_refuse(e);
    s->has_offset = true;
    s->number = offset;
    return 0;
}

int sparse_add_size(struct sparse *s, uint64_t size, struct err *e)
{
    const struct ustar_pair piece = { .offset = s->number, .size = size };
    if (!s->has_offset)
        return sparse_refuse(e);
    s->has_offset = false;
    return sparse_add(s, &piece, e);
}

int sparse_add_text(struct sparse *s, const char *text, size_t size, struct err *e)
{
    for (size_t at = 0; at < size;) {
        uint64_t number = 0;
        if (pax_digits(text, size, &at, ",,", &number))
            return sparse_refuse(e);
        at += at < size;
        if (s->has_offset ? sparse_add_size(s, number, e) : sparse_add_offset(s, number, e))
            return -1;
    }
    return s->has_offset ? sparse_refuse(e) : 0;
}

/* A number of PAX 1.0 is whole: the first says how many pieces come. */
static int sparse_add_number(struct sparse *s, struct err *e)
{
    uint64_t number = s->number;
    s->has_digit = false;
    s->number = 0;
    if (s->has_expected) {
        s->expected--;
        struct ustar_pair *piece = &s->pieces[s->count];
        if (s->expected % 2) {
            piece->offset = number;
            return 0;
        }
        piece->size = number;
        s->count += number > 0;
        return 0;
    }
    if (number > SPARSE_PIECES)
        return err_set(e, ERR_DATA, 0, "a sparse file of more than %d pieces", SPARSE_PIECES);
    s->has_expected = true;
    s->expected = 2 * number;
    return 0;
}

int sparse_add_block(struct sparse *s, const uint8_t block[USTAR_BLOCK_BYTES], bool *is_whole,
                     struct err *e)
{
    for (unsigned i = 0; i < USTAR_BLOCK_BYTES && !(s->has_expected && s->expected == 0); i++) {
        bool is_digit = block[i] >= '0' && block[i] <= '9';
        if (is_digit ? s->number > INT64_MAX / 16 : block[i] != '\n' || !s->has_digit)
            return sparse_refuse(e);
        if (is_digit)
            s->number = s->number * 10 + (uint64_t)(block[i] - '0');
        s->has_digit = s->has_digit || is_digit;
        if (!is_digit && sparse_add_number(s, e))
            return -1;
    }
    *is_whole = s->has_expected && s->expected == 0;
    return 0;
}

int sparse_check(const struct sparse *s, uint64_t stored_bytes, uint64_t real_bytes, struct err *e)
{
    uint64_t end = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->count; i++) {
        const struct ustar_pair *piece = &s->pieces[i];
        if (piece->offset < end || piece->offset > real_bytes ||
            piece->size > real_bytes - piece->offset)
            return sparse_refuse(e);
        end = piece->offset + piece->size;
        sum += piece->size;
    }
    return sum != stored_bytes || s->has_offset ? sparse_refuse(e) : 0;
}

size_t sparse_next(struct sparse *s, size_t max, uint64_t *offset)
{
    const struct ustar_pair *piece = &s->pieces[s->now];
    uint64_t left = piece->size - s->done;
    size_t n = left < max ? (size_t)left : max;
    *offset = piece->offset + s->done;
    s->done += n;
    if (s->done == piece->size) {
        s->now++;
        s->done = 0;
    }
    return n;
}
