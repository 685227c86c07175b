#include "probes/image/unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include "probes/kit/auto.h"

int unpack_open(struct unpack *u, struct err *e)
{
    *u = (struct unpack){ .entry = archive_entry_new() };
    if (!u->entry)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack layers");
    return apply_open(&u->apply, e) || stream_open(&u->stream, e) ? -1 : 0;
}

void unpack_release(struct unpack *u)
{
    stream_release(&u->stream);
    apply_release(&u->apply);
    archive_entry_free(u->entry);
    u->entry = NULL;
}

/* libarchive's read callback. It passes a number only; the sentence stays in u->err. */
static la_ssize_t unpack_read(struct archive *reader, void *arg, const void **bytes)
{
    struct unpack *u = arg;
    const uint8_t *from = NULL;
    size_t size = 0;
    if (apply_check(&u->apply, &u->err) || stream_read(&u->stream, &from, &size, &u->err)) {
        archive_set_error(reader, u->err.sys, "%s", u->err.msg);
        return ARCHIVE_FATAL;
    }
    *bytes = from;
    return (la_ssize_t)size;
}

static int unpack_refuse(const struct unpack *u, struct archive *reader, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    const char *why = archive_error_string(reader);
    if (u->err.kind != ERR_NONE) {
        *e = u->err;
        return -1;
    }
    return err_set(e, ERR_DATA, 0, "not a sound tar: %s",
                   beneath_show(why ? why : "no reason given", shown));
}

static int unpack_entries(struct unpack *u, struct archive *reader, struct err *e)
{
    int answer = archive_read_next_header2(reader, u->entry);
    for (; answer == ARCHIVE_OK || answer == ARCHIVE_WARN;
         answer = archive_read_next_header2(reader, u->entry)) {
        if (apply_entry(&u->apply, reader, u->entry, e))
            return -1;
    }
    return answer == ARCHIVE_EOF ? 0 : unpack_refuse(u, reader, e);
}

/* What stands behind the end of the tar, so that a broken end of the stream is found too. */
static int unpack_drain(struct unpack *u, struct err *e)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    do {
        if (apply_check(&u->apply, e) || stream_read(&u->stream, &bytes, &size, e))
            return -1;
    } while (size > 0);
    return 0;
}

static int unpack_run(struct unpack *u, struct archive *reader, struct err *e)
{
    if (archive_read_support_format_tar(reader) != ARCHIVE_OK ||
        archive_read_support_format_empty(reader) != ARCHIVE_OK ||
        archive_read_open(reader, u, NULL, unpack_read, NULL) != ARCHIVE_OK) {
        return unpack_refuse(u, reader, e);
    }
    return unpack_entries(u, reader, e) || unpack_drain(u, e) || apply_finish(&u->apply, e) ? -1
                                                                                            : 0;
}

int unpack_layer(struct unpack *u, const struct stream_source *source, int dir_fd,
                 const struct apply_limits *limits, struct apply_count *count, struct err *e)
{
    u->err = (struct err){ 0 };
    apply_start(&u->apply, dir_fd, limits, count);
    if (stream_start(&u->stream, source, u->apply.limits.bytes, e))
        return -1;
    struct archive *reader = archive_read_new();
    if (!reader)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read a layer");
    int failed = unpack_run(u, reader, e);
    if (failed && u->err.kind != ERR_NONE)
        e->kind = u->err.kind;
    count->stream_bytes += u->stream.out_bytes;
    (void)archive_read_free(reader);
    apply_stop(&u->apply);
    return failed;
}

int unpack_drop(struct unpack *u, const struct stream_source *source,
                const struct apply_limits *limits, uint64_t *stream_bytes, struct err *e)
{
    struct apply_count count = { 0 };
    apply_start(&u->apply, -1, limits, &count);
    if (stream_start(&u->stream, source, u->apply.limits.bytes, e))
        return -1;
    int failed = unpack_drain(u, e);
    *stream_bytes += u->stream.out_bytes;
    return failed;
}
