/*
 * limits: every cap and allowance of the bench, each with its reason.
 */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdint.h>

/* CLOCK_MONOTONIC nanoseconds. */
#define BENCH_BUDGET_NS_MIN UINT64_C(5000000000)     /* below, no probe has time for its set-up */
#define BENCH_BUDGET_NS_MAX UINT64_C(86400000000000) /* a day */
#define BENCH_REPORT_NS     UINT64_C(700000000)      /* verdict and three reports: 0.1-0.3 s here */
#define BENCH_SLOT_NS_MIN   UINT64_C(500000000)      /* less is not worth a set-up */
#define BENCH_ONCE_NS       UINT64_C(30000000000)    /* deadline of a probe of weight 0 */
#define BENCH_GRACE_NS                                                                             \
    UINT64_C(10000000000) /* beyond a slot before SIGTERM: a slow disk's last I/O */
#define BENCH_STOP_NS                                                                              \
    UINT64_C(600000000) /* from SIGTERM to SIGKILL, so that Ctrl-C ends within 1 s */
#define BENCH_KILL_NS          UINT64_C(2000000000)  /* from SIGKILL to leaving the child behind */
#define BENCH_STOP_KILL_NS     UINT64_C(150000000)   /* the same after Ctrl-C */
#define BENCH_ASK_NS           UINT64_C(5000000000)  /* a probe's answer to "can you work here" */
#define BENCH_SILENCE_NS       UINT64_C(60000000000) /* of a probe that has spoken: a disk hangs */
#define BENCH_CLEAR_NS         UINT64_C(10000000000) /* the removal of scratch files */
#define BENCH_WITNESS_REPLY_NS UINT64_C(2000000000)  /* a witness that is slower is given up */

enum {
    BENCH_FIRST_ROUND_PERCENT = 82, /* of the budget; the rest goes to what was close */
    BENCH_AGAIN_MAX = 4,            /* probes measured again in the second round */
};

#endif
