#include "probes/image/image.h"

#include <inttypes.h>
#include <string.h>

#include "probes/disk/terms.h"
#include "probes/kit/clk.h"

/* Time that one set takes at least, on the fastest hosts: bounds how many a slot can hold. */
#define IMAGE_SET_NS (150 * (uint64_t)CLK_NS_PER_MS)

/* After Ctrl-C so long is taken for removing; the runner empties the directory in any case, and the
 * figures are to reach it first. */
#define IMAGE_STOP_NS (200 * (uint64_t)CLK_NS_PER_MS)

enum {
    IMAGE_SETS_DISCARD = 4,
    IMAGE_SETS_DISCARD_NOW = 2,
    IMAGE_PACK_BYTES_PER_S = 20 << 20 /* one slow core making and compressing content */
};

const struct opt image_opts[] = {
    OPT_BYTES(struct image_conf, bytes, .name = "size", .initial = "60MiB", .min = 1 << 20,
              .max = 1 << 30,
              .help = "Content of all files of the image; larger ones need a longer --budget."),
    OPT_U64(struct image_conf, layers, .name = "layers", .initial = "4", .min = 1, .max = LAYER_MAX,
            .help = "Layers of the image."),
    OPT_U64(struct image_conf, level, .name = "level", .initial = "6", .min = 1, .max = 9,
            .help = "Level of zlib that packs them; registries hold what level 6 made."),
    OPT_END,
};

/*
 * Trees are removed at the end. Where a filesystem discards what is freed, that takes seconds a set
 * (without a journal at once, 2 ms a file were seen; with one a little later, during other probes).
 */
static unsigned image_sets_max(const struct place *p)
{
    bool discards = p && (strncmp(p->options, "discard", 7) == 0 || strstr(p->options, ",discard"));
    if (!discards)
        return PULL_MAX;
    return strcmp(p->journal, "none") == 0 ? IMAGE_SETS_DISCARD_NOW : IMAGE_SETS_DISCARD;
}

int image_check(const struct probe_site *site, const struct image_conf *conf, uint64_t more_bytes,
                struct err *e)
{
    return terms_check(site,
                       layer_packed_bytes_max(conf->bytes) + layer_unpacked_bytes_max(conf->bytes) +
                           more_bytes,
                       e);
}

uint64_t image_write_bytes(const struct probe_site *site, const struct image_conf *conf,
                           uint64_t slot_ns)
{
    uint64_t packed = layer_packed_bytes_max(conf->bytes);
    uint64_t room = site->place ? place_writable_bytes(site->place) : UINT64_MAX;
    uint64_t sets = slot_ns / IMAGE_SET_NS + 1;
    uint64_t fitting = room > packed ? (room - packed) / layer_unpacked_bytes_max(conf->bytes) : 0;
    sets = sets < image_sets_max(site->place) ? sets : image_sets_max(site->place);
    sets = sets < fitting ? sets : fitting;
    return packed + sets * conf->bytes;
}

uint64_t image_setup_ns(const struct probe_site *site, const struct image_conf *conf)
{
    uint64_t threads = site->cpus > 1 ? 2 : 1; /* the two largest layers are four fifths */
    return conf->bytes * CLK_NS_PER_S / IMAGE_PACK_BYTES_PER_S / threads;
}

int image_bench_open(struct probe_run *run, const struct image_conf *conf, uint64_t budget_bytes,
                     const volatile sig_atomic_t *stopping, struct image_bench *b, struct err *e)
{
    const struct layer_conf layers = {
        .seed = run->seed,
        .bytes = conf->bytes,
        .layers = (unsigned)conf->layers,
        .level = (int)conf->level,
        .threads = run->site->cpus,
    };
    if (layer_set_make(&layers, run->scratch_fd, run->stopping, &b->set, e))
        return err_wrap(e, "'%s'", run->site->dir);
    run->result->written_bytes = b->set.packed_bytes;
    uint64_t left = budget_bytes > b->set.packed_bytes ? budget_bytes - b->set.packed_bytes : 0;
    if (run->result->parameters)
        (void)json_object_set_new(run->result->parameters, "sha256", json_string(b->set.sha256));
    return pull_open(&b->pull, &b->set.image, run->scratch_fd, left, stopping, e);
}

void image_bench_close(struct probe_run *run, struct image_bench *b)
{
    struct err e;
    uint64_t until_ns = *run->stopping ? clk_now_ns() + IMAGE_STOP_NS : UINT64_MAX;
    if (pull_remove(&b->pull, until_ns, &e))
        result_note(run->result, "Not everything could be removed: %s.", e.msg);
    pull_release(&b->pull);
    layer_set_release(&b->set);
}

void image_bench_note(struct probe_run *run, const struct image_conf *conf,
                      const struct image_bench *b)
{
    const struct layer_set *set = &b->set;
    run->result->written_bytes = set->packed_bytes + b->pull.count.written_bytes;
    result_note(run->result,
                "Image from seed %" PRIu64 ": %u gzip layers (zlib level %" PRIu64 "), %" PRIu64
                " entries, %.1f MB unpacked, %.1f MB packed (%.2f:1); the unpacked "
                "layers' SHA-256 %.16s... is the same on every machine.",
                run->seed, set->count, conf->level, set->entries, (double)set->tar_bytes / 1e6,
                (double)set->packed_bytes / 1e6, (double)set->tar_bytes / (double)set->packed_bytes,
                set->sha256);
    result_note(
        run->result,
        "Layers one after the other, one inflate stream by one thread, each into its own "
        "fresh directory, whiteouts in overlayfs' form; nothing is deleted before the end.");
    pull_note_skips(&b->pull, run->result);
    terms_note(run);
}
