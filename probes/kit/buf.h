/*
 * buf: growable bytes with a mandatory cap; always terminated by a NUL that size does not count.
 *
 * {.cap = N} is an empty buffer that may grow to N bytes; a zeroed one may grow to
 * LIMITS_BUF_BYTES. A failed append leaves `failed` set and the content as it was; check once, at
 * the end.
 */
#ifndef PROBES_KIT_BUF_H
#define PROBES_KIT_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;  /* NULL while empty */
    size_t size; /* bytes held */
    size_t room; /* bytes allocated */
    size_t cap;  /* bytes it may grow to; 0 means LIMITS_BUF_BYTES */
    bool failed; /* out of memory, or over the cap */
};

void buf_add(struct buf *b, const void *bytes, size_t size) __attribute__((nonnull(1)));
void buf_adds(struct buf *b, const char *text) __attribute__((nonnull));
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), nonnull(1, 2)));
/* The text, "" while empty. Valid until the next append. */
const char *buf_text(const struct buf *b) __attribute__((nonnull));
void buf_clear(struct buf *b) __attribute__((nonnull));   /* empties, keeps the memory */
void buf_release(struct buf *b) __attribute__((nonnull)); /* idempotent */

#endif
