#include "probes/image/hint.h"

#include <stdbool.h>
#include <unistd.h>
#include <zstd.h>

enum {
    HINT_GZIP_RATIO = 1032
};

static uint64_t hint_cap(uint64_t bytes)
{
    return bytes < HINT_BYTES_MAX ? bytes : HINT_BYTES_MAX;
}

static uint64_t hint_guess(uint64_t packed_bytes)
{
    return hint_cap(hint_cap(packed_bytes) * HINT_FACTOR);
}

/* What does not pack grows by less than a thousandth (stored blocks), and a header. */
static bool hint_is_low(uint64_t bytes, uint64_t packed)
{
    return bytes + bytes / 1000 + HINT_SLACK_BYTES < packed;
}

uint64_t hint_of_gzip(const uint8_t tail[HINT_GZIP_TAIL], uint64_t packed_bytes)
{
    uint64_t packed = hint_cap(packed_bytes);
    uint64_t bytes =
        tail[0] | (uint64_t)tail[1] << 8 | (uint64_t)tail[2] << 16 | (uint64_t)tail[3] << 24;
    if (hint_is_low(bytes, packed) || bytes / HINT_GZIP_RATIO > packed)
        return hint_guess(packed);
    return bytes;
}

uint64_t hint_of_zstd(const uint8_t *head, size_t size, uint64_t packed_bytes)
{
    uint64_t packed = hint_cap(packed_bytes);
    unsigned long long bytes = ZSTD_getFrameContentSize(head, size);
    if (bytes == ZSTD_CONTENTSIZE_UNKNOWN || bytes == ZSTD_CONTENTSIZE_ERROR ||
        hint_is_low(hint_cap(bytes), packed))
        return hint_guess(packed);
    return hint_cap(bytes);
}

static bool hint_read(const struct stream_source *source, uint64_t at, uint8_t *bytes, size_t size)
{
    return pread(source->fd, bytes, size, (off_t)(source->offset + at)) == (ssize_t)size;
}

static uint64_t hint_from_tail(const struct stream_source *source)
{
    uint8_t tail[HINT_GZIP_TAIL];
    if (source->size < sizeof tail ||
        !hint_read(source, source->size - sizeof tail, tail, sizeof tail))
        return hint_guess(source->size);
    return hint_of_gzip(tail, source->size);
}

static uint64_t hint_from_head(const struct stream_source *source)
{
    uint8_t head[HINT_ZSTD_HEAD];
    size_t size = source->size < sizeof head ? (size_t)source->size : sizeof head;
    if (!hint_read(source, 0, head, size))
        return hint_guess(source->size);
    return hint_of_zstd(head, size, source->size);
}

static uint64_t hint_from_size(const struct stream_source *source)
{
    return hint_cap(source->size);
}

uint64_t hint_of_source(const struct stream_source *source)
{
    static uint64_t (*const ways[])(const struct stream_source *) = {
        [STREAM_GZIP] = hint_from_tail,
        [STREAM_PLAIN] = hint_from_size,
        [STREAM_ZSTD] = hint_from_head,
    };

    return ways[source->form](source);
}
