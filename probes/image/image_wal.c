#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "probes/disk/doubt.h"
#include "probes/disk/slow.h"
#include "probes/disk/terms.h"
#include "probes/disk/wal.h"
#include "probes/image/flush.h"
#include "probes/image/image.h"
#include "probes/kit/clk.h"
#include "probes/kit/sampler.h"

enum {
    IMAGE_WAL,
    IMAGE_WAL_RATE,
    IMAGE_WAL_ALONE,
    IMAGE_WAL_FACTOR,
    IMAGE_STALL,
    IMAGE_STALL_ALONE
};

static const struct metric image_wal_metrics[] = {
    [IMAGE_WAL] = {"image.wal",          UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "p50 p99 max",
                   "How long one append with its fdatasync takes while image layers are unpacked "
                    "on the same filesystem."                                                 },
    [IMAGE_WAL_RATE] = { "image.wal.rate",    UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                   "Synced appends a second by one writer meanwhile."                         },
    [IMAGE_WAL_ALONE] = { "image.wal.alone",   UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "p99",
                   "The same appends just before, while nothing is unpacked."                 },
    [IMAGE_WAL_FACTOR] = { "image.wal.factor",  UNIT_NONE,  METRIC_LOWER,  METRIC_MEAN, "value",
                   "How many times longer the p99 of an append is while unpacking: "
                           "image.wal over image.wal.alone."                                  },
    [IMAGE_STALL] = { "image.stall",       UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "p99 max",
                   "How late a 1-ms sleeper wakes on any CPU while image layers are unpacked."},
    [IMAGE_STALL_ALONE] = { "image.stall.alone", UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "",
                   "The same just before, beside the appends alone."                          },
    METRIC_END,
};

enum {
    IMAGE_WAL_BUDGET_RATE = 64 << 20, /* bytes a second that the log may write: 29,000 appends */
    IMAGE_WAL_ALONE_SHARE = 3         /* one part of so many of the slot is without unpacking */
};

/* More than that does not make the comparison better. */
#define IMAGE_WAL_ALONE_NS (10 * (uint64_t)CLK_NS_PER_S)

struct image_wal_state {
    struct image_bench bench;
    struct wal wal;
    struct flush flush;
    struct sampler *sampler;
    struct hist seen, seen_alone; /* all repetitions */
    struct slow slow;             /* while layers were unpacked */
    uint64_t observed_ns;
    uint64_t wal_budget_bytes;
    uint64_t slot_end_ns;
    uint64_t alone_until_ns; /* 0: not begun */
    pthread_t puller;
    bool has_puller;
    sem_t go; /* posted once, by the first repetition beside it or to leave */
    bool has_gone;
    volatile sig_atomic_t halt; /* to the puller: stop now */
    atomic_bool pulling;        /* from the puller: false when it has ended */
    struct err pull_err;        /* valid once pulling is false */
    uint64_t pulled_ns;         /* time it was at work */
};

static uint64_t image_wal_log_bytes(uint64_t slot_ns)
{
    return (uint64_t)((double)slot_ns / CLK_NS_PER_S * IMAGE_WAL_BUDGET_RATE);
}

/* Whether the log lies in another place than the layers, as etcd's disk beside the image store's.
 */
static bool image_wal_apart(const struct probe_site *site)
{
    return site->home && site->home != site;
}

static const char *image_wal_log_dir(const struct probe_site *site)
{
    return image_wal_apart(site) ? site->home->dir : site->dir;
}

static int image_wal_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    uint64_t log_bytes = 2 * (uint64_t)WAL_SEGMENT_BYTES;
    if (!image_wal_apart(site))
        return image_check(site, log_bytes, e);
    return terms_check(site->home, log_bytes, e) || image_check(site, 0, e) ? -1 : 0;
}

static int image_wal_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                              struct probe_cost *cost, struct err *e)
{
    (void)conf;
    if (image_estimate(site, slot_ns, cost, e))
        return -1;
    cost->write_bytes += image_wal_log_bytes(slot_ns);
    return 0;
}

/* Unpacks sets until it is told to stop, the budget is used up, or something fails. */
static void *image_wal_pull(void *arg)
{
    struct image_wal_state *s = arg;
    struct pull_took took;
    while (sem_wait(&s->go) && errno == EINTR) {
    }
    while (!s->halt && pull_may(&s->bench.pull)) {
        int failed = pull_once(&s->bench.pull, s->slot_end_ns, &took, &s->pull_err);
        s->pulled_ns += took.wall_ns;
        if (failed)
            break;
    }
    s->pulling = false;
    return NULL;
}

/* What makes up the load, ready and waiting. What others left unwritten is written before. */
static int image_wal_open(struct probe_run *run, struct image_wal_state *s, struct err *e)
{
    uint64_t took_ns = 0;
    uint64_t value_max = UINT64_C(1) << HIST_TEN_MINUTES_BITS;
    if (hist_open(&s->seen, value_max, e) || hist_open(&s->seen_alone, value_max, e) ||
        image_bench_open(run, run->write_budget_bytes - s->wal_budget_bytes, &s->halt, &s->bench,
                         e) ||
        flush_open(&s->flush, run->scratch_fd, e) ||
        flush_run(&s->flush, run->slot_end_ns, run->stopping, &took_ns, e))
        return -1;
    if (wal_open(&s->wal, run->home_fd, WAL_RECORD_BYTES, WAL_SEGMENT_BYTES, run->seed, e))
        return err_wrap(e, "'%s'", image_wal_log_dir(run->site));
    s->sampler = sampler_open(&(struct sampler_terms){ 0 }, e);
    return s->sampler ? 0 : -1;
}

