#include <stdlib.h>
#include <zlib.h>

#include "probes/image/decoder.h"

enum {
    DECODER_ZLIB_BITS = 15 + 16, /* SOURCE: zlib.h, inflateInit2: 16 more expects a gzip header */
};

static void *decoder_zlib_open(void)
{
    z_stream *z = calloc(1, sizeof *z);
    if (z && inflateInit2(z, DECODER_ZLIB_BITS) != Z_OK) {
        free(z);
        return NULL;
    }
    return z;
}

static bool decoder_zlib_start(void *state)
{
    return inflateReset(state) == Z_OK;
}

static bool decoder_zlib_begins(uint8_t byte)
{
    return byte == 0x1f; /* SOURCE: RFC 1952 2.3.1 */
}

static enum decoder_answer decoder_zlib_step(void *state, struct decoder_io *io)
{
    z_stream *z = state;
    z->next_in = io->in;
    z->avail_in = (uInt)io->in_bytes;
    z->next_out = io->out;
    z->avail_out = (uInt)io->out_bytes;
    int answer = inflate(z, Z_NO_FLUSH);
    io->in = z->next_in;
    io->in_bytes = z->avail_in;
    io->out = z->next_out;
    io->out_bytes = z->avail_out;
    if (answer == Z_OK || answer == Z_BUF_ERROR)
        return DECODER_MORE;
    if (answer == Z_STREAM_END)
        return DECODER_END;
    io->why = z->msg ? z->msg : "a dictionary is asked for";
    return answer == Z_MEM_ERROR ? DECODER_NO_MEMORY : DECODER_BROKEN;
}

static void decoder_zlib_release(void *state)
{
    if (state)
        (void)inflateEnd(state);
    free(state);
}

const struct decoder decoder_zlib = {
    .name = "zlib",
    .format = "gzip",
    .open = decoder_zlib_open,
    .start = decoder_zlib_start,
    .begins = decoder_zlib_begins,
    .step = decoder_zlib_step,
    .release = decoder_zlib_release,
};
