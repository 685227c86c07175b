/*
 * What a packed layer says of its size, from any bytes: bounded, and never less than nothing. The
 * first eight bytes are the packed size; the rest the head, and its end the tail.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/image/hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t packed = 0;
    if (size < sizeof packed + HINT_GZIP_TAIL)
        return 0;
    memcpy(&packed, data, sizeof packed);
    data += sizeof packed;
    size -= sizeof packed;
    size_t head = size < HINT_ZSTD_HEAD ? size : HINT_ZSTD_HEAD;
    uint64_t least = packed < HINT_BYTES_MAX / 2 ? packed - packed / 100 : HINT_BYTES_MAX / 2;
    uint64_t gzip = hint_of_gzip(data + size - HINT_GZIP_TAIL, packed);
    uint64_t zstd = hint_of_zstd(data, head, packed);
    if (gzip > HINT_BYTES_MAX || zstd > HINT_BYTES_MAX)
        abort();
    if (gzip + HINT_SLACK_BYTES < least || zstd + HINT_SLACK_BYTES < least)
        abort();
    return 0;
}
