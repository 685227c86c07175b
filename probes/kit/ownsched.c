#include "probes/kit/ownsched.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    OWNSCHED_BYTES = 80 /* three numbers of 20 digits */
};

int ownsched_parse(const char *text, uint64_t *run_ns, uint64_t *queued_ns)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text))
        return -1;
    uint64_t run = strtoull(text, &end, 10);
    if (*end != ' ' || !isdigit((unsigned char)end[1]))
        return -1;
    *queued_ns = strtoull(end + 1, NULL, 10);
    *run_ns = run;
    return 0;
}

int ownsched_open(struct ownsched *o, struct err *e)
{
    struct ownsched_now now;
    o->fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (o->fd < 0)
        return err_set(e, ERR_UNSUPPORTED, errno, "open /proc/thread-self/schedstat");
    ownsched_read(o, &now);
    if (now.queued_known)
        return 0;
    ownsched_release(o);
    return err_set(e, ERR_UNSUPPORTED, 0, "this kernel does not count the time in the run queue");
}

void ownsched_read(const struct ownsched *o, struct ownsched_now *now)
{
    char text[OWNSCHED_BYTES];
    struct rusage used;
    *now = (struct ownsched_now){ 0 };
    ssize_t n = o->fd < 0 ? -1 : pread(o->fd, text, sizeof text - 1, 0);
    if (n > 0) {
        text[n] = '\0';
        now->queued_known = ownsched_parse(text, &now->run_ns, &now->queued_ns) == 0;
    }
    if (getrusage(RUSAGE_THREAD, &used) == 0) {
        now->voluntary = (uint64_t)used.ru_nvcsw;
        now->involuntary = (uint64_t)used.ru_nivcsw;
    }
}

void ownsched_release(struct ownsched *o)
{
    if (o->fd >= 0)
        (void)close(o->fd);
    *o = (struct ownsched)OWNSCHED_NONE;
}
