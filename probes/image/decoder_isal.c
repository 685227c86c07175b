#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "probes/image/decoder.h"

enum {
    DECODER_ISAL_RESERVED = 0xe0 /* flags no gzip has; SOURCE: RFC 1952 2.3.1.2 */
};

/*
 * The header is read apart: isal_inflate forgets what it has read of one when the input ends within
 * it.
 */
struct decoder_isal_state {
    struct inflate_state inflate;
    struct isal_gzip_header header;
    bool has_header;
};

static void *decoder_isal_open(void)
{
    struct decoder_isal_state *s = calloc(1, sizeof *s);
    if (s)
        isal_inflate_init(&s->inflate);
    return s;
}

static bool decoder_isal_start(void *state)
{
    struct decoder_isal_state *s = state;
    isal_inflate_reset(&s->inflate);
    isal_gzip_header_init(&s->header);
    s->inflate.crc_flag = ISAL_GZIP;
    s->has_header = false;
    return true;
}

static bool decoder_isal_begins(uint8_t byte)
{
    return byte == 0x1f; /* SOURCE: RFC 1952 2.3.1 */
}

static const char *decoder_isal_why(int answer)
{
    static const char *const why[] = {
        [-ISAL_INVALID_BLOCK] = "invalid block type",
        [-ISAL_INVALID_SYMBOL] = "invalid code",
        [-ISAL_INVALID_LOOKBACK] = "invalid distance too far back",
        [-ISAL_INVALID_WRAPPER] = "incorrect header check",
        [-ISAL_UNSUPPORTED_METHOD] = "unknown compression method",
        [-ISAL_INCORRECT_CHECKSUM] = "incorrect data check",
    };
    bool is_known = answer < 0 && (size_t)-answer < sizeof why / sizeof *why && why[-answer];
    return is_known ? why[-answer] : "ISA-L does not say why";
}

/* 1: more input is needed. */
static int decoder_isal_header(struct decoder_isal_state *s, struct decoder_io *io)
{
    int answer = isal_read_gzip_header(&s->inflate, &s->header);
    bool is_reserved = answer == ISAL_DECOMP_OK && s->header.flags & DECODER_ISAL_RESERVED;
    if (answer < 0 || is_reserved)
        io->why = is_reserved ? "unknown header flags set" : decoder_isal_why(answer);
    s->has_header = answer == ISAL_DECOMP_OK;
    return io->why ? -1 : answer != ISAL_DECOMP_OK;
}

static enum decoder_answer decoder_isal_run(struct decoder_isal_state *s, struct decoder_io *io)
{
    int missing = s->has_header ? 0 : decoder_isal_header(s, io);
    if (missing)
        return missing < 0 ? DECODER_BROKEN : DECODER_MORE;
    int answer = isal_inflate(&s->inflate);
    if (answer != ISAL_DECOMP_OK) {
        io->why = decoder_isal_why(answer);
        return DECODER_BROKEN;
    }
    return s->inflate.block_state == ISAL_BLOCK_FINISH ? DECODER_END : DECODER_MORE;
}

static enum decoder_answer decoder_isal_step(void *state, struct decoder_io *io)
{
    struct decoder_isal_state *s = state;
    s->inflate.next_in = io->in;
    s->inflate.avail_in = (uint32_t)io->in_bytes;
    s->inflate.next_out = io->out;
    s->inflate.avail_out = (uint32_t)io->out_bytes;
    enum decoder_answer answer = decoder_isal_run(s, io);
    io->in = s->inflate.next_in;
    io->in_bytes = s->inflate.avail_in;
    io->out = s->inflate.next_out;
    io->out_bytes = s->inflate.avail_out;
    return answer;
}

static void decoder_isal_release(void *state)
{
    free(state);
}

const struct decoder decoder_isal = {
    .name = "isal",
    .format = "gzip",
    .open = decoder_isal_open,
    .start = decoder_isal_start,
    .begins = decoder_isal_begins,
    .step = decoder_isal_step,
    .release = decoder_isal_release,
};
