/*
 * Takes the CPU away for known times, and says when: a line an episode, "KIND BEGIN END CPU", in
 * nanoseconds of CLOCK_MONOTONIC. What is taken, how long and how far apart is drawn from the seed.
 *
 *     thief fifo SEED SECONDS LEAST_MS MOST_MS CPU               spins there under SCHED_FIFO
 *     thief stop SEED SECONDS LEAST_MS MOST_MS PID...            SIGSTOP, then SIGCONT
 *     thief freeze SEED SECONDS LEAST_MS MOST_MS FILE HOLD FREE  writes HOLD to FILE, then FREE
 *     thief flood SEED SECONDS LEAST_MS MOST_MS CPU              from there to itself on loopback
 *
 * Every burst ends by its own clock, and all of it after SECONDS; what was stopped goes on even
 * when it is told to end. Exit status: 0, or 3 with a sentence.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"

enum {
    THIEF_EPISODES = 4096, /* beyond, none is told */
    THIEF_PRIORITY = 10,
    THIEF_PIDS = 32,
    THIEF_PAUSE_LEAST_MS = 60,
    THIEF_PAUSE_MOST_MS = 140,
    THIEF_BURST_MOST_MS = 200, /* nobody is to be locked out of a machine */
    THIEF_DATAGRAM_BYTES = 64
};

struct thief_episode {
    uint64_t begin_ns, end_ns;
};

struct thief {
    uint64_t begin_ns;              /* of the episode at hand */
    struct thief_episode *episodes; /* told at the end: telling takes time too */
    unsigned count;
    unsigned least_ms, most_ms;
    unsigned cpu;
    pid_t pids[THIEF_PIDS];
    unsigned pid_count;
    int fd; /* of the freezer's file, or of a socket */
    const char *hold, *free;
};

static volatile sig_atomic_t thief_told;

static void thief_tell(int signal)
{
    (void)signal;
    thief_told = 1;
}

static int thief_fail(const char *what)
{
    (void)fprintf(stderr, "thief: %s: %s\n", what, strerror(errno));
    return -1;
}

static int thief_pin(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) ? thief_fail("pin to that CPU") : 0;
}

static int thief_fifo_open(struct thief *t, char **words, int count)
{
    struct sched_param p = { .sched_priority = THIEF_PRIORITY };
    if (count != 1)
        return thief_fail("fifo takes a CPU");
    t->cpu = (unsigned)strtoul(words[0], NULL, 10);
    if (thief_pin(t->cpu))
        return -1;
    return sched_setscheduler(0, SCHED_FIFO, &p) ? thief_fail("become SCHED_FIFO") : 0;
}

static void thief_fifo_take(struct thief *t, uint64_t until_ns)
{
    (void)t;
    while (clk_now_ns() < until_ns)
        continue;
}

static int thief_stop_open(struct thief *t, char **words, int count)
{
    for (int i = 0; i < count && i < THIEF_PIDS; i++)
        t->pids[t->pid_count++] = (pid_t)strtol(words[i], NULL, 10);
    return t->pid_count ? 0 : thief_fail("take numbers of processes");
}

static void thief_signal(const struct thief *t, int number)
{
    for (unsigned i = 0; i < t->pid_count; i++)
        (void)kill(t->pids[i], number);
}

static void thief_stop_take(struct thief *t, uint64_t until_ns)
{
    thief_signal(t, SIGSTOP);
    (void)clk_sleep_until(until_ns);
    thief_signal(t, SIGCONT);
}

static int thief_freeze_open(struct thief *t, char **words, int count)
{
    if (count != 3)
        return thief_fail("freeze takes a file and two words");
    t->fd = open(words[0], O_WRONLY | O_CLOEXEC);
    t->hold = words[1];
    t->free = words[2];
    return t->fd < 0 ? thief_fail(words[0]) : 0;
}

static void thief_write(const struct thief *t, const char *word)
{
    if (pwrite(t->fd, word, strlen(word), 0) < 0)
        (void)thief_fail(word);
}

static void thief_freeze_take(struct thief *t, uint64_t until_ns)
{
    thief_write(t, t->hold);
    t->begin_ns = clk_now_ns(); /* the kernel stops them at the end of the write */
    (void)clk_sleep_until(until_ns);
    thief_write(t, t->free);
}

