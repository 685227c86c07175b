#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "probes/kit/clk.h"
#include "probes/kit/units.h"
#include "reports/page.h"
#include "reports/thief.h"

#define THIEF_LITTLE 0.005 /* of the CPU time: felt in single moments only */
#define THIEF_BLIND  0.02  /* of what the window with most of it saw */

/* "in 5.80 s of spinning" */
static const struct {
    const char *before, *after;
} thief_windows[THIEF_VIEWS] = {
    [THIEF_SPINNING] = {"in",                     " of spinning"},
    [THIEF_QUIET] = { "in",                    " of quiet"   },
    [THIEF_WHOLE] = { "over the whole run of", ""            },
};

static const char *const thief_names[CAUSES] = {
    [CAUSE_HYPERVISOR] = "The hypervisor",
    [CAUSE_UNREPORTED] = "The hypervisor",
    [CAUSE_OTHERS] = "Other processes of this guest",
    [CAUSE_OWN] = "This program",
    [CAUSE_QUOTA] = "The CPU quota of our own control group",
    [CAUSE_INTERRUPTS] = "Interrupts",
    [CAUSE_HALTED] = "A stop or freeze",
    [CAUSE_UNKNOWN] = "Something unknown",
};

/* What to do; NULL for the hypervisor, which has more to be said of. */
static const char *const thief_advice[CAUSES] = {
    [CAUSE_OTHERS] = "This is not the provider's doing: see what else runs here (top, pidstat), "
                     "and measure again without it.",
    [CAUSE_OWN] = "",
    [CAUSE_QUOTA] = "This is not the hypervisor's doing: raise or remove the quota of this control "
                    "group and of those above it (cpu.max, cpu.cfs_quota_us).",
    [CAUSE_INTERRUPTS] = "See /proc/interrupts and /proc/softirqs for what comes so often: a "
                         "network or disk queue of this guest keeps the CPU.",
    [CAUSE_HALTED] = "Somebody sent a stop signal or froze the control group, or the machine "
                     "slept: measure again undisturbed.",
    [CAUSE_UNKNOWN] = "No counter of the kernel explains it, so nobody is accused.",
};

static void tell_ratio(double share, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    buf_adds(out, units_format(share, UNIT_RATIO, text));
}

static void tell_time(uint64_t ns, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    buf_adds(out, units_format((double)ns, UNIT_NS, text));
}

/* "13.7 % (12.2 % to 15.1 %)" */
static void tell_share(const struct thief_share *s, struct buf *out)
{
    tell_ratio(s->value, out);
    if (isnan(s->low) || isnan(s->high))
        return;
    buf_adds(out, " (");
    tell_ratio(fmax(s->low, 0), out);
    buf_adds(out, " to ");
    tell_ratio(s->high, out);
    buf_adds(out, ")");
}

static void tell_window(const struct thief *t, unsigned view, struct buf *out)
{
    buf_addf(out, " %s ", thief_windows[view].before);
    tell_time(t->windows[view].observed_ns, out);
    buf_adds(out, thief_windows[view].after);
}

/* The hypervisor's has an interval where one of the two is nothing. */
static struct thief_share share_of(const struct thief_window *w, enum cause cause)
{
    const struct thief_share *unreported = &w->by_cause[CAUSE_UNREPORTED];
    if (cause != CAUSE_HYPERVISOR || !(unreported->value > 0))
        return w->by_cause[cause];
    if (!(w->by_cause[cause].value > 0))
        return *unreported;
    return (struct thief_share){ thief_taken(w, cause), NAN, NAN };
}

/*
 * " 13.7 % (12.2 % to 15.1 %) of the CPU time in 5.80 s of spinning, 8.10 % in 6 s of quiet". A
 * window that saw next to nothing of it could not see it: sleepers on a busy CPU cannot tell.
 */
static void tell_windows(const struct thief *t, struct buf *out)
{
    bool first = true;
    double least = THIEF_BLIND * thief_most(t, t->cause);
    for (unsigned v = 0; v < THIEF_VIEWS; v++) {
        struct thief_share share = share_of(&t->windows[v], t->cause);
        if (isnan(share.value) || thief_taken(&t->windows[v], t->cause) < least)
            continue;
        buf_adds(out, first ? " " : ", ");
        tell_share(&share, out);
        buf_adds(out, first ? " of the CPU time" : "");
        tell_window(t, v, out);
        first = false;
    }
    if (first)
        buf_adds(out, " CPU time");
}

