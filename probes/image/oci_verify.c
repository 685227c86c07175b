#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "probes/image/digest.h"
#include "probes/image/oci.h"
#include "probes/image/rules.h"
#include "probes/image/untar.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    OCI_VERIFY_THREADS_MAX = 64
};

/* One thread's: a stream, and what of it is hashed. */
struct oci_verify_reader {
    struct stream stream;
    struct untar untar;
    struct sha256_ctx stored, tar;
    const volatile sig_atomic_t *stopping;
    uint64_t until_ns; /* 0: never */
    struct oci_layer *layer;
};

/* What the threads share: each takes the next layer that nobody has. */
struct oci_verify_work {
    struct oci_image *image;
    uint64_t until_ns;
    const volatile sig_atomic_t *stopping;
    atomic_uint next;
    atomic_bool failed;
    struct err *errs; /* one a layer */
};

static int oci_verify_read(struct oci_verify_reader *r, const uint8_t **bytes, size_t *size,
                           struct err *e)
{
    if (r->stopping && *r->stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted while the image was being read");
    if (r->until_ns && clk_now_ns() > r->until_ns)
        return err_set(e, ERR_TIMEOUT, 0,
                       "the time was over when %" PRIu64 " entries in %.1f MB of it were checked; "
                       "give a longer --budget or a smaller --image",
                       r->layer->entries, (double)r->stream.out_bytes / 1e6);
    if (stream_read(&r->stream, bytes, size, e))
        return -1;
    sha256_update(&r->tar, *size, *bytes);
    return 0;
}

static int oci_verify_count(struct oci_layer *layer, struct err *e)
{
    layer->entries++;
    return layer->entries <= RULES_ENTRIES_MAX
               ? 0
               : err_set(e, ERR_DATA, 0, "it has more than the %" PRIu64 " entries it may have",
                         RULES_ENTRIES_MAX);
}

/* Of content what is stored counts, so that a sparse file's size is nothing that is only claimed.
 */
static int oci_verify_chunk(struct oci_verify_reader *r, const uint8_t *bytes, size_t size,
                            struct err *e)
{
    struct untar_piece piece;
    int event = UNTAR_MORE;
    untar_feed(&r->untar, bytes, size);
    while ((event = untar_next(&r->untar, &piece, e)) > UNTAR_MORE) {
        if (event == UNTAR_ENTRY && oci_verify_count(r->layer, e))
            return -1;
        if (event == UNTAR_CONTENT)
            r->layer->file_bytes += piece.size;
    }
    return event < 0 ? rules_wrap_tar(&r->untar, e) : 0;
}

/* To the end of the stream: what stands behind the end of the tar is hashed too. */
static int oci_verify_walk(struct oci_verify_reader *r, struct err *e)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    do {
        if (oci_verify_read(r, &bytes, &size, e))
            return rules_wrap_stream(&r->untar, e);
        if (size > 0 && oci_verify_chunk(r, bytes, size, e))
            return -1;
    } while (size > 0);
    return untar_over(&r->untar, e) ? rules_wrap_tar(&r->untar, e) : 0;
}

static int oci_verify_digests(struct oci_verify_reader *r, struct err *e)
{
    uint8_t digest[DIGEST_BYTES];
    sha256_digest(&r->stored, sizeof digest, digest);
    if (r->layer->has_digest && digest_compare(digest, r->layer->digest, e))
        return err_wrap(e, "as stored");
    sha256_digest(&r->tar, sizeof digest, digest);
    return digest_compare(digest, r->layer->diff_id, e) ? err_wrap(e, "its tar (diff_id)") : 0;
}

static uint64_t oci_verify_bytes_max(const struct oci_layer *layer)
{
    uint64_t most = layer->source.size < UINT64_MAX / OCI_RATIO_MAX
                        ? layer->source.size * OCI_RATIO_MAX
                        : UINT64_MAX;
    return most > OCI_RATIO_FREE_BYTES ? most : OCI_RATIO_FREE_BYTES;
}

static int oci_verify_layer(struct oci_verify_reader *r, struct err *e)
{
    struct oci_layer *layer = r->layer;
    sha256_init(&r->stored);
    sha256_init(&r->tar);
    r->stream.stored = &r->stored;
    untar_start(&r->untar);
    layer->entries = 0;
    layer->file_bytes = 0;
    if (stream_start(&r->stream, &layer->source, oci_verify_bytes_max(layer), e))
        return -1;
    int failed = oci_verify_walk(r, e);
    layer->tar_bytes = r->stream.out_bytes;
    return failed ? -1 : oci_verify_digests(r, e);
}

static int oci_verify_take(struct oci_verify_work *w, struct oci_verify_reader *r, unsigned index)
{
    struct err *e = &w->errs[index];
    r->layer = &w->image->layers[index];
    if (oci_verify_layer(r, e) == 0)
        return 0;
    return e->kind == ERR_INTERRUPTED ? -1
                                      : err_wrap(e, "layer %u of %u", index + 1, w->image->count);
}

static void *oci_verify_worker(void *arg)
{
    struct oci_verify_work *w = arg;
    unsigned index = atomic_fetch_add(&w->next, 1);
    if (index >= w->image->count)
        return NULL;
    struct oci_verify_reader r = { .stopping = w->stopping, .until_ns = w->until_ns };
    int failed = untar_open(&r.untar, &w->errs[index]) || stream_open(&r.stream, &w->errs[index]);
    stream_use(&r.stream, STREAM_BY_ISAL);
    for (; !failed && !w->failed && index < w->image->count;
         index = atomic_fetch_add(&w->next, 1)) {
        failed = oci_verify_take(w, &r, index);
    }
    if (failed)
        w->failed = true;
    stream_release(&r.stream);
    untar_release(&r.untar);
    return NULL;
}

static void oci_verify_run(struct oci_verify_work *w, unsigned threads)
{
    pthread_t others[OCI_VERIFY_THREADS_MAX];
    unsigned count = 0;
    unsigned most = threads < OCI_VERIFY_THREADS_MAX ? threads : OCI_VERIFY_THREADS_MAX;
    while (count + 1 < most && count + 1 < w->image->count &&
           pthread_create(&others[count], NULL, oci_verify_worker, w) == 0) {
        count++;
    }
    (void)oci_verify_worker(w);
    for (unsigned n = 0; n < count; n++)
        (void)pthread_join(others[n], NULL);
}

static void oci_verify_sum_up(struct oci_image *i)
{
    i->tar_bytes = 0;
    i->entries = 0;
    i->file_bytes = 0;
    for (unsigned n = 0; n < i->count; n++) {
        i->tar_bytes += i->layers[n].tar_bytes;
        i->entries += i->layers[n].entries;
        i->file_bytes += i->layers[n].file_bytes;
    }
}

int oci_verify(struct oci_image *i, unsigned threads, uint64_t until_ns,
               const volatile sig_atomic_t *stopping, struct err *e)
{
    AUTO_FREE struct err *errs = calloc(i->count, sizeof *errs);
    if (!errs)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to read an image");
    struct oci_verify_work work = {
        .image = i, .until_ns = until_ns, .stopping = stopping, .errs = errs
    };
    oci_verify_run(&work, threads);
    for (unsigned n = 0; n < i->count; n++) {
        if (errs[n].kind != ERR_NONE) {
            *e = errs[n];
            return -1;
        }
    }
    oci_verify_sum_up(i);
    return 0;
}
