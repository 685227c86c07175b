#include "probes/image/inflow.h"

#include <string.h>

#include "probes/kit/clk.h"

enum {
    INFLOW_LOOK_MS = 50, /* how often a reader that waits looks at its limits */
    /* SOURCE: klauspost/compress zstd/decoder.go, startStreamDecoder: one block is read, one
     * decoded, one handed over; of 128 KiB at most each (RFC 8878 3.1.1.2.4). */
    INFLOW_ZSTD_BLOCKS = 3
};

int inflow_open(struct inflow *i, const struct runtime *runtime, struct err *e)
{
    *i = (struct inflow){ .runtime = runtime };
    if (stream_open(&i->stream, e))
        return -1;
    if (!runtime)
        return 0;
    return filter_open(&i->filter, e) || ahead_open(&i->ahead, e) || stir_open(&i->stir, e) ? -1
                                                                                            : 0;
}

void inflow_release(struct inflow *i)
{
    stir_release(&i->stir);
    ahead_release(&i->ahead);
    filter_release(&i->filter);
    stream_release(&i->stream);
}

/* How the runtime would decode this form. */
static enum inflow_way inflow_choose(const struct inflow *i, enum stream_form form)
{
    if (!i->runtime || form == STREAM_PLAIN)
        return INFLOW_HERE;
    if (form != STREAM_GZIP)
        return INFLOW_AHEAD;
    return i->runtime->decoder == RUNTIME_OWN ? INFLOW_HERE : INFLOW_PROGRAM;
}

static int inflow_make_from_program(void *arg, uint8_t *bytes, size_t room, size_t *size,
                                    struct err *e)
{
    struct inflow *i = arg;
    if (filter_read(&i->filter, bytes, room, size, e))
        return -1;
    stir_nudge(&i->stir);
    return 0;
}

static int inflow_make_from_stream(void *arg, uint8_t *bytes, size_t room, size_t *size,
                                   struct err *e)
{
    const uint8_t *made = NULL;
    if (stream_read(arg, &made, size, e))
        return -1;
    if (*size > room)
        return err_set(e, ERR_DATA, 0, "a block of %zu bytes", *size);
    memcpy(bytes, made, *size);
    return 0;
}

static int inflow_start_program(struct inflow *i, const struct stream_source *source, struct err *e)
{
    const char *const argv[] = { i->runtime->program, "-d", "-c", NULL };
    const struct ahead_conf conf = { .make = inflow_make_from_program,
                                     .arg = i,
                                     .blocks = 1,
                                     .block_ns = i->runtime->costs->chunk_kib * i->runtime->kib_ns,
                                     .room = FILTER_CHUNK_BYTES };
    if (filter_start(&i->filter, argv, source, e))
        return -1;
    ahead_start(&i->ahead, &conf);
    return 0;
}

static int inflow_start_ahead(struct inflow *i, const struct stream_source *source, struct err *e)
{
    const struct ahead_conf conf = { .make = inflow_make_from_stream,
                                     .arg = &i->stream,
                                     .blocks = INFLOW_ZSTD_BLOCKS,
                                     .room = AHEAD_BLOCK_BYTES,
                                     .surcharge = i->runtime->costs->zstd_ratio - 1 };
    if (stream_start(&i->stream, source, i->out_max, e))
        return -1;
    ahead_start(&i->ahead, &conf);
    return 0;
}

