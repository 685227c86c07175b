/*
 * Our side of tests/versus/disk.sh: the engines, the loop and the log of the disk probes, on a file
 * or directory that the script names. Prints "IOPS P50_NS P99_NS COUNT CPU_PERCENT", the last of
 * one core.
 *
 *     disk_ours read|write FILE DEPTH SECONDS [ENGINE [BATCH [buffered]]]
 *     disk_ours wal DIR SECONDS
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/disk/buffers.h"
#include "probes/disk/drive.h"
#include "probes/disk/wal.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    OURS_BLOCK_BYTES = 4096
};

static int tell(const struct hist *h, uint64_t took_ns)
{
    printf("%.0f %" PRIu64 " %" PRIu64 " %" PRIu64 " %.0f\n",
           (double)h->total * CLK_NS_PER_S / (double)took_ns, hist_quantile(h, 0.5),
           hist_quantile(h, 0.99), h->total,
           100.0 * (double)clk_process_cpu_ns() / (double)took_ns);
    return 0;
}

struct target {
    const char *path;
    const char *engine;
    unsigned depth, batch, batch_least; /* 0: as drive chooses */
    unsigned write_percent;
    bool buffered;
    uint64_t length_ns;
};

static int drive_target(const struct target *t, int fd, struct engine *engine, struct hist *latency,
                        struct drive_count *count, struct err *e)
{
    static const volatile sig_atomic_t stopping = 0;
    struct stat st;
    struct tick tick;
    struct pattern pattern;
    AUTO_CLOSE int sys_fd = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    off_t bytes = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : lseek(fd, 0, SEEK_END);
    tick_open(&tick, sys_fd);
    pattern_init(&pattern, PATTERN_RANDOM, (uint64_t)bytes, OURS_BLOCK_BYTES, clk_now_ns());
    struct drive drive = { .engine = engine,
                           .pattern = &pattern,
                           .depth = t->depth,
                           .batch = t->batch,
                           .batch_least = t->batch_least,
                           .write_percent = t->write_percent,
                           .latency = latency,
                           .tick = &tick,
                           .until_ns = clk_now_ns() + t->length_ns,
                           .bytes_max = UINT64_MAX,
                           .stopping = &stopping,
                           .what = t->path };
    return drive_run(&drive, count, e);
}

static int run_target(const struct target *t, struct err *e)
{
    AUTO(buf) struct buf why = { 0 };
    AUTO(buffers) struct buffers buffers = { 0 };
    AUTO(hist) struct hist latency = { 0 };
    int flags = (t->write_percent ? O_RDWR : O_RDONLY) | (t->buffered ? 0 : O_DIRECT) | O_NOATIME |
                O_CLOEXEC;
    AUTO_CLOSE int fd = open(t->path, flags);
    if (fd < 0)
        return err_set(e, ERR_IO, 0, "open '%s'", t->path);
    if (hist_open(&latency, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e) ||
        buffers_open(&buffers, t->depth, OURS_BLOCK_BYTES, 1, e))
        return -1;
    struct engine engine;
    struct engine_conf conf = {
        .fd = fd, .depth = t->depth, .buffers = buffers.items, .buffer_bytes = buffers.bytes
    };
    if (engine_choose(&engine, t->engine, &conf, &why, e))
        return -1;
    struct drive_count count;
    int status = drive_target(t, fd, &engine, &latency, &count, e);
    engine_close(&engine);
    return status ? -1 : tell(&latency, count.ended_ns - count.began_ns);
}

static int run_wal(const char *dir, uint64_t length_ns, struct err *e)
{
    AUTO(hist) struct hist latency = { 0 };
    AUTO(wal) struct wal wal = WAL_CLOSED;
    AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (hist_open(&latency, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e) ||
        wal_open(&wal, dir_fd, WAL_RECORD_BYTES, WAL_SEGMENT_BYTES, 1, e))
        return -1;
    uint64_t began_ns = clk_now_ns();
    while (clk_now_ns() < began_ns + length_ns) {
        uint64_t latency_ns = 0;
        uint64_t sync_ns = 0;
        if (wal_append(&wal, &latency_ns, &sync_ns, e))
            return -1;
        hist_record(&latency, sync_ns); /* as fio reports its syncs */
    }
    return tell(&latency, clk_now_ns() - began_ns);
}

static uint64_t seconds(const char *text)
{
    return (uint64_t)(strtod(text, NULL) * CLK_NS_PER_S);
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static int run_io(int argc, char **argv, bool write, struct err *e)
{
    struct target t = { .path = argv[2],
                        .depth = number(argv[3]),
                        .length_ns = seconds(argv[4]),
                        .engine = argc > 5 ? argv[5] : "auto",
                        .write_percent = write ? 100 : 0 };
    t.batch = t.batch_least = argc > 6 ? number(argv[6]) : 0;
    t.buffered = argc > 7;
    return run_target(&t, e);
}

int main(int argc, char **argv)
{
    struct err e = { 0 };
    int status = err_set(&e, ERR_USAGE, 0,
                         "disk_ours read|write FILE DEPTH SECONDS [ENGINE [BATCH [buffered]]] | "
                         "wal DIR SECONDS");
    if (argc >= 5 && (strcmp(argv[1], "read") == 0 || strcmp(argv[1], "write") == 0))
        status = run_io(argc, argv, argv[1][0] == 'w', &e);
    else if (argc == 4 && strcmp(argv[1], "wal") == 0)
        status = run_wal(argv[2], seconds(argv[3]), &e);
    if (status)
        (void)fprintf(stderr, "%s\n", e.msg);
    return status ? 3 : 0;
}
