/*
 * Unpacks an image once, for image.sh, which runs peers beside it:
 *     image_ours limit|limit-calls|limit-ring|runtime IMAGE DIR [THREADS [LANES]]
 * IMAGE is an OCI image layout or an archive; layer N goes into DIR/N. Prints wall and CPU seconds
 * and bytes of tar, then the rate and what limit's parts took.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/image/creation.h"
#include "probes/image/oci.h"
#include "probes/image/pipeline.h"
#include "probes/image/pull.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

struct ours {
    struct oci_image image;
    int dir_fd;
    unsigned threads, lanes;
    struct pipeline pipeline;
    struct pipeline_took took;
    struct creation_lap race;
    bool is_batched;
};

static unsigned ours_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

/* As image.limit does, files are created by whichever way is faster, or by the one that is named.
 */
static bool ours_is_batched(struct ours *o, const char *way)
{
    static const struct rules_limits limits = { 0 };
    struct creation race = { .is_batched = strcmp(way, "limit-ring") == 0 };
    struct err e = { 0 };
    if (strcmp(way, "limit") == 0 && creation_race(&race, o->dir_fd, &limits, &e))
        (void)fprintf(stderr, "%s\n", e.msg);
    o->race = race.median;
    return race.is_batched && pipeline_open_batches(&o->pipeline, &e) == 0;
}

static int ours_limit(struct ours *o, const char *way, struct err *e)
{
    struct pipeline_job job = { .image = &o->image, .dir_fd = o->dir_fd, .lanes = o->lanes };
    int failed = pipeline_open(&o->pipeline, o->threads, o->lanes, e);
    job.is_batched = !failed && ours_is_batched(o, way);
    failed = failed || pipeline_run(&o->pipeline, &job, &o->took, e);
    o->is_batched = job.is_batched;
    pipeline_release(&o->pipeline);
    return failed;
}

static int ours_pull(struct ours *o, const struct runtime *runtime, struct err *e)
{
    static const volatile sig_atomic_t never = 0;
    struct pull pull = { 0 };
    struct pull_took took = { 0 };
    const struct pull_conf conf = { .image = &o->image,
                                    .runtime = runtime,
                                    .dir_fd = o->dir_fd,
                                    .budget_bytes = UINT64_MAX,
                                    .stopping = &never };
    int failed = pull_open(&pull, &conf, e) || pull_once(&pull, 0, &took, e);
    o->took = (struct pipeline_took){ .wall_ns = took.wall_ns,
                                      .cpu_ns = took.cpu_ns,
                                      .count.stream_bytes = took.stream_bytes,
                                      .count.entries = took.entries };
    pull_release(&pull);
    return failed;
}

/* What containerd would take: its seconds, and the CPU time of the thread that unpacks. */
static int ours_runtime(struct ours *o, struct err *e)
{
    const struct runtime_environment env = runtime_environment();
    struct runtime runtime;
    return runtime_find(&env, &runtime, e) ? -1 : ours_pull(o, &runtime, e);
}

static void ours_say(const struct ours *o)
{
    static const char *const parts[LANE_PARTS] = { "read",     "inflate", "hash", "parse",
                                                   "metadata", "data",    "sync" };
    (void)printf(
        "%.3f %.3f %" PRIu64 " mib_s %.0f entries %" PRIu64, (double)o->took.wall_ns / CLK_NS_PER_S,
        (double)o->took.cpu_ns / CLK_NS_PER_S, o->took.count.stream_bytes,
        (double)o->took.count.stream_bytes / (1 << 20) / ((double)o->took.wall_ns / CLK_NS_PER_S),
        o->took.count.entries);
    for (unsigned i = 0; i < LANE_PARTS && o->took.parts[LANE_PART_HASH].wall_ns; i++)
        (void)printf(" %s_s %.3f", parts[i], (double)o->took.parts[i].wall_ns / CLK_NS_PER_S);
    (void)printf(" ring %d race_wall %.2f race_cpu %.2f\n", o->is_batched, o->race.wall_ratio,
                 o->race.cpu_ratio);
}

int main(int argc, char **argv)
{
    static struct ours o;
    const struct oci_wish wish = { 0 };
    struct err e = { 0 };
    if (argc < 4) {
        (void)fprintf(
            stderr,
            "usage: image_ours limit|limit-calls|limit-ring|runtime IMAGE DIR [THREADS [LANES]]\n");
        return 3;
    }
    o.threads = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : ours_cpus();
    o.lanes = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : o.threads;
    o.dir_fd = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = oci_open(AT_FDCWD, argv[2], &wish, &o.image, &e);
    if (!failed)
        failed =
            strncmp(argv[1], "limit", 5) == 0 ? ours_limit(&o, argv[1], &e) : ours_runtime(&o, &e);
    if (failed)
        (void)fprintf(stderr, "%s\n", e.msg);
    else
        ours_say(&o);
    oci_close(&o.image);
    return failed ? 1 : 0;
}