/* The wall clock at that time of the run, as it was at its start: "2026-03-02T09:32:36Z". */
static void tell_date(const struct document *d, uint64_t at_ns, struct buf *out)
{
    struct tm utc = { 0 };
    char text[40];
    const char *end = strptime(d->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (!end || *end || at_ns > d->duration_ns)
        return;
    time_t at = timegm(&utc) + (time_t)(at_ns / CLK_NS_PER_S);
    if (gmtime_r(&at, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc))
        buf_addf(out, ", %s", text);
}

static void tell_longest(const struct document *d, const struct thief *t, struct buf *out)
{
    const struct result_event *longest = t->longest;
    if (!longest)
        return;
    buf_adds(out, "; the longest lasted ");
    tell_time(longest->duration_ns, out);
    if (longest->cpu >= 0)
        buf_addf(out, " on CPU %d", (int)longest->cpu);
    buf_adds(out, " (at ");
    tell_time(longest->at_ns, out);
    tell_date(d, longest->at_ns, out);
    buf_adds(out, ")");
}

/* What one window could not explain may be what another one did: there it is looked for. */
static double unexplained(const struct thief *t)
{
    unsigned best = 0;
    for (unsigned v = 1; v < THIEF_VIEWS; v++) {
        if (thief_taken(&t->windows[v], t->cause) > thief_taken(&t->windows[best], t->cause))
            best = v;
    }
    return thief_taken(&t->windows[best], CAUSE_UNKNOWN);
}

static void tell_besides(const struct thief *t, struct buf *out)
{
    bool first = true;
    for (int c = 0; c < CAUSES; c++) {
        double share = c == CAUSE_UNKNOWN ? unexplained(t) : thief_most(t, (enum cause)c);
        if (!t->suspects[c] || c == (int)t->cause || share <= 0)
            continue;
        buf_addf(out, "%s%s up to ", first ? " Besides: " : "; ", cause_name((enum cause)c));
        tell_ratio(share, out);
        first = false;
    }
    if (!first)
        buf_adds(out, ".");
}

/* Whether a steal column that stays low says anything here. */
static void tell_reporting(const struct document *d, struct buf *out)
{
    const struct fact *f = facts_find(&d->host, "host.steal.reported");
    bool is_no = f && f->kind == FACT_TEXT && strcmp(f->text, "no") == 0;
    if (!f || !(is_no || f->kind == FACT_UNKNOWN))
        return;
    buf_adds(out, is_no ? " This platform does not report steal"
                        : " Whether this platform reports steal is not known");
    if (f->reason && f->reason[0])
        buf_addf(out, ": %s", f->reason);
    buf_adds(out, ".");
}

/* What the kernel's own column says of the quiet window, or else of the run. */
static void tell_column(const struct document *d, const struct thief *t, struct buf *out)
{
    const struct thief_share busy = thief_metric(d, "noise.steal.busy");
    bool is_quiet = !isnan(t->windows[THIEF_QUIET].steal.value);
    unsigned view = is_quiet ? THIEF_QUIET : THIEF_WHOLE;
    double steal = t->windows[view].steal.value;
    if (!isnan(steal)) {
        buf_adds(out, " The steal column of /proc/stat shows ");
        tell_ratio(steal, out);
        tell_window(t, view, out);
        if (!isnan(busy.value)) {
            buf_adds(out, " and ");
            tell_ratio(busy.value, out);
            buf_adds(out, " with all CPUs busy");
        }
        buf_adds(out, ".");
    }
    tell_reporting(d, out);
}

static void tell_provider(const struct document *d, const struct thief *t, struct buf *out)
{
    tell_column(d, t, out);
    if (thief_most(t, CAUSE_HYPERVISOR) < THIEF_LITTLE) {
        buf_adds(out, " That is little, but long in one piece: take it to the provider when it "
                      "comes again.");
        return;
    }
    buf_addf(
        out,
        " Take this to the provider, with the name of this guest (%s) and the time (%s): other "
        "guests or a limit of the host had this share of its CPUs.",
        page_hostname(d), d->started);
}

static void tell_processes(const struct document *d, struct buf *out)
{
    const struct fact *f = facts_find(&d->host, "witness.others.process");
    if (!f || f->kind != FACT_TEXT || !f->text[0])
        return;
    buf_addf(out, " The largest of them was '%s'", f->text);
    if (f->reason && f->reason[0])
        buf_addf(out, " (%s)", f->reason);
    buf_adds(out, ".");
}

static void tell_found(const struct document *d, const struct thief *t, struct buf *out)
{
    bool is_hypervisor = t->cause == CAUSE_HYPERVISOR;
    double unreported = thief_most(t, CAUSE_UNREPORTED);
    buf_addf(out, "%s took", thief_names[t->cause]);
    tell_windows(t, out);
    if (t->cpu >= 0)
        buf_addf(out, ", most of it on CPU %d", (int)t->cpu);
    if (is_hypervisor && unreported > 0 && unreported > thief_most(t, CAUSE_HYPERVISOR) / 2)
        buf_adds(out, ", and did not report it");
    tell_longest(d, t, out);
    buf_adds(out, ".");
    if (t->cause == CAUSE_OTHERS)
        tell_processes(d, out);
    tell_besides(t, out);
    if (is_hypervisor)
        tell_provider(d, t, out);
    else
        buf_addf(out, " %s", thief_advice[t->cause]);
}

/* The most that anybody but ourselves can have taken. */
static double bound_of(const struct thief_window *w)
{
    double sum = 0;
    for (int c = 0; c < CAUSES; c++) {
        const struct thief_share *s = &w->by_cause[c];
        if (c != CAUSE_OWN && !isnan(s->value))
            sum += isnan(s->high) ? s->value : s->high;
    }
    return sum;
}

/* None of something in that time: with 95 % confidence it is rarer than three in as much. */
static void tell_rarity(const struct thief *t, struct buf *out)
{
    const struct thief_window *w =
        &t->windows[t->windows[THIEF_QUIET].looked ? THIEF_QUIET : THIEF_SPINNING];
    if (!w->looked || w->observed_ns == 0)
        return;
    buf_addf(out, "; no piece of %d ms or more in ", THIEF_LONG_MS);
    tell_time(w->observed_ns, out);
    buf_addf(out, " (< %.0f/h)", ceil(3 * 3600 * (double)CLK_NS_PER_S / (double)w->observed_ns));
}

static void tell_nobody(const struct document *d, const struct thief *t, struct buf *out)
{
    bool first = true;
    buf_adds(out, "Nobody took the CPUs:");
    for (unsigned v = 0; v < THIEF_VIEWS; v++) {
        double bound = bound_of(&t->windows[v]);
        if (!t->windows[v].looked)
            continue;
        buf_adds(out, first ? " " : ", ");
        buf_adds(out, bound > 0 ? "at most " : "nothing");
        if (bound > 0)
            tell_ratio(bound, out);
        buf_adds(out, first ? " of their time was lost" : "");
        tell_window(t, v, out);
        first = false;
    }
    tell_rarity(t, out);
    buf_adds(out, ".");
    tell_reporting(d, out);
}

/* Of documents that know no causes. */
static void tell_reported(const struct document *d, const struct thief *t, struct buf *out)
{
    bool first = true;
    for (unsigned v = 0; v < THIEF_VIEWS; v++) {
        const struct thief_share *steal = &t->windows[v].steal;
        if (isnan(steal->value))
            continue;
        buf_adds(out, first ? "Of the CPU time " : ", ");
        tell_share(steal, out);
        buf_adds(out, first ? " is reported as stolen by the hypervisor" : "");
        tell_window(t, v, out);
        first = false;
    }
    buf_adds(out, "; who else took any was not looked for.");
    tell_reporting(d, out);
}

void thief_tell(const struct document *d, const struct thief *t, struct buf *out)
{
    if (t->finding == THIEF_FOUND)
        tell_found(d, t, out);
    else if (t->finding == THIEF_NOBODY)
        tell_nobody(d, t, out);
    else if (t->finding == THIEF_REPORTED)
        tell_reported(d, t, out);
}
