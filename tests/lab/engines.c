/*
 * What disk.bats needs where the program itself measures nothing, since the disk is memory:
 *     engines FILE   compares the I/O engines by reading that file or device; prints the name of
 *                    the one taken, whether io_uring had kernel workers, and the sentence of both
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "probes/disk/buffers.h"
#include "probes/disk/race.h"
#include "probes/kit/auto.h"

enum {
    ENGINES_BLOCK_BYTES = 4096
};

static int engines_fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    return 1;
}

static bool engines_had_workers(const struct race *race)
{
    bool any = false;
    for (unsigned i = 0; i < race->count; i++)
        any = any || race->lanes[i].workers;
    return any;
}

static int engines_race(int fd, int proc_fd, uint64_t bytes)
{
    static const volatile sig_atomic_t stopping;
    AUTO(buf) struct buf why = { 0 };
    AUTO(buffers) struct buffers buffers = { 0 };
    struct engine engine = { 0 };
    struct pattern pattern;
    struct race race;
    struct err e;
    if (buffers_open(&buffers, RACE_DEEP, ENGINES_BLOCK_BYTES, 1, &e))
        return engines_fail(e.msg);
    pattern_init(&pattern, PATTERN_RANDOM, bytes, ENGINES_BLOCK_BYTES, 1);
    struct race_plan plan = {
        .conf = {.fd = fd,
                 .depth = RACE_DEEP,
                 .buffers = buffers.items,
                 .buffer_bytes = ENGINES_BLOCK_BYTES},
        .pattern = &pattern,
        .proc_fd = proc_fd,
        .stopping = &stopping,
        .what = "the file"
    };
    if (race_engines(&engine, &plan, &race, &why, &e))
        return engines_fail(e.msg);
    (void)printf("%s\n%s\n%s\n", engine.row->name,
                 engines_had_workers(&race) ? "workers" : "no workers", buf_text(&why));
    engine_close(&engine);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return engines_fail("usage: engines FILE");
    AUTO_CLOSE int fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
    AUTO_CLOSE int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END); /* of a device, too */
    if (bytes < 0) {
        perror(argv[1]);
        return 1;
    }
    return engines_race(fd, proc_fd, (uint64_t)bytes);
}
