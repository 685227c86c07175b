#include "probes/image/lane.h"

#include <stdlib.h>

#include "probes/image/digest.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

int lane_open(struct lane *l, struct err *e)
{
    *l = (struct lane){ .dir_fd = -1, .blocks = malloc((size_t)LANE_BLOCKS * STREAM_OUT_BYTES) };
    if (!l->blocks)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack layers");
    l->placer.fd = -1;
    if (untar_open(&l->untar, e) || stream_open(&l->stream, e) || flush_open(&l->flush, -1, e))
        return -1;
    stream_use(&l->stream, STREAM_BY_ISAL);
    return 0;
}

void lane_release(struct lane *l)
{
    if (!l->blocks) /* zeroed, or never opened */
        return;
    lane_stop(l);
    batch_release(&l->batch);
    flush_release(&l->flush);
    untar_release(&l->untar);
    stream_release(&l->stream);
    free(l->blocks);
    l->blocks = NULL;
}

int lane_start(struct lane *l, const struct oci_layer *layer, const struct placer_site *site,
               int dir_fd, const struct rules_limits *limits, struct err *e)
{
    l->layer = layer;
    l->dir_fd = dir_fd;
    l->is_expanded = false;
    l->count = (struct rules_count){ 0 };
    l->metadata_ns = 0;
    l->placer.data_ns = 0;
    l->stream.fetch_ns = 0;
    l->sync_ns = 0;
    for (unsigned i = 0; i < LANE_STAGES; i++) {
        l->done[i] = 0;
        l->stages[i] = (struct lane_time){ 0 };
    }
    sha256_init(&l->stored);
    sha256_init(&l->tar);
    untar_start(&l->untar);
    /* What is not compressed is digested once. */
    l->stream.stored = layer->source.form == STREAM_PLAIN ? NULL : &l->stored;
    if (placer_start(&l->placer, dir_fd, site, limits, &l->count, e))
        return -1;
    return stream_start(&l->stream, &layer->source, l->placer.bytes_max, e);
}

void lane_stop(struct lane *l)
{
    if (!l->layer)
        return;
    placer_stop(&l->placer);
    auto_close_fd(&l->dir_fd);
    l->dir_fd = -1;
    l->layer = NULL;
}

bool lane_can(const struct lane *l, enum lane_stage stage)
{
    const uint64_t *done = l->done;
    uint64_t slowest = done[LANE_HASH] < done[LANE_PLACE] ? done[LANE_HASH] : done[LANE_PLACE];
    if (!l->layer || l->is_busy[stage])
        return false;
    if (stage == LANE_EXPAND)
        return !l->is_expanded && done[LANE_EXPAND] - slowest < LANE_BLOCKS;
    return done[stage] < done[LANE_EXPAND];
}

bool lane_is_over(const struct lane *l)
{
    return l->is_expanded && l->done[LANE_HASH] == l->done[LANE_EXPAND] &&
           l->done[LANE_PLACE] == l->done[LANE_EXPAND];
}

bool lane_made_last(const struct lane *l, enum lane_stage stage)
{
    return stage == LANE_EXPAND && l->sizes[l->done[LANE_EXPAND] % LANE_BLOCKS] == 0;
}

static int lane_compare(struct sha256_ctx *sum, const uint8_t *wanted, const char *of,
                        struct err *e)
{
    uint8_t found[DIGEST_BYTES];
    sha256_digest(sum, sizeof found, found);
    return digest_compare(found, wanted, e) ? err_wrap(e, "%s", of) : 0;
}

static uint8_t *lane_block(const struct lane *l, enum lane_stage stage, size_t *slot)
{
    *slot = (size_t)(l->done[stage] % LANE_BLOCKS);
    return l->blocks + *slot * STREAM_OUT_BYTES;
}

static int lane_expand(struct lane *l, struct err *e)
{
    size_t slot = 0;
    uint8_t *block = lane_block(l, LANE_EXPAND, &slot);
    if (stream_read_into(&l->stream, block, &l->sizes[slot], e))
        return -1;
    l->count.stream_bytes = l->stream.out_bytes;
    if (l->sizes[slot] > 0 || !l->stream.stored || !l->layer->has_digest)
        return 0;
    return lane_compare(&l->stored, l->layer->digest, "the layer as it is stored", e);
}

