#include "probes/kit/sleeper.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "probes/kit/clk.h"

/* Reading the evidence takes some microseconds; what takes longer was an interruption. */
#define SLEEPER_READING_NS (100 * (uint64_t)CLK_NS_PER_US)

void sleeper_open(struct sleeper *s)
{
    struct err ignored;
    *s = (struct sleeper)SLEEPER_NONE;
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    (void)ownsched_open(&s->sched, &ignored);
    sleeper_settle(s);
}

void sleeper_release(struct sleeper *s)
{
    if (s->timer_fd >= 0)
        (void)close(s->timer_fd);
    s->timer_fd = -1;
    ownsched_release(&s->sched);
}

int sleeper_until(struct sleeper *s, uint64_t due_ns)
{
    uint64_t expirations = 0;
    s->asked = true;
    const struct itimerspec when = { .it_value = clk_timespec(due_ns ? due_ns : 1) };
    if (s->timer_fd < 0 || timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &when, NULL))
        return clk_sleep_until(due_ns);
    s->asked = clk_now_ns() < due_ns;
    return read(s->timer_fd, &expirations, sizeof expirations) == sizeof expirations ? 0 : -1;
}

void sleeper_settle(struct sleeper *s)
{
    ownsched_read(&s->sched, &s->before);
}

static uint64_t sleeper_more(uint64_t before, uint64_t after)
{
    return after > before ? after - before : 0;
}

void sleeper_compare(const struct ownsched_now *before, const struct ownsched_now *after,
                     const uint64_t due_woke_told_ns[3], bool asked, struct episode *e)
{
    uint64_t due_ns = due_woke_told_ns[0];
    uint64_t woke_ns = due_woke_told_ns[1];
    uint64_t told_ns = due_woke_told_ns[2];
    uint64_t end_ns = sleeper_more(woke_ns, told_ns) > SLEEPER_READING_NS ? told_ns : woke_ns;
    uint64_t queued_ns = sleeper_more(before->queued_ns, after->queued_ns);
    uint64_t switches = sleeper_more(before->voluntary, after->voluntary);
    e->at_ns = due_ns;
    e->length_ns = sleeper_more(due_ns, end_ns);
    e->queued_ns = queued_ns < e->length_ns ? queued_ns : e->length_ns;
    e->sleeps = (uint32_t)sleeper_more(1, switches);
    e->count = 1;
    e->slept = true;
    e->vague = !asked;
    e->queued_known = before->queued_known && after->queued_known;
}

void sleeper_tell(struct sleeper *s, uint64_t due_ns, uint64_t woke_ns, struct episode *e)
{
    struct ownsched_now after;
    ownsched_read(&s->sched, &after);
    const uint64_t times[3] = { due_ns, woke_ns, clk_now_ns() };
    sleeper_compare(&s->before, &after, times, s->asked, e);
    s->before = after;
}
