#include "probes/image/unpack.h"

#include <string.h>

int unpack_open(struct unpack *u, const struct runtime *runtime, struct err *e)
{
    *u = (struct unpack){ 0 };
    return untar_open(&u->untar, e) || apply_open(&u->apply, e) ||
                   inflow_open(&u->inflow, runtime, e)
               ? -1
               : 0;
}

void unpack_release(struct unpack *u)
{
    inflow_release(&u->inflow);
    apply_release(&u->apply);
    untar_release(&u->untar);
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

/*
 * How often Go's tar reader reads for this entry: a header, three for one with extended records;
 * once for content, and once for what fills its last block up. What goes over a chunk's end is read
 * in turns with the thread that hands it over.
 */
static unsigned unpack_reads(const struct unpack *u)
{
    uint64_t size = u->untar.entry.size;
    unsigned reads = u->untar.extra.is_empty ? 1 : 3;
    if (size > 0)
        reads += size % USTAR_BLOCK_BYTES ? 2 : 1;
    return reads;
}

static double unpack_entry_ns(const struct untar_entry *entry, const struct runtime *r)
{
    unsigned parts = 0;
    for (const char *at = strchr(entry->path, '/'); at && at[1]; at = strchr(at + 1, '/'))
        parts++;
    return (r->costs->entry_kib + parts * r->costs->part_kib) * r->kib_ns;
}

/* An entry's calls, and the runtime's code around them. */
static int unpack_event(struct unpack *u, int event, const struct untar_piece *piece, struct err *e)
{
    const struct runtime *runtime = u->inflow.runtime;
    const struct untar_entry *entry = &u->untar.entry;
    if (event == UNTAR_CONTENT)
        return apply_content(&u->apply, entry, piece, e);
    if (event == UNTAR_ENTRY) {
        if (runtime)
            inflow_stir(&u->inflow, unpack_reads(u));
        return apply_entry(&u->apply, entry, e);
    }
    if (apply_entry_end(&u->apply, entry, e))
        return -1;
    if (runtime)
        surcharge_owe(&u->inflow.spent, unpack_entry_ns(entry, runtime));
    return 0;
}

static int unpack_chunk(struct unpack *u, const uint8_t *bytes, size_t size, struct err *e)
{
    struct untar_piece piece;
    int event = UNTAR_MORE;
    untar_feed(&u->untar, bytes, size);
    while ((event = untar_next(&u->untar, &piece, e)) > UNTAR_MORE) {
        if (unpack_event(u, event, &piece, e))
            return -1;
    }
    return event < 0 ? rules_wrap_tar(&u->untar, e) : 0;
}

/* To the end of the stream, behind that of the tar, so that a broken end is found too. */
static int unpack_run(struct unpack *u, struct err *e)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    do {
        if (unpack_next(u, &bytes, &size, e))
            return rules_wrap_stream(&u->untar, e);
        if (size > 0 && unpack_chunk(u, bytes, size, e))
            return -1;
    } while (size > 0);
    return untar_over(&u->untar, e) ? rules_wrap_tar(&u->untar, e) : apply_finish(&u->apply, e);
}

int unpack_layer(struct unpack *u, const struct stream_source *source, const struct walk *at,
                 const struct rules_limits *limits, struct rules_count *count, struct err *e)
{
    apply_start(&u->apply, at, limits, count);
    untar_start(&u->untar);
    int failed = inflow_start(&u->inflow, source, u->apply.bytes_max, e) || unpack_run(u, e);
    apply_stop(&u->apply);
    count->stream_bytes += u->inflow.out_bytes;
    surcharge_settle(&u->inflow.spent);
    inflow_stop(&u->inflow, u->digest);
    u->modelled_ns += u->inflow.spent.spent_ns;
    u->beside_ns += u->inflow.beside_ns;
    return failed ? -1 : 0;
}
