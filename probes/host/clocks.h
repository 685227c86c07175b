/*
 * clocks: what time is made of here, and whether somebody keeps it right.
 *
 * SOURCE: adjtimex(2), STA_UNSYNC; netdata health alarm system_clock_sync_state, which waits 17
 * minutes after boot, because a daemon needs that long to trust its servers.
 */
#ifndef PROBES_HOST_CLOCKS_H
#define PROBES_HOST_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/clk.h"
#include "probes/kit/facts.h"

#define CLOCKS_GRACE_NS (UINT64_C(17) * 60 * CLK_NS_PER_S)

enum clocks_sync {
    CLOCKS_SYNCHRONISED,
    CLOCKS_UNSYNCHRONISED,
    CLOCKS_NOT_TOLD, /* the kernel refused to say */
};

/* "12345.67 23456.78": nanoseconds since boot. -1 when malformed. */
int clocks_parse_uptime(const char *uptime, uint64_t *ns);
/* What the kernel says (adjtimex, which needs no privilege to ask). */
enum clocks_sync clocks_ask(void);
/* The name of a time daemon among the processes below /proc; "" when none runs. */
void clocks_find_daemon(int proc_fd, char name[16]);
/* States host.clock.synchronised. Unsynchronised is unknown before CLOCKS_GRACE_NS. */
void clocks_state_sync(enum clocks_sync sync, uint64_t uptime_ns, const char *daemon,
                       struct facts *f);
/* States host.clock.source, host.clock.synchronised and host.uptime. */
void clocks_state(int proc_fd, int sys_fd, enum clocks_sync sync, struct facts *f);

#endif
