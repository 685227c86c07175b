/*
 * Our side of tests/versus/disk.sh: the engines, the loop and the log of the disk probes, on a file
 * or directory that the script names. Prints "IOPS P50_NS P99_NS".
 *
 *     disk_ours read FILE DEPTH SECONDS [ENGINE]
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
    printf("%.0f %" PRIu64 " %" PRIu64 "\n", (double)h->total * CLK_NS_PER_S / (double)took_ns,
           hist_quantile(h, 0.5), hist_quantile(h, 0.99));
    return 0;
}

static int run_read(const char *path, unsigned depth, uint64_t length_ns, const char *name,
                    struct err *e)
{
    static const volatile sig_atomic_t stopping = 0;
    AUTO(buf) struct buf why = { 0 };
    AUTO(buffers) struct buffers buffers = { 0 };
    AUTO(hist) struct hist latency = { 0 };
    AUTO_CLOSE int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return err_set(e, ERR_IO, 0, "open '%s'", path);
    struct pattern pattern;
    pattern_init(&pattern, PATTERN_RANDOM, (uint64_t)st.st_size, OURS_BLOCK_BYTES, clk_now_ns());
    if (hist_open(&latency, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e) ||
        buffers_open(&buffers, depth, OURS_BLOCK_BYTES, 1, e))
        return -1;
    struct engine engine;
    struct engine_conf conf = {
        .fd = fd, .depth = depth, .buffers = buffers.items, .buffer_bytes = buffers.bytes
    };
    if (engine_choose(&engine, name, &conf, &why, e))
        return -1;
    struct drive_count count;
    struct drive drive = { .engine = &engine,
                           .pattern = &pattern,
                           .depth = depth,
                           .latency = &latency,
                           .until_ns = clk_now_ns() + length_ns,
                           .bytes_max = UINT64_MAX,
                           .stopping = &stopping,
                           .what = path };
    int status = drive_run(&drive, &count, e);
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

int main(int argc, char **argv)
{
    struct err e = { 0 };
    int status = err_set(&e, ERR_USAGE, 0,
                         "disk_ours read FILE DEPTH SECONDS [ENGINE] | wal DIR "
                         "SECONDS");
    if (argc >= 5 && strcmp(argv[1], "read") == 0)
        status = run_read(argv[2], (unsigned)strtoul(argv[3], NULL, 10), seconds(argv[4]),
                          argc > 5 ? argv[5] : "auto", &e);
    else if (argc == 4 && strcmp(argv[1], "wal") == 0)
        status = run_wal(argv[2], seconds(argv[3]), &e);
    if (status)
        (void)fprintf(stderr, "%s\n", e.msg);
    return status ? 3 : 0;
}
