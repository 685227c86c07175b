#include "probes/image/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STREAM_WINDOW_BITS = 15 + 16, /* SOURCE: zlib.h, inflateInit2: 16 more expects a gzip header */
};

int stream_open(struct stream *s, struct err *e)
{
    *s = (struct stream){ .in = malloc(STREAM_IN_BYTES), .out = malloc(STREAM_OUT_BYTES) };
    s->z_open = s->in && s->out && inflateInit2(&s->z, STREAM_WINDOW_BITS) == Z_OK;
    return s->z_open ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory to decompress layers");
}

void stream_release(struct stream *s)
{
    if (s->z_open)
        (void)inflateEnd(&s->z);
    free(s->in);
    free(s->out);
    *s = (struct stream){ 0 };
}

int stream_start(struct stream *s, const struct stream_source *source, uint64_t out_max,
                 struct err *e)
{
    s->source = *source;
    s->at = 0;
    s->out_max = out_max;
    s->out_bytes = 0;
    s->between = true;
    s->z.avail_in = 0;
    return inflateReset(&s->z) == Z_OK ? 0 : err_set(e, ERR_DATA, 0, "zlib refused to start");
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
    s->at += (uint64_t)n;
    *size = (size_t)n;
    return 0;
}

/* Between members: more input that begins like one begins one; the end is the end. */
static int stream_next_member(struct stream *s, struct err *e)
{
    if (s->out_bytes > 0 || s->z.total_in > 0) {
        if (s->z.avail_in && s->z.next_in[0] != 0x1f)
            return err_set(e, ERR_DATA, 0, "garbage follows the gzip stream at byte %llu",
                           (unsigned long long)(s->at - s->z.avail_in));
        if (inflateReset(&s->z) != Z_OK)
            return err_set(e, ERR_DATA, 0, "zlib refused to start");
    }
    s->between = false;
    return 0;
}

static int stream_refuse(const struct stream *s, int answer, struct err *e)
{
    if (answer == Z_MEM_ERROR)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to decompress");
    return err_set(e, ERR_DATA, 0, "not a sound gzip stream at byte %llu: %s",
                   (unsigned long long)(s->at - s->z.avail_in),
                   s->z.msg ? s->z.msg : "a dictionary is asked for");
}

/* Inflates until the output is full or the input is used up. */
static int stream_inflate(struct stream *s, struct err *e)
{
    while (s->z.avail_out > 0) {
        if (s->z.avail_in == 0) {
            size_t size = 0;
            if (stream_fetch(s, s->in, STREAM_IN_BYTES, &size, e))
                return -1;
            if (size == 0)
                return s->between && s->at > 0
                           ? 0
                           : err_set(e, ERR_DATA, 0, "the gzip stream is truncated");
            s->z.next_in = s->in;
            s->z.avail_in = (uInt)size;
        }
        if (s->between && stream_next_member(s, e))
            return -1;
        int answer = inflate(&s->z, Z_NO_FLUSH);
        if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR)
            return stream_refuse(s, answer, e);
        s->between = answer == Z_STREAM_END;
    }
    return 0;
}

int stream_read(struct stream *s, const uint8_t **bytes, size_t *size, struct err *e)
{
    *bytes = s->out;
    *size = 0;
    if (s->source.form == STREAM_PLAIN) {
        if (stream_fetch(s, s->out, STREAM_OUT_BYTES, size, e))
            return -1;
    } else {
        s->z.next_out = s->out;
        s->z.avail_out = STREAM_OUT_BYTES;
        if (stream_inflate(s, e))
            return -1;
        *size = STREAM_OUT_BYTES - s->z.avail_out;
    }
    s->out_bytes += *size;
    if (s->out_bytes > s->out_max)
        return err_set(e, ERR_DATA, 0, "more than %llu MiB come out of %llu KiB",
                       (unsigned long long)(s->out_max >> 20),
                       (unsigned long long)(s->source.size >> 10));
    return 0;
}