static int lane_hash(struct lane *l, struct err *e)
{
    const struct oci_layer *layer = l->layer;
    size_t slot = 0;
    const uint8_t *block = lane_block(l, LANE_HASH, &slot);
    if (l->sizes[slot] > 0) {
        sha256_update(&l->tar, l->sizes[slot], block);
        return 0;
    }
    if (layer->source.form == STREAM_PLAIN && layer->has_digest &&
        digest_compare(layer->digest, layer->diff_id, e))
        return err_wrap(e, "a layer that is not compressed, as it is stored and as it is applied");
    return lane_compare(&l->tar, layer->diff_id, "the layer's tar", e);
}

static int lane_event(struct lane *l, int event, const struct untar_piece *piece, struct err *e)
{
    const struct untar_entry *entry = &l->untar.entry;
    if (event == UNTAR_CONTENT)
        return placer_content(&l->placer, entry, piece, e);
    uint64_t began_ns = clk_now_ns();
    int failed = event == UNTAR_ENTRY ? placer_entry(&l->placer, entry, e)
                                      : placer_entry_end(&l->placer, entry, e);
    l->metadata_ns += clk_now_ns() - began_ns;
    return failed;
}

/* All is placed. */
static int lane_finish(struct lane *l, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    if (untar_over(&l->untar, e))
        return rules_wrap_tar(&l->untar, e);
    if (placer_finish(&l->placer, e))
        return -1;
    l->metadata_ns += clk_now_ns() - began_ns;
    return l->syncs ? flush_within(&l->flush, l->dir_fd, &l->placer.quota, &l->sync_ns, e) : 0;
}

static int lane_place(struct lane *l, struct err *e)
{
    struct untar_piece piece;
    size_t slot = 0;
    const uint8_t *block = lane_block(l, LANE_PLACE, &slot);
    int event = UNTAR_MORE;
    if (l->sizes[slot] == 0)
        return lane_finish(l, e);
    untar_feed(&l->untar, block, l->sizes[slot]);
    while ((event = untar_next(&l->untar, &piece, e)) > UNTAR_MORE) {
        if (lane_event(l, event, &piece, e))
            return -1;
    }
    return event < 0 ? rules_wrap_tar(&l->untar, e) : 0;
}

int lane_do(struct lane *l, enum lane_stage stage, struct err *e)
{
    static int (*const stages[LANE_STAGES])(struct lane *, struct err *) = {
        [LANE_EXPAND] = lane_expand,
        [LANE_HASH] = lane_hash,
        [LANE_PLACE] = lane_place,
    };
    struct lane_time *time = &l->stages[stage];
    uint64_t wall_ns = clk_now_ns();
    uint64_t cpu_ns = clk_thread_cpu_ns();
    int failed = stages[stage](l, e);
    time->cpu_ns += clk_thread_cpu_ns() - cpu_ns;
    time->wall_ns += clk_now_ns() - wall_ns;
    return failed;
}

/* A part of what a stage took, which has the same share of its CPU time. */
static void lane_share(const struct lane_time *stage, uint64_t wall_ns, struct lane_time *part)
{
    double share = stage->wall_ns ? (double)wall_ns / (double)stage->wall_ns : 0;
    part->wall_ns += wall_ns;
    part->cpu_ns += (uint64_t)((double)stage->cpu_ns * share);
}

static uint64_t lane_rest(uint64_t whole_ns, uint64_t part_ns)
{
    return whole_ns > part_ns ? whole_ns - part_ns : 0;
}

void lane_tell(const struct lane *l, struct lane_time parts[LANE_PARTS])
{
    const struct lane_time *expand = &l->stages[LANE_EXPAND];
    const struct lane_time *hash = &l->stages[LANE_HASH];
    const struct lane_time *place = &l->stages[LANE_PLACE];
    uint64_t files_ns = l->metadata_ns + l->placer.data_ns + l->sync_ns;
    lane_share(expand, l->stream.fetch_ns, &parts[LANE_PART_READ]);
    lane_share(expand, lane_rest(expand->wall_ns, l->stream.fetch_ns), &parts[LANE_PART_INFLATE]);
    lane_share(hash, hash->wall_ns, &parts[LANE_PART_HASH]);
    lane_share(place, lane_rest(place->wall_ns, files_ns), &parts[LANE_PART_PARSE]);
    lane_share(place, l->metadata_ns, &parts[LANE_PART_METADATA]);
    lane_share(place, l->placer.data_ns, &parts[LANE_PART_DATA]);
    lane_share(place, l->sync_ns, &parts[LANE_PART_SYNC]);
}
