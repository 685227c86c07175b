#include <inttypes.h>
#include <stdlib.h>

#include "probes/disk/disk.h"
#include "probes/disk/doubt.h"
#include "probes/disk/swap.h"
#include "probes/disk/terms.h"
#include "probes/kit/clk.h"

struct disk_files_conf {
    uint64_t file_bytes;
};

static const struct opt disk_files_opts[] = {
    OPT_BYTES(struct disk_files_conf, file_bytes, .name = "size", .initial = "4KiB", .min = 1,
              .max = 1 << 20,
              .help = "Bytes of one file; manifests, checkpoints and container metadata have a few "
                      "thousand."),
    OPT_END,
};

enum {
    DISK_FILES,
    DISK_FILES_RATE,
    DISK_FILES_CREATE,
    DISK_FILES_FSYNC,
    DISK_FILES_RENAME,
    DISK_FILES_DIRSYNC,
    DISK_FILES_UNLINK,
    DISK_FILES_NONE /* no such row */
};

static const struct metric disk_files_metrics[] = {
    [DISK_FILES] = {"disk.files",          UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "p50 p99",
                    "How long one small file takes: create, write, fsync, rename, fsync of the "
                     "directory, unlink of an old one."                          },
    [DISK_FILES_RATE] = { "disk.files.rate",    UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                    "Such files a second by one writer."                         },
    [DISK_FILES_CREATE] = { "disk.files.create",  UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "",
                    "How long creating the file takes."                          },
    [DISK_FILES_FSYNC] = { "disk.files.fsync",   UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "",
                    "How long the fsync of the new file takes."                  },
    [DISK_FILES_RENAME] = { "disk.files.rename",  UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "",
                    "How long the rename to its final name takes."               },
    [DISK_FILES_DIRSYNC] = { "disk.files.dirsync", UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "",
                    "How long the fsync of the directory after the rename takes."},
    [DISK_FILES_UNLINK] = { "disk.files.unlink",  UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "",
                    "How long removing an old file takes."                       },
    METRIC_END,
};

static const unsigned disk_files_rows[SWAP_STEPS] = {
    [SWAP_CREATE] = DISK_FILES_CREATE,   [SWAP_WRITE] = DISK_FILES_NONE,
    [SWAP_FSYNC] = DISK_FILES_FSYNC,     [SWAP_RENAME] = DISK_FILES_RENAME,
    [SWAP_DIRSYNC] = DISK_FILES_DIRSYNC, [SWAP_UNLINK] = DISK_FILES_UNLINK,
};

enum {
    DISK_FILES_BUDGET_RATE = 32 << 20, /* bytes a second that may be written: 8,000 files */
    DISK_FILES_WARM_SHARE = 10         /* of the slot, at most, until all names are in use */
};

struct disk_files_state {
    struct swap swap;
    struct hist seen; /* all repetitions */
    uint64_t observed_ns;
    bool exhausted; /* the write budget is used up */
};

static int disk_files_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct disk_files_conf *c = conf;
    return terms_check(site, (SWAP_LIVE + 1) * c->file_bytes, e);
}

static int disk_files_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                               struct probe_cost *cost, struct err *e)
{
    (void)site;
    (void)conf;
    (void)e;
    cost->write_bytes = (uint64_t)((double)slot_ns / CLK_NS_PER_S * DISK_FILES_BUDGET_RATE);
    cost->setup_ns = slot_ns / DISK_FILES_WARM_SHARE;
    return 0;
}

static bool disk_files_goes_on(const struct disk_files_state *s, const struct probe_run *run,
                               uint64_t until_ns)
{
    uint64_t left = run->write_budget_bytes - s->swap.written_bytes;
    return clk_now_ns() < until_ns && !*run->stopping && left >= s->swap.file_bytes;
}

static int disk_files_warm(struct disk_files_state *s, struct probe_run *run, struct err *e)
{
    uint64_t until_ns = clk_now_ns() + run->slot_ns / DISK_FILES_WARM_SHARE;
    for (unsigned i = 0; i < SWAP_LIVE && disk_files_goes_on(s, run, until_ns); i++) {
        struct swap_took took;
        if (swap_turn(&s->swap, &took, e))
            return err_wrap(e, "'%s'", run->site->dir);
    }
    return 0;
}

