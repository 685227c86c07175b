/*
 * What one I/O costs us, the disk left out: the loop with the null engine, timing and recording
 * included, beside the clock's own cost. Prints a line
 * a depth and batch.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "probes/disk/buffers.h"
#include "probes/disk/drive.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    NULL_BLOCK_BYTES = 4096,
    NULL_FILE_BYTES = 1 << 30
};

static int run(unsigned depth, unsigned batch, bool write, struct err *e)
{
    static const volatile sig_atomic_t stopping = 0;
    AUTO(buf) struct buf why = { 0 };
    AUTO(buffers) struct buffers buffers = { 0 };
    AUTO(hist) struct hist latency = { 0 };
    struct pattern pattern;
    struct engine engine;
    struct drive_count count;
    pattern_init(&pattern, PATTERN_RANDOM, NULL_FILE_BYTES, NULL_BLOCK_BYTES, 1);
    if (hist_open(&latency, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e) ||
        buffers_open(&buffers, depth, NULL_BLOCK_BYTES, 1, e))
        return -1;
    struct engine_conf conf = {
        .fd = -1, .depth = depth, .buffers = buffers.items, .buffer_bytes = buffers.bytes
    };
    if (engine_choose(&engine, "null", &conf, &why, e))
        return -1;
    struct drive drive = { .engine = &engine,
                           .pattern = &pattern,
                           .depth = depth,
                           .batch = batch,
                           .batch_least = batch,
                           .write_percent = write ? 100 : 0,
                           .latency = &latency,
                           .until_ns = clk_now_ns() + CLK_NS_PER_S,
                           .bytes_max = UINT64_MAX,
                           .stopping = &stopping,
                           .what = "nothing" };
    uint64_t cpu_ns = clk_thread_cpu_ns();
    int status = drive_run(&drive, &count, e);
    cpu_ns = clk_thread_cpu_ns() - cpu_ns;
    engine_close(&engine);
    double clock_ns = (double)clk_cost_ns();
    double each_ns = (double)cpu_ns / (double)count.completed;
    printf(
        "null engine, %-5s depth %3u by %2u: %6.1f ns of CPU an I/O, all included; one clock reading "
        "%.0f ns; ratio %.2f\n",
        write ? "write" : "read", depth, batch, each_ns, clock_ns, each_ns / clock_ns);
    return status;
}

int main(void)
{
    static const unsigned cases[][2] = {
        {1,    1 },
        { 32,  1 },
        { 128, 32}
    };
    struct err e = { 0 };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (run(cases[i][0], cases[i][1], false, &e) || run(cases[i][0], cases[i][1], true, &e)) {
            (void)fprintf(stderr, "%s\n", e.msg);
            return 3;
        }
    }
    return 0;
}
