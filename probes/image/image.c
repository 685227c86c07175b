#include "probes/image/image.h"

#include <inttypes.h>
#include <string.h>

#include "probes/disk/terms.h"
#include "probes/image/spec.h"
#include "probes/kit/clk.h"
#include "probes/kit/units.h"

/* Removing may go on so long after Ctrl-C, ... */
#define IMAGE_STOP_NS (200 * (uint64_t)CLK_NS_PER_MS)
/* ... and so long after the slot, of the 10 s for which the runner waits. */
#define IMAGE_CLEAR_GRACE_NS (7 * (uint64_t)CLK_NS_PER_S)

enum {
    IMAGE_SETS_DISCARD = 4,
    IMAGE_SETS_DISCARD_NOW = 2,
    IMAGE_BYTES_PER_S_MAX = 400 << 20 /* unpacked on the fastest hosts: what a slot can hold */
};

/*
 * Trees are removed at the end. Where a filesystem discards what is freed, that takes seconds a set
 * (without a journal at once, 2 ms a file were seen; with one a little later, during other probes).
 */
static uint64_t image_sets_max(const struct place *p)
{
    bool discards = p && (strncmp(p->options, "discard", 7) == 0 || strstr(p->options, ",discard"));
    if (!discards)
        return PULL_MAX;
    return strcmp(p->journal, "none") == 0 ? IMAGE_SETS_DISCARD_NOW : IMAGE_SETS_DISCARD;
}

int image_check(const struct probe_site *site, uint64_t more_bytes, struct err *e)
{
    struct supply_size size;
    if (supply_size(site, &size, e))
        return -1;
    return terms_check(site, size.make_bytes + size.unpacked_bytes + more_bytes, e);
}

static int image_refuse_budget(const struct probe_run *run, uint64_t once_bytes,
                               uint64_t budget_bytes, struct err *e)
{
    struct supply_size size = { 0 };
    struct err ignored;
    char once[UNITS_TEXT_BYTES];
    char said[UNITS_TEXT_BYTES];
    char budget[UNITS_TEXT_BYTES];
    (void)supply_size(run->site, &size, &ignored);
    return err_set(e, ERR_UNSUPPORTED, 0,
                   "one unpacking of the image writes %s, but its layers announce %s and the "
                   "measurement may write %s in all: gzip files of several members or over 4 GiB "
                   "say too little; pack its layers again as one member each, or with zstd",
                   units_format((double)once_bytes, UNIT_BYTES, once),
                   units_format((double)size.file_bytes, UNIT_BYTES, said),
                   units_format((double)budget_bytes, UNIT_BYTES, budget));
}

int image_fits(const struct probe_run *run, const struct oci_image *image, uint64_t once_bytes,
               uint64_t budget_bytes, struct err *e)
{
    if (run->result->written_bytes + once_bytes > budget_bytes)
        return image_refuse_budget(run, once_bytes, budget_bytes, e);
    return terms_check(run->site, once_bytes + image->entries * IMAGE_ENTRY_BYTES, e);
}

/* So often can it be unpacked, in the time and in the room that there is. */
static uint64_t image_sets(const struct probe_site *site, const struct supply_size *size,
                           uint64_t slot_ns)
{
    uint64_t room = site->place ? place_writable_bytes(site->place) : UINT64_MAX;
    uint64_t left = room > size->make_bytes ? room - size->make_bytes : 0;
    double slot_bytes = (double)slot_ns / CLK_NS_PER_S * IMAGE_BYTES_PER_S_MAX;
    uint64_t sets = (uint64_t)(slot_bytes / (double)(size->file_bytes + 1)) + 1;
    uint64_t fitting = left / size->unpacked_bytes;
    sets = sets < image_sets_max(site->place) ? sets : image_sets_max(site->place);
    return sets < fitting ? sets : fitting;
}

int image_estimate(const struct probe_site *site, uint64_t slot_ns, struct probe_cost *cost,
                   struct err *e)
{
    struct supply_size size;
    if (supply_size(site, &size, e))
        return -1;
    unsigned layers = size.layers > IMAGE_LAYERS_MAX ? size.layers : IMAGE_LAYERS_MAX;
    cost->write_bytes = size.make_bytes + image_sets(site, &size, slot_ns) *
                                              (size.file_bytes + ledger_image_bytes(layers));
    cost->setup_ns = size.setup_ns;
    return 0;
}

int image_bench_open(struct probe_run *run, uint64_t budget_bytes,
                     const volatile sig_atomic_t *stopping, struct image_bench *b, struct err *e)
{
    uint64_t before_bytes = run->result->written_bytes;
    int failed = supply_open(run, &b->image, e);
    b->made_bytes = run->result->written_bytes - before_bytes;
    if (failed || image_fits(run, &b->image, pull_bytes(&b->image), budget_bytes, e))
        return -1;
    uint64_t left = budget_bytes > b->made_bytes ? budget_bytes - b->made_bytes : 0;
    const struct runtime_environment env = runtime_environment();
    const struct pull_conf conf = { .image = &b->image,
                                    .runtime = &b->runtime,
                                    .dir_fd = run->scratch_fd,
                                    .budget_bytes = left,
                                    .stopping = stopping };
    return runtime_find(&env, &b->runtime, e) || pull_open(&b->pull, &conf, e) ? -1 : 0;
}

uint64_t image_clear_until_ns(const struct probe_run *run)
{
    return *run->stopping ? clk_now_ns() + IMAGE_STOP_NS : run->slot_end_ns + IMAGE_CLEAR_GRACE_NS;
}

void image_bench_close(struct probe_run *run, struct image_bench *b)
{
    struct err e;
    if (pull_remove(&b->pull, image_clear_until_ns(run), &e))
        result_note(run->result, "Not everything could be removed: %s.", e.msg);
    pull_release(&b->pull);
    oci_close(&b->image);
}

uint64_t image_bench_written_bytes(const struct image_bench *b)
{
    return b->made_bytes + pull_written_bytes(&b->pull);
}

bool image_is_reference(const struct probe_site *site)
{
    struct spec spec;
    struct err ignored;
    return spec_parse(site->image, &spec, &ignored) == 0 && spec.kind == SPEC_REFERENCE;
}

static void image_note_runtime(struct probe_run *run, const struct runtime *r)
{
    if (!r->costs)
        return;
    result_note(run->result,
                "Stands for containerd %s: layers one after the other, each into its own fresh "
                "directory; gzip by %s%s%s, zstd by its own.",
                r->version[0] ? r->version : "2 (none is installed)",
                runtime_decoder_name(r->decoder), r->program[0] ? " at " : "", r->program);
    result_note(run->result,
                "PATH, CONTAINERD_DISABLE_IGZIP and CONTAINERD_DISABLE_PIGZ of this process decide "
                "that; a daemon may have others.");
}

void image_bench_note(struct probe_run *run, const struct image_bench *b)
{
    run->result->written_bytes = image_bench_written_bytes(b);
    supply_note(run, &b->image);
    image_note_runtime(run, &b->runtime);
    pull_note_skips(&b->pull, run->result);
    terms_note(run);
}
