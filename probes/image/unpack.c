#include "probes/image/unpack.h"

#include <string.h>

#include <archive.h>
#include <archive_entry.h>

enum {
    UNPACK_BLOCK_BYTES = 512 /* SOURCE: POSIX.1-2017 pax, "ustar" */
};

int unpack_open(struct unpack *u, const struct runtime *runtime, struct err *e)
{
    *u = (struct unpack){ .entry = archive_entry_new() };
    if (!u->entry)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack layers");
    return apply_open(&u->apply, e) || inflow_open(&u->inflow, runtime, e) ? -1 : 0;
}

void unpack_release(struct unpack *u)
{
    inflow_release(&u->inflow);
    apply_release(&u->apply);
    archive_entry_free(u->entry);
    u->entry = NULL;
}

/* The next bytes of the stream; looks at the limits meanwhile. */
static int unpack_next(struct unpack *u, const uint8_t **bytes, size_t *size, struct err *e)
{
    do {
        if (apply_check(&u->apply, e))
            return -1;
    } while (!inflow_wait(&u->inflow));
    return inflow_read(&u->inflow, bytes, size, e);
}

/* libarchive's read callback. It passes a number only; the sentence stays in u->err. */
static la_ssize_t unpack_read(struct archive *reader, void *arg, const void **bytes)
{
    struct unpack *u = arg;
    const uint8_t *from = NULL;
    size_t size = 0;
    if (unpack_next(u, &from, &size, &u->err)) {
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

/*
 * How often Go's tar reader reads for this entry: a header, three for one with extended records;
 * once for content, and once for what fills its last block up. What goes over a chunk's end is read
 * in turns with the thread that hands it over.
 */
static unsigned unpack_reads(const struct unpack *u, struct archive *reader)
{
    la_int64_t header_bytes =
        archive_filter_bytes(reader, 0) - archive_read_header_position(reader);
    int64_t size = archive_entry_size(u->entry);
    unsigned reads = header_bytes >= (la_int64_t)2 * UNPACK_BLOCK_BYTES ? 3 : 1;
    if (size > 0)
        reads += size % UNPACK_BLOCK_BYTES ? 2 : 1;
    return reads;
}

static double unpack_entry_ns(const struct unpack *u, const struct runtime *r)
{
    unsigned parts = 0;
    const char *path = archive_entry_pathname(u->entry);
    for (const char *at = path ? strchr(path, '/') : NULL; at && at[1]; at = strchr(at + 1, '/'))
        parts++;
    return (r->costs->entry_kib + parts * r->costs->part_kib) * r->kib_ns;
}

/* An entry's calls, and the runtime's code around them. */
static int unpack_entry(struct unpack *u, struct archive *reader, struct err *e)
{
    const struct runtime *runtime = u->inflow.runtime;
    if (runtime)
        inflow_stir(&u->inflow, unpack_reads(u, reader));
    if (apply_entry(&u->apply, reader, u->entry, e))
        return -1;
    if (runtime)
        surcharge_owe(&u->inflow.spent, unpack_entry_ns(u, runtime));
    return 0;
}

static int unpack_entries(struct unpack *u, struct archive *reader, struct err *e)
{
    int answer = archive_read_next_header2(reader, u->entry);
    for (; answer == ARCHIVE_OK || answer == ARCHIVE_WARN;
         answer = archive_read_next_header2(reader, u->entry)) {
        if (unpack_entry(u, reader, e))
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
        if (unpack_next(u, &bytes, &size, e))
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

int unpack_layer(struct unpack *u, const struct stream_source *source, const struct walk *at,
                 const struct apply_limits *limits, struct apply_count *count, struct err *e)
{
    u->err = (struct err){ 0 };
    apply_start(&u->apply, at, limits, count);
    struct archive *reader = archive_read_new();
    if (!reader)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read a layer");
    int failed =
        inflow_start(&u->inflow, source, u->apply.limits.bytes, e) || unpack_run(u, reader, e);
    if (failed && u->err.kind != ERR_NONE)
        e->kind = u->err.kind;
    count->stream_bytes += u->inflow.out_bytes;
    surcharge_settle(&u->inflow.spent);
    inflow_stop(&u->inflow, u->digest);
    u->modelled_ns += u->inflow.spent.spent_ns;
    u->beside_ns += u->inflow.beside_ns;
    (void)archive_read_free(reader);
    return failed ? -1 : 0;
}