static int image_wal_setup(struct probe_run *run, struct err *e)
{
    struct image_wal_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the log and the image");
    s->wal.fd = -1;
    s->wal.dir_fd = -1;
    s->slot_end_ns = run->slot_end_ns;
    s->wal_budget_bytes = image_wal_log_bytes(run->slot_ns);
    if (image_wal_open(run, s, e))
        return -1;
    (void)sem_init(&s->go, 0, 0);
    s->pulling = true;
    int sys = pthread_create(&s->puller, NULL, image_wal_pull, s);
    if (sys)
        return err_set(e, ERR_NO_RESOURCE, sys, "start a thread to unpack layers");
    s->has_puller = true;
    return 0;
}

static void image_wal_go(struct image_wal_state *s)
{
    if (!s->has_gone)
        (void)sem_post(&s->go);
    s->has_gone = true;
}

/* Waits for the puller to end; idempotent. */
static void image_wal_halt(struct image_wal_state *s)
{
    s->halt = 1;
    if (!s->has_puller)
        return;
    image_wal_go(s);
    (void)pthread_join(s->puller, NULL);
    (void)sem_destroy(&s->go);
    s->has_puller = false;
}

static bool image_wal_has_room(const struct image_wal_state *s)
{
    return s->wal.written_bytes + s->wal.record_bytes <= s->wal_budget_bytes;
}

/* Once the puller has ended: whether it did so for a reason of its own. */
static bool image_wal_failed(const struct image_wal_state *s)
{
    enum err_kind why = s->pull_err.kind;
    return why != ERR_NONE && why != ERR_TIMEOUT && why != ERR_INTERRUPTED;
}

/* Appends until that time, or until the puller ends where it is at work. */
static int image_wal_append(struct probe_run *run, struct hist *latency, uint64_t until_ns,
                            uint64_t slow_ns, struct err *e)
{
    struct image_wal_state *s = run->state;
    while (clk_now_ns() < until_ns && !*run->stopping && s->pulling && image_wal_has_room(s)) {
        struct slow_append took = { 0 };
        if (wal_append(&s->wal, &took.latency_ns, &took.sync_ns, e))
            return err_wrap(e, "'%s'", image_wal_log_dir(run->site));
        hist_record(latency, took.latency_ns);
        if (took.latency_ns > slow_ns) {
            took.ended_ns = clk_now_ns();
            slow_keep(&s->slow, &took);
        }
    }
    return 0;
}

/* The first part of the slot, before anything is unpacked. */
static int image_wal_measure_alone(struct probe_run *run, struct err *e)
{
    struct image_wal_state *s = run->state;
    struct hist *latency = &run->hists[IMAGE_WAL_ALONE];
    uint64_t until_ns = run->until_ns < s->alone_until_ns ? run->until_ns : s->alone_until_ns;
    int failed = image_wal_append(run, latency, until_ns, UINT64_MAX, e);
    hist_merge(&s->seen_alone, latency);
    sampler_take(s->sampler, &run->hists[IMAGE_STALL_ALONE]);
    return failed;
}

/* Appends count only while layers are being unpacked: when that ends, so does the slot. */
static int image_wal_measure_beside(struct probe_run *run, struct err *e)
{
    struct image_wal_state *s = run->state;
    struct hist *latency = &run->hists[IMAGE_WAL];
    uint64_t began_ns = clk_now_ns();
    image_wal_go(s);
    int failed = image_wal_append(run, latency, run->until_ns, slow_from_ns(&s->seen), e);
    uint64_t observed_ns = clk_now_ns() - began_ns;
    if (latency->total > 0) {
        run->values[IMAGE_WAL_RATE] = (double)latency->total * CLK_NS_PER_S / (double)observed_ns;
        hist_merge(&s->seen, latency);
        s->observed_ns += observed_ns;
    }
    sampler_take(s->sampler, &run->hists[IMAGE_STALL]);
    run->done = clk_now_ns() < run->until_ns;
    if (!failed && !s->pulling && image_wal_failed(s)) {
        *e = s->pull_err;
        return err_wrap(e, "'%s': unpacking", run->site->dir);
    }
    return failed;
}

static int image_wal_measure(struct probe_run *run, struct err *e)
{
    struct image_wal_state *s = run->state;
    uint64_t now_ns = clk_now_ns();
    if (s->alone_until_ns == 0) {
        uint64_t left_ns = run->slot_end_ns > now_ns ? run->slot_end_ns - now_ns : 0;
        uint64_t alone_ns = left_ns / IMAGE_WAL_ALONE_SHARE;
        s->alone_until_ns =
            now_ns + (alone_ns < IMAGE_WAL_ALONE_NS ? alone_ns : IMAGE_WAL_ALONE_NS);
        sampler_start(s->sampler);
    }
    return now_ns < s->alone_until_ns && image_wal_has_room(s) ? image_wal_measure_alone(run, e)
                                                               : image_wal_measure_beside(run, e);
}

