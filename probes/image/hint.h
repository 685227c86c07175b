/*
 * hint: how large a packed layer says it is when unpacked, so that room and budgets are known
 * before it is read. Only a hint: what unpacks keeps to its limits whatever stands there.
 *
 * gzip's trailer has the size modulo 4 GiB, of its last member; zstd's header may have it. A size
 * well below the packed one is not believed (several members, more than 4 GiB), nor one beyond what
 * the format can: then HINT_FACTOR times the packed size stands for it.
 * SOURCE: RFC 1952 2.3.1 (ISIZE); RFC 8878 3.1.1.1.4; zlib's technical notes (1032:1 at most).
 *
 * Results are at most HINT_BYTES_MAX. Stateless.
 */
#ifndef PROBES_IMAGE_HINT_H
#define PROBES_IMAGE_HINT_H

#include <stddef.h>
#include <stdint.h>

#include "probes/image/stream.h"

#define HINT_BYTES_MAX (UINT64_C(1) << 40) /* sums of all layers of an image do not overflow */

enum {
    HINT_FACTOR = 5, /* layers pack about 3:1; those of text only, 5:1 */
    HINT_GZIP_TAIL = 4,
    HINT_ZSTD_HEAD = 18,    /* SOURCE: RFC 8878 3.1.1.1: magic, and a header of 14 bytes at most */
    HINT_SLACK_BYTES = 4096 /* what packing may add to a layer that does not pack */
};

/* From the last four bytes of the gzip file. */
uint64_t hint_of_gzip(const uint8_t tail[HINT_GZIP_TAIL], uint64_t packed_bytes);
/* From up to HINT_ZSTD_HEAD bytes at its start. */
uint64_t hint_of_zstd(const uint8_t *head, size_t size, uint64_t packed_bytes);
/* Reads what is needed; what cannot be read counts as HINT_FACTOR times as large. */
uint64_t hint_of_source(const struct stream_source *source);

#endif
