#include "probes/host/clocks.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

/* As in /proc/PID/comm, which has 15 letters. */
static const char *const clocks_daemons[] = {
    "chronyd", "systemd-timesyn", "ntpd", "ntpd-rs", "ptp4l", "phc2sys", "vmtoolsd", NULL,
};

int clocks_parse_uptime(const char *uptime, uint64_t *ns)
{
    char *end = NULL;
    double seconds = strtod(uptime, &end);
    if (end == uptime || *end != ' ' || !(seconds >= 0 && seconds < 1e10))
        return -1;
    *ns = (uint64_t)(seconds * CLK_NS_PER_S);
    return 0;
}

enum clocks_sync clocks_ask(void)
{
    struct timex t = { .modes = 0 };
    if (adjtimex(&t) < 0)
        return CLOCKS_NOT_TOLD;
    return t.status & STA_UNSYNC ? CLOCKS_UNSYNCHRONISED : CLOCKS_SYNCHRONISED;
}

static bool clocks_is_daemon(int proc_fd, const char *pid, char name[16])
{
    char path[32];
    struct err ignored;
    (void)snprintf(path, sizeof path, "%.16s/comm", pid);
    if (!isdigit((unsigned char)pid[0]) || file_line_at(proc_fd, path, name, 16, &ignored))
        return false;
    for (unsigned i = 0; clocks_daemons[i]; i++) {
        if (strcmp(name, clocks_daemons[i]) == 0)
            return true;
    }
    return false;
}

void clocks_find_daemon(int proc_fd, char name[16])
{
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;
    if (!dir) {
        auto_close_fd(&fd);
        name[0] = '\0';
        return;
    }
    for (struct dirent *d = readdir(dir); d && !found; d = readdir(dir)) // NOLINT(concurrency-*)
        found = clocks_is_daemon(proc_fd, d->d_name, name);
    (void)closedir(dir);
    if (!found)
        name[0] = '\0';
}

void clocks_state_sync(enum clocks_sync sync, uint64_t uptime_ns, const char *daemon,
                       struct facts *f)
{
    static const char fact[] = "host.clock.synchronised";
    char who[64] = "no time daemon is running: install chrony";
    char why[256];
    if (*daemon)
        (void)snprintf(who, sizeof who, "%s is running", daemon);
    if (sync == CLOCKS_NOT_TOLD) {
        (void)snprintf(why, sizeof why, "adjtimex is refused here; %s", who);
        (void)facts_set_unknown(f, fact, why);
    } else if (sync == CLOCKS_SYNCHRONISED) {
        (void)snprintf(why, sizeof why, "says the kernel; %s",
                       *daemon ? who : "no daemon was seen");
        (void)facts_set_text(f, fact, "yes", why);
    } else if (uptime_ns < CLOCKS_GRACE_NS) {
        (void)snprintf(why, sizeof why,
                       "not yet, %.0f min after boot; it counts after 17 min, which a daemon may "
                       "need; %s",
                       floor((double)uptime_ns / CLK_NS_PER_S / 60), who);
        (void)facts_set_unknown(f, fact, why);
    } else {
        (void)snprintf(why, sizeof why, "the kernel says STA_UNSYNC, %.0f min after boot; %s",
                       floor((double)uptime_ns / CLK_NS_PER_S / 60), who);
        (void)facts_set_text(f, fact, "no", why);
    }
}

void clocks_state(int proc_fd, int sys_fd, enum clocks_sync sync, struct facts *f)
{
    char line[64];
    char daemon[16];
    uint64_t uptime_ns = CLOCKS_GRACE_NS;
    struct err e;
    if (file_line_at(sys_fd, "devices/system/clocksource/clocksource0/current_clocksource", line,
                     sizeof line, &e))
        (void)facts_set_unknown(f, "host.clock.source", e.msg);
    else
        (void)facts_set_text(f, "host.clock.source", line, NULL);
    if (file_line_at(proc_fd, "uptime", line, sizeof line, &e))
        (void)facts_set_unknown(f, "host.uptime", e.msg);
    else if (clocks_parse_uptime(line, &uptime_ns))
        (void)facts_set_unknown(f, "host.uptime", "/proc/uptime is malformed");
    else
        (void)facts_set_number(f, "host.uptime", (double)uptime_ns, UNIT_NS, NULL);
    clocks_find_daemon(proc_fd, daemon);
    clocks_state_sync(sync, uptime_ns, daemon, f);
}
