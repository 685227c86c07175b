/*
 * pax: the records of a pax extended header, "LENGTH KEYWORD=VALUE\n" again and again.
 * SOURCE: POSIX.1-2017 pax, "pax Extended Header". Stateless; allocates nothing.
 */
#ifndef PROBES_IMAGE_PAX_H
#define PROBES_IMAGE_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "probes/kit/err.h"

struct pax_record {
    const char *key, *value; /* within the header; not terminated */
    size_t key_size, value_size;
};

/* The record at *at, which moves on. 1; 0 at the end; -1 ERR_DATA. */
int pax_next(const char *bytes, size_t size, size_t *at, struct pax_record *r, struct err *e);

bool pax_key_is(const struct pax_record *r, const char *key);
/* What follows the prefix in the key; NULL when it does not begin with it. */
const char *pax_key_after(const struct pax_record *r, const char *prefix, size_t *size);

/* Decimal digits and nothing else; ERR_DATA names the key. */
int pax_number(const struct pax_record *r, uint64_t *value, struct err *e);
/* Seconds since 1970 with a fraction: "1700000000.25", "-1.5"; beyond nanoseconds it is cut. */
int pax_time(const struct pax_record *r, struct timespec *t, struct err *e);
/* Digits from *at on, up to one of the two ends or to the end of text; *at is then there. */
int pax_digits(const char *text, size_t size, size_t *at, const char ends[2], uint64_t *value);

#endif