static int disk_files_setup(struct probe_run *run, struct err *e)
{
    const struct disk_files_conf *c = run->conf;
    struct disk_files_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of small files");
    if (hist_open(&s->seen, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
        return -1;
    if (swap_open(&s->swap, run->scratch_fd, (uint32_t)c->file_bytes, run->seed, e))
        return err_wrap(e, "'%s'", run->site->dir);
    int status = disk_files_warm(s, run, e);
    run->result->written_bytes = s->swap.written_bytes;
    return status;
}

static void disk_files_record(struct probe_run *run, const struct swap_took *took)
{
    hist_record(&run->hists[DISK_FILES], took->whole_ns);
    for (unsigned i = 0; i < SWAP_STEPS; i++) {
        bool happened = i != SWAP_UNLINK || took->unlinked;
        if (disk_files_rows[i] != DISK_FILES_NONE && happened)
            hist_record(&run->hists[disk_files_rows[i]], took->steps_ns[i]);
    }
}

static int disk_files_repeat(struct disk_files_state *s, struct probe_run *run, struct err *e)
{
    while (disk_files_goes_on(s, run, run->until_ns)) {
        struct swap_took took;
        if (swap_turn(&s->swap, &took, e))
            return err_wrap(e, "'%s'", run->site->dir);
        disk_files_record(run, &took);
    }
    return 0;
}

static int disk_files_measure(struct probe_run *run, struct err *e)
{
    struct disk_files_state *s = run->state;
    const struct hist *whole = &run->hists[DISK_FILES];
    uint64_t began_ns = clk_now_ns();
    int status = disk_files_repeat(s, run, e);
    uint64_t observed_ns = clk_now_ns() - began_ns;
    if (whole->total > 0 && observed_ns > 0) {
        run->values[DISK_FILES_RATE] = (double)whole->total * CLK_NS_PER_S / (double)observed_ns;
        hist_merge(&s->seen, whole);
        s->observed_ns += observed_ns;
    }
    run->result->written_bytes = s->swap.written_bytes;
    s->exhausted = run->write_budget_bytes - s->swap.written_bytes < s->swap.file_bytes;
    run->done = s->exhausted; /* the time goes to the other probes */
    return status;
}

static void disk_files_judge(struct probe_run *run)
{
    struct disk_files_state *s = run->state;
    struct result *r = run->result;
    terms_note(run);
    result_note(r,
                "Files of %" PRIu32 " bytes: create a temporary name, write, fsync, close, rename, "
                "fsync of the directory, unlink of the file from %d turns before; closed loop, "
                "back to back, one writer. The first turns are left out.",
                s->swap.file_bytes, SWAP_LIVE - 1);
    result_note(r, "kubelet, containerd and docker write so up to the rename; the directory's sync "
                   "makes the rename survive a power cut, and disk.files.dirsync is its part.");
    if (terms_has_option(run->site->place->options, "discard"))
        result_note(r, "Mounted with discard: the disk is told of every freed block, so that "
                       "unlinking, or the sync after it, takes longer.");
    if (s->exhausted)
        result_note(r, "Ended early: the write budget of %" PRIu64 " MiB was used up.",
                    run->write_budget_bytes >> 20);
    doubt_few(r, "disk.files", &s->seen, s->observed_ns);
    doubt_overhead(r, "disk.files", &s->seen, clk_cost_ns());
}

static void disk_files_teardown(struct probe_run *run)
{
    struct disk_files_state *s = run->state;
    if (!s)
        return;
    swap_release(&s->swap);
    hist_release(&s->seen);
    free(s);
    run->state = NULL;
}

const struct probe disk_files = {
    .name = "disk.files",
    .title = "Small durable files",
    .why = "kubelet, containerd and docker keep their state in small files replaced one by one; "
           "each start of a pod waits for dozens of them.",
    .source = "kubernetes pkg/kubelet/util/store/filestore.go; containerd plugins/content/local/"
              "writer.go; moby/sys atomicwriter",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK,
    .weight = 3,
    .repetition_ns = 250 * (uint64_t)CLK_NS_PER_MS,
    .opts = disk_files_opts,
    .conf_size = sizeof(struct disk_files_conf),
    .metrics = disk_files_metrics,
    .supported = disk_files_supported,
    .estimate = disk_files_estimate,
    .setup = disk_files_setup,
    .measure = disk_files_measure,
    .judge = disk_files_judge,
    .teardown = disk_files_teardown,
};