/* One figure of all repetitions: a p99 of half a second would be of too few appends. */
static void image_wal_judge_factor(struct probe_run *run)
{
    const struct image_wal_state *s = run->state;
    struct result_metric *m = result_metric_find(run->result, "image.wal.factor");
    struct err ignored;
    double alone_ns = (double)hist_quantile(&s->seen_alone, 0.99);
    double beside_ns = (double)hist_quantile(&s->seen, 0.99);
    const struct result_block block = {
        .at_ns = run->result->started_ns,
        .observed_ns = s->observed_ns,
        .value = alone_ns > 0 ? beside_ns / alone_ns : 0,
        .n = 1,
    };
    if (s->seen.total < DOUBT_SAMPLES || s->seen_alone.total < DOUBT_SAMPLES)
        result_note(run->result,
                    "No image.wal.factor: %" PRIu64 " appends alone and %" PRIu64
                    " beside unpacking are too few; give a longer --budget.",
                    s->seen_alone.total, s->seen.total);
    else if (m && result_add_block(m, &block, &ignored) == 0)
        result_note(run->result,
                    "image.wal.factor is of %" PRIu64 " appends alone and %" PRIu64
                    " beside unpacking.",
                    s->seen_alone.total, s->seen.total);
}

static void image_wal_note(struct probe_run *run)
{
    const struct image_wal_state *s = run->state;
    const struct pull *p = &s->bench.pull;
    double mb = (double)p->count.stream_bytes / 1e6;
    double seconds = (double)s->pulled_ns / CLK_NS_PER_S;
    image_bench_note(run, &s->bench);
    run->result->written_bytes += s->wal.written_bytes;
    result_note(run->result,
                "Meanwhile %u whole sets were unpacked, %.0f MB at %.0f MB/s; the log's appends "
                "are disk.wal's: %d bytes, fdatasync after each, closed loop.",
                p->whole, mb, seconds > 0 ? mb / seconds : 0, WAL_RECORD_BYTES);
    result_note(run->result,
                "The first third of the slot, at most %d s, is without unpacking: image.wal.alone "
                "and image.stall.alone; sleepers as in noise.stall, one a CPU.",
                (int)(IMAGE_WAL_ALONE_NS / CLK_NS_PER_S));
    if (image_wal_apart(run->site))
        result_note(run->result, "The log was in '%s', the layers in '%s'.", run->site->home->dir,
                    run->site->dir);
}

static void image_wal_judge(struct probe_run *run)
{
    struct image_wal_state *s = run->state;
    const struct pull *p = &s->bench.pull;
    image_wal_halt(s);
    sampler_stop(s->sampler);
    image_wal_note(run);
    slow_tell(&s->slow, run->run_start_ns, run->result);
    image_wal_judge_factor(run);
    if (image_wal_failed(s))
        result_set_status(run->result, STATUS_FAILED, "'%s': unpacking: %s", run->site->dir,
                          s->pull_err.msg);
    else if (p->whole == 0 && !*run->stopping)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "not one set of layers was unpacked meanwhile (%.0f of %.0f MB): the "
                          "load was not what is claimed; give a longer --budget",
                          (double)p->count.stream_bytes / 1e6,
                          (double)s->bench.image.tar_bytes / 1e6);
    doubt_few(run->result, "image.wal", &s->seen, s->observed_ns);
    doubt_overhead(run->result, "image.wal", &s->seen, clk_cost_ns());
}

static void image_wal_teardown(struct probe_run *run)
{
    struct image_wal_state *s = run->state;
    if (!s)
        return;
    image_wal_halt(s);
    wal_release(&s->wal);
    sampler_free(s->sampler);
    image_bench_close(run, &s->bench);
    flush_release(&s->flush);
    hist_release(&s->seen);
    hist_release(&s->seen_alone);
    free(s);
    run->state = NULL;
}

const struct probe image_wal = {
    .name = "image.wal",
    .title = "Durable append latency during an image pull",
    .why = "What an etcd feels while its node unpacks an image on the same disk: a leader whose "
           "sync outlasts the election timeout loses its cluster.",
    .source = "etcd hardware guide (disks); containerd internal/cri/config/config.go "
              "(image_pull_progress_timeout: committing a blob with fsync may write dirty pages of "
              "unrelated files in the same transaction of ext4)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET,
    .place = "images",
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK | PROBE_LOADS_CPU | PROBE_LEAVES_TRACES,
    .weight = 8,
    .repetition_ns = 500 * (uint64_t)CLK_NS_PER_MS,
    .metrics = image_wal_metrics,
    .supported = image_wal_supported,
    .estimate = image_wal_estimate,
    .setup = image_wal_setup,
    .measure = image_wal_measure,
    .judge = image_wal_judge,
    .teardown = image_wal_teardown,
};
