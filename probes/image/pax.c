#include "probes/image/pax.h"

#include <string.h>

enum {
    PAX_FRACTION_DIGITS = 9
};

int pax_digits(const char *text, size_t size, size_t *at, const char ends[2], uint64_t *value)
{
    size_t from = *at;
    *value = 0;
    for (; *at < size && text[*at] >= '0' && text[*at] <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(text[*at] - '0');
        if (*value > (INT64_MAX - digit) / 10)
            return -1;
        *value = *value * 10 + digit;
    }
    if (*at == from)
        return -1;
    if (*at == size)
        return 0;
    return text[*at] == ends[0] || text[*at] == ends[1] ? 0 : -1;
}

int pax_next(const char *bytes, size_t size, size_t *at, struct pax_record *r, struct err *e)
{
    uint64_t length = 0;
    size_t key = *at;
    if (*at == size)
        return 0;
    if (pax_digits(bytes, size, &key, "  ", &length) || key == size || length > size - *at ||
        *at + length <= key + 1 || bytes[*at + length - 1] != '\n')
        return err_set(e, ERR_DATA, 0, "a pax record whose length is wrong");
    key++;
    const char *end = bytes + *at + length - 1;
    const char *equals = memchr(bytes + key, '=', (size_t)(end - bytes) - key);
    if (!equals || equals == bytes + key ||
        memchr(bytes + key, '\0', (size_t)(equals - bytes) - key))
        return err_set(e, ERR_DATA, 0, "a pax record without a keyword");
    *r = (struct pax_record){ .key = bytes + key,
                              .value = equals + 1,
                              .key_size = (size_t)(equals - bytes) - key,
                              .value_size = (size_t)(end - equals) - 1 };
    *at += length;
    return 1;
}

const char *pax_key_after(const struct pax_record *r, const char *prefix, size_t *size)
{
    size_t n = strlen(prefix);
    if (r->key_size < n || memcmp(r->key, prefix, n) != 0)
        return NULL;
    *size = r->key_size - n;
    return r->key + n;
}

bool pax_key_is(const struct pax_record *r, const char *key)
{
    size_t more = 0;
    return pax_key_after(r, key, &more) && more == 0;
}

static int pax_refuse(const struct pax_record *r, struct err *e)
{
    return err_set(e, ERR_DATA, 0, "the pax record '%.*s' is no number", (int)r->key_size, r->key);
}

int pax_number(const struct pax_record *r, uint64_t *value, struct err *e)
{
    size_t at = 0;
    if (pax_digits(r->value, r->value_size, &at, "\n\n", value) || at != r->value_size)
        return pax_refuse(r, e);
    return 0;
}

/* Nanoseconds of the digits behind the point. */
static int pax_fraction(const char *text, size_t size, long *ns)
{
    *ns = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        if (i < PAX_FRACTION_DIGITS)
            *ns = *ns * 10 + (text[i] - '0');
    }
    for (size_t i = size; i < PAX_FRACTION_DIGITS; i++)
        *ns *= 10;
    return 0;
}

int pax_time(const struct pax_record *r, struct timespec *t, struct err *e)
{
    size_t at = r->value_size && r->value[0] == '-';
    bool is_negative = at > 0;
    uint64_t seconds = 0;
    long ns = 0;
    if (pax_digits(r->value, r->value_size, &at, "..", &seconds) ||
        pax_fraction(r->value + at + 1, at < r->value_size ? r->value_size - at - 1 : 0, &ns))
        return pax_refuse(r, e);
    *t = (struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = ns };
    if (!is_negative)
        return 0;
    *t = (struct timespec){ .tv_sec = -(time_t)seconds - (ns > 0),
                            .tv_nsec = ns > 0 ? 1000000000 - ns : 0 };
    return 0;
}
