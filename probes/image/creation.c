#include "probes/image/creation.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "probes/image/placer.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/stats.h"

enum {
    CREATION_NAME_BYTES = 32,
    CREATION_CONTENT_BYTES = 640
};

/* Of the files of a directory; CREATION_DIR_BYTES in all. */
static const uint64_t creation_sizes[] = { 10, 50, 100, 150, 250, 350, 450, 640 };

struct creation_time {
    uint64_t wall_ns, cpu_ns;
};

static int creation_file(struct placer *p, unsigned dir, size_t file, struct err *e)
{
    static const uint8_t content[CREATION_CONTENT_BYTES] = { 1 };

    char path[CREATION_NAME_BYTES];
    const struct untar_entry entry = { .path = path,
                                       .link = "",
                                       .type = UNTAR_FILE,
                                       .mode = 0644,
                                       .uid = p->uid,
                                       .gid = p->gid,
                                       .size = creation_sizes[file],
                                       .mtime = { .tv_sec = 1 } };
    const struct untar_piece piece = { .bytes = content, .size = entry.size };
    (void)snprintf(path, sizeof path, "%u/%zu", dir, file);
    return placer_entry(p, &entry, e) || placer_content(p, &entry, &piece, e) ||
                   placer_entry_end(p, &entry, e)
               ? -1
               : 0;
}

static int creation_files(struct placer *p, struct err *e)
{
    for (unsigned dir = 0; dir < CREATION_DIRS; dir++) {
        for (size_t file = 0; file < sizeof creation_sizes / sizeof *creation_sizes; file++) {
            if (creation_file(p, dir, file, e))
                return -1;
        }
    }
    return placer_finish(p, e);
}

static int creation_dir(int dir_fd, const char *name, struct err *e)
{
    if (mkdirat(dir_fd, name, 0755))
        return err_set(e, err_kind_of(errno), errno, "create the directory '%s'", name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : err_set(e, err_kind_of(errno), errno, "open '%s'", name);
}

/* All files once, through the batch or, where it is NULL, by calls. */
static int creation_run(struct creation *c, struct batch *batch, int dir_fd,
                        const struct rules_limits *limits, struct creation_time *took,
                        struct err *e)
{
    const struct placer_site site = { .batch = batch };
    struct rules_count count = { 0 };
    struct placer placer;
    char name[CREATION_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s-%u", batch ? "ring" : "calls", c->count);
    AUTO_CLOSE int fd = creation_dir(dir_fd, name, e);
    if (fd < 0 || placer_start(&placer, fd, &site, limits, &count, e))
        return -1;
    uint64_t wall_ns = clk_now_ns();
    uint64_t cpu_ns = clk_process_cpu_ns();
    int failed = creation_files(&placer, e);
    took->cpu_ns = clk_process_cpu_ns() - cpu_ns;
    took->wall_ns = clk_now_ns() - wall_ns;
    c->written_bytes += count.written_bytes;
    placer_stop(&placer);
    return failed;
}

/* Each goes first every other time. */
static int creation_lap(struct creation *c, struct batch *batch, int dir_fd,
                        const struct rules_limits *limits, struct err *e)
{
    struct creation_time calls;
    struct creation_time ring;
    bool is_first = c->count % 2 == 0;
    if ((is_first && creation_run(c, batch, dir_fd, limits, &ring, e)) ||
        creation_run(c, NULL, dir_fd, limits, &calls, e) ||
        (!is_first && creation_run(c, batch, dir_fd, limits, &ring, e)))
        return -1;
    c->laps[c->count++] = (struct creation_lap){
        .wall_ratio = (double)ring.wall_ns / (double)calls.wall_ns,
        .cpu_ratio = (double)ring.cpu_ns / (double)calls.cpu_ns,
    };
    return 0;
}

void creation_judge(struct creation *c)
{
    double walls[CREATION_LAPS];
    double cpus[CREATION_LAPS];
    for (unsigned i = 0; i < c->count; i++) {
        walls[i] = c->laps[i].wall_ratio;
        cpus[i] = c->laps[i].cpu_ratio;
    }
    c->median = (struct creation_lap){ .wall_ratio = stats_median(walls, c->count),
                                       .cpu_ratio = stats_median(cpus, c->count) };
    c->is_batched =
        c->median.cpu_ratio < 1 - CREATION_MARGIN_PERCENT / 100.0 && c->median.wall_ratio < 1;
}

/* This thread stays on its CPU; where that is not allowed the ring only has less of a chance. */
static bool creation_pin(cpu_set_t *before)
{
    cpu_set_t here;
    int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof *before, before))
        return false;
    CPU_ZERO(&here);
    CPU_SET((unsigned)cpu, &here);
    return sched_setaffinity(0, sizeof here, &here) == 0;
}

static int creation_laps(struct creation *c, struct batch *batch, int dir_fd,
                         const struct rules_limits *limits, struct err *e)
{
    cpu_set_t before;
    bool is_pinned = creation_pin(&before);
    int failed = 0;
    for (unsigned i = 0; i < CREATION_LAPS && !failed; i++)
        failed = creation_lap(c, batch, dir_fd, limits, e);
    if (is_pinned)
        (void)sched_setaffinity(0, sizeof before, &before);
    return failed;
}

int creation_race(struct creation *c, int dir_fd, const struct rules_limits *limits, struct err *e)
{
    struct batch batch;
    *c = (struct creation){ 0 };
    if (batch_open(&batch, &c->refusal))
        return 0;
    int failed = creation_laps(c, &batch, dir_fd, limits, e);
    batch_release(&batch);
    if (!failed) {
        creation_judge(c);
        return 0;
    }
    if (e->kind == ERR_INTERRUPTED || e->kind == ERR_TIMEOUT)
        return -1;
    c->refusal = *e; /* a disk that is full is the image's to say */
    return 0;
}

void creation_note(const struct creation *c, struct result *r)
{
    if (c->refusal.kind != ERR_NONE) {
        result_note(r, "Files were created by calls: %s.", c->refusal.msg);
        return;
    }
    if (c->count == 0) {
        result_note(r, "Files were created by calls; there was no room to try io_uring.");
        return;
    }
    result_note(r,
                "%s: io_uring, %u at a time, took %.2f times the CPU time of calls and %.2f times "
                "their time, medians of %u turns with %u files each.",
                c->is_batched ? "Files of up to 16 KiB were created through io_uring, which counts "
                                "their content as metadata"
                              : "Files were created by calls",
                CHAIN_FILES, c->median.cpu_ratio, c->median.wall_ratio, c->count, CREATION_FILES);
}
