#include "probes/image/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct decoder *const stream_decoders[STREAM_DECODERS] = {
    [STREAM_BY_ZLIB] = &decoder_zlib,
    [STREAM_BY_ISAL] = &decoder_isal,
    [STREAM_BY_ZSTD] = &decoder_zstd,
};

static int stream_no_memory(struct err *e)
{
    return err_set(e, ERR_NO_RESOURCE, 0, "no memory to decompress layers");
}

int stream_open(struct stream *s, struct err *e)
{
    *s = (struct stream){ .in = malloc(STREAM_IN_BYTES), .out = malloc(STREAM_OUT_BYTES) };
    bool is_whole = s->in && s->out;
    for (unsigned i = 0; i < STREAM_DECODERS; i++) {
        s->states[i] = stream_decoders[i]->open();
        is_whole = is_whole && s->states[i];
    }
    return is_whole ? 0 : stream_no_memory(e);
}

void stream_release(struct stream *s)
{
    for (unsigned i = 0; i < STREAM_DECODERS; i++)
        stream_decoders[i]->release(s->states[i]);
    free(s->in);
    free(s->out);
    *s = (struct stream){ 0 };
}

void stream_use(struct stream *s, enum stream_decoder gzip_by)
{
    s->gzip_by = gzip_by;
}

int stream_start(struct stream *s, const struct stream_source *source, uint64_t out_max,
                 struct err *e)
{
    (void)e;
    enum stream_decoder by = source->form == STREAM_ZSTD ? STREAM_BY_ZSTD : s->gzip_by;
    s->source = *source;
    s->at = 0;
    s->out_max = out_max;
    s->out_bytes = 0;
    s->decoder = source->form == STREAM_PLAIN ? NULL : stream_decoders[by];
    s->state = s->states[by];
    s->io = (struct decoder_io){ 0 };
    s->is_between = true;
    s->is_held = false;
    return 0;
}

/* Up to `room` bytes of the source; *size 0 at its end. */
static int stream_fetch(struct stream *s, uint8_t *bytes, size_t room, size_t *size, struct err *e)
{
    uint64_t left = s->source.size - s->at;
    ssize_t n = 0;
    do {
        n = pread(s->source.fd, bytes, left < room ? (size_t)left : room,
                  (off_t)(s->source.offset + s->at));
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(e, err_kind_of(errno), errno, "read the layer");
    if (n == 0 && left > 0)
        return err_set(e, ERR_DATA, 0, "the layer's file ends %llu bytes early",
                       (unsigned long long)left);
    if (s->stored)
        sha256_update(s->stored, (size_t)n, bytes);
    s->at += (uint64_t)n;
    *size = (size_t)n;
    return 0;
}

static unsigned long long stream_place(const struct stream *s)
{
    return s->at - s->io.in_bytes;
}

/* Between members: more input that begins like one begins one. */
static int stream_next_member(struct stream *s, struct err *e)
{
    bool is_first = stream_place(s) == 0;
    if (!is_first && !s->decoder->begins(s->io.in[0]))
        return err_set(e, ERR_DATA, 0, "garbage follows the %s stream at byte %llu",
                       s->decoder->format, stream_place(s));
    s->is_between = false;
    return s->decoder->start(s->state) ? 0 : stream_no_memory(e);
}

static int stream_refuse(const struct stream *s, const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, 0, "not a sound %s stream at byte %llu: %s", s->decoder->format,
                   stream_place(s), why);
}

static int stream_step(struct stream *s, struct err *e)
{
    size_t in_bytes = s->io.in_bytes;
    size_t out_bytes = s->io.out_bytes;
    s->io.why = NULL;
    enum decoder_answer answer = s->decoder->step(s->state, &s->io);
    if (answer == DECODER_NO_MEMORY)
        return stream_no_memory(e);
    if (answer == DECODER_BROKEN)
        return stream_refuse(s, s->io.why, e);
    s->is_between = answer == DECODER_END;
    s->is_held = !s->is_between && s->io.out_bytes == 0;
    bool is_stuck = !s->is_between && in_bytes > 0 && s->io.in_bytes == in_bytes &&
                    s->io.out_bytes == out_bytes;
    return is_stuck ? stream_refuse(s, "it does not get on", e) : 0;
}

/* More input, unless there is some; *is_over at the source's end. */
static int stream_feed(struct stream *s, bool *is_over, struct err *e)
{
    size_t size = 0;
    if (s->io.in_bytes > 0 || s->is_held)
        return 0;
    if (stream_fetch(s, s->in, STREAM_IN_BYTES, &size, e))
        return -1;
    s->io.in = s->in;
    s->io.in_bytes = size;
    *is_over = size == 0;
    if (*is_over && !(s->is_between && s->at > 0))
        return err_set(e, ERR_DATA, 0, "the %s stream is truncated", s->decoder->format);
    return 0;
}

/* Decodes until the output is full or the source used up. */
static int stream_decode(struct stream *s, struct err *e)
{
    bool is_over = false;
    while (s->io.out_bytes > 0) {
        if (stream_feed(s, &is_over, e))
            return -1;
        if (is_over)
            break;
        if ((s->is_between && stream_next_member(s, e)) || stream_step(s, e))
            return -1;
    }
    return 0;
}

int stream_read(struct stream *s, const uint8_t **bytes, size_t *size, struct err *e)
{
    *bytes = s->out;
    *size = 0;
    if (!s->decoder) {
        if (stream_fetch(s, s->out, STREAM_OUT_BYTES, size, e))
            return -1;
    } else {
        s->io.out = s->out;
        s->io.out_bytes = STREAM_OUT_BYTES;
        if (stream_decode(s, e))
            return -1;
        *size = STREAM_OUT_BYTES - s->io.out_bytes;
    }
    s->out_bytes += *size;
    if (s->out_bytes > s->out_max)
        return err_set(e, ERR_DATA, 0, "more than %llu MiB come out of %llu KiB",
                       (unsigned long long)(s->out_max >> 20),
                       (unsigned long long)(s->source.size >> 10));
    return 0;
}
