/*
 * Arbitrary bytes through every decoder: the first byte says of which format. What zlib takes,
 * ISA-L takes too, and the other way round, and both make the same of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probes/image/digest.h"
#include "probes/image/stream.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    OUT_BYTES_MAX = 1 << 20
};

struct outcome {
    bool is_whole;
    uint64_t bytes;
    uint8_t digest[DIGEST_BYTES];
};

static struct outcome drain(const struct stream_source *source, enum stream_decoder gzip_by)
{
    static struct stream stream; /* one for all inputs, as one serves all layers */
    struct sha256_ctx hash;
    struct outcome outcome = { 0 };
    struct err e = { 0 };
    const uint8_t *bytes = NULL;
    size_t size = 0;
    if (!stream.in && stream_open(&stream, &e))
        abort();
    stream_use(&stream, gzip_by);
    sha256_init(&hash);
    int failed = stream_start(&stream, source, OUT_BYTES_MAX, &e);
    do {
        failed = failed || stream_read(&stream, &bytes, &size, &e);
        sha256_update(&hash, failed ? 0 : size, bytes);
        outcome.bytes += failed ? 0 : size;
    } while (!failed && size > 0);
    if (failed && e.msg[0] == '\0')
        abort(); /* a refusal without a reason */
    if (outcome.bytes > OUT_BYTES_MAX)
        abort();
    outcome.is_whole = !failed;
    sha256_digest(&hash, sizeof outcome.digest, outcome.digest);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum stream_form forms[] = { STREAM_GZIP, STREAM_ZSTD, STREAM_PLAIN };
    struct err e;
    if (size < 1)
        return 0;
    AUTO_CLOSE int fd = memfd_create("layer", MFD_CLOEXEC);
    if (fd < 0 || file_write_all(fd, data + 1, size - 1, &e))
        abort();
    const struct stream_source source = { .fd = fd, .size = size - 1, .form = forms[data[0] % 3] };
    struct outcome by_zlib = drain(&source, STREAM_BY_ZLIB);
    struct outcome by_isal = drain(&source, STREAM_BY_ISAL);
    if (by_zlib.is_whole != by_isal.is_whole)
        abort();
    if (by_zlib.is_whole && memcmp(by_zlib.digest, by_isal.digest, DIGEST_BYTES) != 0)
        abort();
    return 0;
}
