/*
 * drive: the one issue-and-complete loop of all engines. Every single I/O is timed until its
 * completion is seen, and recorded. Allocates, prints and formats nothing unless it fails.
 *
 * Closed loop (interval_ns 0): `depth` I/Os are kept in flight, and where one completes the next is
 * issued. Latency counts from when its place came free, as one of `depth` requesters feels it: what
 * the others' hand-over takes is part of it, and mean latency times IOPS is the depth. (Counted
 * from each I/O's own hand-over, what waits for it would be in no figure: at depth 32 the median
 * was then 130 us at 55,000 IOPS, which is the load of a depth of 7.) Open loop: I/O k is due at
 * began_ns + k * interval_ns and its latency counts from there, also when `depth` of them are in
 * flight already and it has to wait: no I/O is left out because the disk was busy. (A kit/pace
 * schedule skips what it missed; that would hide a stall.) Until the next is due the loop sleeps in
 * the engine's reap, but for the last DRIVE_EARLY_NS, since a timer wakes late.
 *
 * It ends at until_ns, when *stopping becomes true or when bytes_max are handed over; what is then
 * in flight is waited for and recorded too. In the open loop what was due by then and found no
 * place is recorded with the time that it had waited, which its latency would have exceeded.
 *
 * A rate is timed_count in timed_ns: completions between two times fixed beforehand, with the queue
 * full at both. A limiter that admits in slices of 100 ms would spoil any other: the last I/O may
 * wait for a slice that it alone uses.
 */
#ifndef PROBES_DISK_DRIVE_H
#define PROBES_DISK_DRIVE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/disk/engine.h"
#include "probes/disk/pattern.h"
#include "probes/kit/err.h"
#include "probes/kit/hist.h"
#include "probes/kit/tick.h"

/* An I/O that takes longer is reported: "the disk did not answer". SOURCE: Linux drivers/scsi/sd.h
 * SD_TIMEOUT, 30 s, after which the kernel itself aborts a command. */
#define DRIVE_ANSWER_NS UINT64_C(30000000000)
/* How long what is in flight is waited for once *stopping is true: a Ctrl-C ends within 1 s. */
#define DRIVE_STOP_NS UINT64_C(300000000)
/* How often a waiting loop looks at *stopping. */
#define DRIVE_TICK_NS UINT64_C(100000000)
/* Open loop: so long before an I/O is due the loop wakes and then polls. */
#define DRIVE_EARLY_NS UINT64_C(50000)

enum {
    /*
     * How many are handed over by one system call, unless asked otherwise: one, as by requesters of
     * their own. What completes in a group and is handed over as a group stays one, and the disk
     * idles between: on virtio at depth 32, 71,500 IOPS and a median of 363 us so, 86,400 and 270
     * us one by one (fio, which does it one by one: 84,100 and 289 us). Groups of 2 to 4 spare
     * system calls and gain another 5 to 15 %, which no requester of one I/O would see.
     */
    DRIVE_BATCH = 1
};

struct drive {
    struct engine *engine;      /* open; its buffers are at least pattern->block_bytes */
    struct pattern *pattern;    /* offsets, block size, payload */
    unsigned depth;             /* 1..engine->conf.depth; 1 for an engine without a queue */
    unsigned batch;             /* handed over at once, at most; 0: DRIVE_BATCH, or in the
                                   open loop all that are due */
    unsigned write_percent;     /* 0 only reads, 100 only writes; between: drawn from the pattern */
    struct hist *latency;       /* of all I/O, ns; NULL: not recorded (warm-up, filling) */
    struct hist *write_latency; /* of the writes, which then are not in `latency`; may be NULL */
    uint64_t interval_ns;       /* open loop: one I/O due so often; 0: closed loop */
    unsigned batch_least;       /* completions waited for at once, at least; 0: one */
    uint64_t warm_until_ns;     /* what completes before is neither recorded nor timed; 0: none */
    uint64_t until_ns;          /* CLOCK_MONOTONIC */
    uint64_t bytes_max;         /* hands over at most so many; UINT64_MAX: no bound */
    uint64_t answer_ns;         /* 0: DRIVE_ANSWER_NS */
    struct tick *tick;          /* aligned before and after; NULL: clock_gettime */
    const volatile sig_atomic_t *stopping;
    const char *what; /* for messages: "the scratch file below '/srv'" */
};

struct drive_count {
    uint64_t completed;
    uint64_t bytes;         /* handed over; also counted when the loop fails */
    uint64_t written_bytes; /* of these, by writes */
    uint64_t late_max_ns;   /* open loop: longest that a due I/O waited to be handed over */
    uint64_t unissued;      /* due before the end and never handed over; recorded all the same */
    uint64_t began_ns, ended_ns;
    uint64_t timed_count; /* completed after warm_until_ns and before the end of issuing, be it by
                             a failure */
    uint64_t timed_ns;    /* from the one to the other */
};

/*
 * A failed or short I/O ends the loop: ERR_IO (or the errno's kind) with path, offset and errno. A
 * disk that does not answer is ERR_TIMEOUT and leaves the engine abandoned.
 */
int drive_run(const struct drive *d, struct drive_count *count, struct err *e);

#endif