int inflow_start(struct inflow *i, const struct stream_source *source, uint64_t out_max,
                 struct err *e)
{
    bool is_gzip = source->form == STREAM_GZIP;
    i->way = inflow_choose(i, source->form);
    i->left = 0;
    i->out_bytes = 0;
    i->out_max = out_max;
    i->spent = (struct surcharge){ 0 };
    i->beside_ns = 0;
    i->decode_surcharge = i->runtime && is_gzip ? i->runtime->costs->inflate_ratio - 1 : 0;
    i->read_ns = i->runtime ? i->runtime->costs->read_kib * i->runtime->kib_ns : 0;
    i->hash_byte_ns = i->runtime ? i->runtime->costs->hash_kib * i->runtime->kib_ns / 1024 : 0;
    sha256_init(&i->hash);
    switch (i->way) {
    case INFLOW_PROGRAM:
        return inflow_start_program(i, source, e);
    case INFLOW_AHEAD:
        return inflow_start_ahead(i, source, e);
    default:
        return stream_start(&i->stream, source, out_max, e);
    }
}

bool inflow_wait(struct inflow *i)
{
    return i->left > 0 || i->way == INFLOW_HERE || ahead_wait(&i->ahead, INFLOW_LOOK_MS);
}

/* Adds `ratio` times the CPU time since start_ns. */
static void inflow_charge(struct inflow *i, uint64_t start_ns, double ratio)
{
    if (ratio > 0)
        surcharge_owe(&i->spent, (double)(clk_thread_cpu_ns() - start_ns) * ratio);
}

static int inflow_from_ahead(struct inflow *i, struct err *e)
{
    if (ahead_read(&i->ahead, &i->left_at, &i->left, e))
        return -1;
    return i->left == 0 && i->way == INFLOW_PROGRAM ? filter_end(&i->filter, e) : 0;
}

static int inflow_from_here(struct inflow *i, struct err *e)
{
    uint64_t start_ns = i->decode_surcharge > 0 ? clk_thread_cpu_ns() : 0;
    if (stream_read(&i->stream, &i->left_at, &i->left, e))
        return -1;
    inflow_charge(i, start_ns, i->decode_surcharge);
    return 0;
}

/* Where the runtime hashes without the CPU's instructions for it, the difference is spent. */
static void inflow_hash(struct inflow *i, const uint8_t *bytes, size_t size)
{
    uint64_t start_ns = i->hash_byte_ns > 0 ? clk_thread_cpu_ns() : 0;
    sha256_update(&i->hash, size, bytes);
    if (i->hash_byte_ns > 0) {
        double more_ns = (double)size * i->hash_byte_ns - (double)(clk_thread_cpu_ns() - start_ns);
        surcharge_owe(&i->spent, more_ns > 0 ? more_ns : 0);
    }
}

int inflow_read(struct inflow *i, const uint8_t **bytes, size_t *size, struct err *e)
{
    if (i->left == 0 && (i->way == INFLOW_HERE ? inflow_from_here(i, e) : inflow_from_ahead(i, e)))
        return -1;
    *bytes = i->left_at;
    *size = i->left < FILTER_CHUNK_BYTES ? i->left : FILTER_CHUNK_BYTES;
    i->left_at += *size;
    i->left -= *size;
    i->out_bytes += *size;
    if (i->out_bytes > i->out_max)
        return err_set(e, ERR_DATA, 0, "more than %llu MiB come out of it",
                       (unsigned long long)(i->out_max >> 20));
    inflow_hash(i, *bytes, *size);
    return 0;
}

void inflow_stir(struct inflow *i, unsigned reads)
{
    for (unsigned k = 0; i->way == INFLOW_PROGRAM && k < reads; k++) {
        stir_nudge(&i->stir);
        surcharge_owe(&i->spent, i->read_ns);
    }
}

void inflow_stop(struct inflow *i, uint8_t digest[SHA256_DIGEST_SIZE])
{
    if (i->way == INFLOW_PROGRAM)
        filter_kill(&i->filter); /* so that nobody waits for its output */
    if (i->way != INFLOW_HERE) {
        ahead_stop(&i->ahead);
        i->beside_ns = i->ahead.spent_ns;
    }
    if (i->way == INFLOW_PROGRAM)
        filter_stop(&i->filter);
    i->way = INFLOW_HERE;
    sha256_digest(&i->hash, SHA256_DIGEST_SIZE, digest);
}
