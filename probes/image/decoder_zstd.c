#include <zstd.h>
#include <zstd_errors.h>

#include "probes/image/decoder.h"

static void *decoder_zstd_open(void)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context)
        (void)ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, DECODER_WINDOW_LOG);
    return context;
}

static bool decoder_zstd_start(void *state)
{
    return !ZSTD_isError(ZSTD_DCtx_reset(state, ZSTD_reset_session_only));
}

/* SOURCE: RFC 8878 3.1.1 and 3.1.2: a frame, or one to be skipped, lowest byte first. */
static bool decoder_zstd_begins(uint8_t byte)
{
    return byte == 0x28 || (byte & 0xf0) == 0x50;
}

static enum decoder_answer decoder_zstd_step(void *state, struct decoder_io *io)
{
    ZSTD_inBuffer in = { .src = io->in, .size = io->in_bytes };
    ZSTD_outBuffer out = { .dst = io->out, .size = io->out_bytes };
    size_t answer = ZSTD_decompressStream(state, &out, &in);
    io->in += in.pos;
    io->in_bytes -= in.pos;
    io->out += out.pos;
    io->out_bytes -= out.pos;
    if (!ZSTD_isError(answer))
        return answer == 0 ? DECODER_END : DECODER_MORE;
    io->why = ZSTD_getErrorName(answer);
    return ZSTD_getErrorCode(answer) == ZSTD_error_memory_allocation ? DECODER_NO_MEMORY
                                                                     : DECODER_BROKEN;
}

static void decoder_zstd_release(void *state)
{
    (void)ZSTD_freeDCtx(state);
}

const struct decoder decoder_zstd = {
    .name = "zstd",
    .format = "zstd",
    .open = decoder_zstd_open,
    .start = decoder_zstd_start,
    .begins = decoder_zstd_begins,
    .step = decoder_zstd_step,
    .release = decoder_zstd_release,
};