static int thief_flood_open(struct thief *t, char **words, int count)
{
    struct sockaddr_in self = { .sin_family = AF_INET };
    socklen_t size = sizeof self;
    self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (count != 1)
        return thief_fail("flood takes a CPU");
    t->cpu = (unsigned)strtoul(words[0], NULL, 10);
    t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->fd < 0 || bind(t->fd, (struct sockaddr *)&self, size) ||
        getsockname(t->fd, (struct sockaddr *)&self, &size) ||
        connect(t->fd, (struct sockaddr *)&self, size)) {
        return thief_fail("make a socket on loopback");
    }
    return thief_pin(t->cpu);
}

static void thief_flood_take(struct thief *t, uint64_t until_ns)
{
    static const char bytes[THIEF_DATAGRAM_BYTES];
    while (clk_now_ns() < until_ns)
        (void)send(t->fd, bytes, sizeof bytes, MSG_DONTWAIT);
}

static const struct thief_kind {
    const char *name;
    int (*open)(struct thief *t, char **words, int count);
    void (*take)(struct thief *t, uint64_t until_ns);
} thief_kinds[] = {
    {"fifo",    thief_fifo_open,   thief_fifo_take  },
    { "stop",   thief_stop_open,   thief_stop_take  },
    { "freeze", thief_freeze_open, thief_freeze_take},
    { "flood",  thief_flood_open,  thief_flood_take },
};

static uint64_t thief_draw_ns(struct prng *p, unsigned least_ms, unsigned most_ms)
{
    uint64_t span_us = (uint64_t)(most_ms - least_ms) * 1000 + 1;
    return (uint64_t)least_ms * CLK_NS_PER_MS + prng_below(p, span_us) * CLK_NS_PER_US;
}

static void thief_work(const struct thief_kind *kind, struct thief *t, uint64_t seed,
                       double seconds)
{
    struct prng draw;
    prng_init(&draw, seed);
    uint64_t end_ns = clk_now_ns() + (uint64_t)(seconds * CLK_NS_PER_S);
    for (;;) {
        uint64_t pause_ns = thief_draw_ns(&draw, THIEF_PAUSE_LEAST_MS, THIEF_PAUSE_MOST_MS);
        uint64_t take_ns = thief_draw_ns(&draw, t->least_ms, t->most_ms);
        if (thief_told || clk_now_ns() + pause_ns + take_ns > end_ns)
            return;
        (void)clk_sleep_until(clk_now_ns() + pause_ns);
        t->begin_ns = clk_now_ns();
        kind->take(t, t->begin_ns + take_ns);
        uint64_t now_ns = clk_now_ns();
        if (t->count < THIEF_EPISODES)
            t->episodes[t->count++] = (struct thief_episode){ t->begin_ns, now_ns };
    }
}

static void thief_print(const struct thief_kind *kind, const struct thief *t)
{
    for (unsigned i = 0; i < t->count; i++)
        (void)printf("%s %" PRIu64 " %" PRIu64 " %u\n", kind->name, t->episodes[i].begin_ns,
                     t->episodes[i].end_ns, t->cpu);
}

static const struct thief_kind *thief_kind(const char *name)
{
    for (unsigned i = 0; i < sizeof thief_kinds / sizeof thief_kinds[0]; i++) {
        if (strcmp(thief_kinds[i].name, name) == 0)
            return &thief_kinds[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct thief_kind *kind = argc > 6 ? thief_kind(argv[1]) : NULL;
    struct thief t = { .fd = -1 };
    if (!kind) {
        (void)fprintf(stderr, "usage: thief fifo|stop|freeze|flood SEED SECONDS LEAST_MS MOST_MS "
                              "CPU|PID...|FILE HOLD FREE\n");
        return 3;
    }
    t.least_ms = (unsigned)strtoul(argv[4], NULL, 10);
    t.most_ms = (unsigned)strtoul(argv[5], NULL, 10);
    if (t.most_ms > THIEF_BURST_MOST_MS || t.least_ms > t.most_ms) {
        (void)fprintf(stderr, "thief: a burst is of %d ms at most\n", THIEF_BURST_MOST_MS);
        return 3;
    }
    (void)signal(SIGTERM, thief_tell);
    (void)signal(SIGINT, thief_tell);
    t.episodes = calloc(THIEF_EPISODES, sizeof *t.episodes);
    if (!t.episodes || kind->open(&t, argv + 6, argc - 6))
        return 3;
    memset(t.episodes, 1, THIEF_EPISODES * sizeof *t.episodes); /* no page is to be had later */
    thief_work(kind, &t, strtoull(argv[2], NULL, 10), strtod(argv[3], NULL));
    thief_print(kind, &t);
    free(t.episodes);
    return fflush(stdout) ? 3 : 0;
}
