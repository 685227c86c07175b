#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cmd.h"
#include "bench/limits.h"
#include "bench/outdir.h"
#include "bench/roles.h"
#include "bench/say.h"
#include "bench/stop.h"
#include "bench/survey.h"
#include "probes/kit/auto.h"
#include "probes/probes.h"

struct vet_conf {
    struct survey_conf survey;
    struct roles_conf judged;
    const char *out;
    bool quiet;
    bool details;
};

static const struct opt vet_opts[] = {
    ROLES_OPTIONS(struct vet_conf),
    SURVEY_OPTIONS(struct vet_conf),
    OPT_TEXT(struct vet_conf, out, .name = "out", .letter = 'o', .arg = "DIR",
             .help = "Write result.json, report.html and report.md to this folder. Default: "
                     "plimsoll-HOST-TIME in the current directory."),
    OPT_FLAG(struct vet_conf, details, .name = "details",
             .help = "Print every criterion, not only the one that decided."),
    OPT_FLAG(struct vet_conf, quiet, .name = "quiet", .letter = 'q',
             .help = "No progress on standard error."),
    OPT_END,
};

struct vet {
    const struct vet_conf *conf;
    struct roles roles;
    struct verdicts verdicts;
    struct document document;
    struct outdir out;
};

/* What a longer look helps most when nothing is close: the rare events. */
static const char *const vet_rare[] = { "noise.stall", "disk.wal" };

static bool vet_holds(const char *const *names, unsigned count, const char *name)
{
    bool held = false;
    for (unsigned i = 0; i < count; i++)
        held = held || strcmp(names[i], name) == 0;
    return held;
}

static bool vet_leaves_no_traces(const char *probe)
{
    const struct probe *p = probes_find(probe);
    return p && !(p->effects & PROBE_LEAVES_TRACES);
}

static bool vet_judges_by(const struct profile *profile, const char *probe)
{
    bool judges = false;
    for (unsigned k = 0; k < profile->count; k++) {
        const struct probe *owner = NULL;
        const char *metric = profile->criteria[k].metric;
        if (metric && probes_metric(metric, &owner))
            judges = judges || strcmp(owner->name, probe) == 0;
    }
    return judges;
}

/* What no role judges by is never close. */
static bool vet_may_repeat(const char *probe, void *arg)
{
    const struct vet *v = arg;
    bool may = vet_holds(vet_rare, sizeof vet_rare / sizeof vet_rare[0], probe);
    for (unsigned i = 0; i < v->roles.count; i++)
        may = may || vet_judges_by(&v->roles.profiles[i], probe);
    return may;
}

/* The probes whose figures are close to a bound, else the rare-event ones. */
static unsigned vet_again(const struct document *d, void *arg, const char *names[], unsigned most)
{
    struct vet *v = arg;
    struct err e;
    unsigned count = 0;
    if (roles_judge(&v->roles, d, v->conf->judged.strict, &v->verdicts, &e)) {
        roles_release_verdicts(&v->verdicts);
        return 0;
    }
    for (unsigned i = 0; i < v->verdicts.count; i++) {
        const struct verdict *role = &v->verdicts.items[i];
        for (unsigned k = 0; k < role->profile->count; k++) {
            const struct finding *f = &role->findings[k];
            const struct result *owner = document_measurement(d, f->probe);
            if (f->close && owner && count < most && vet_leaves_no_traces(owner->probe) &&
                !vet_holds(names, count, owner->probe)) {
                names[count++] = owner->probe;
            }
        }
    }
    for (unsigned i = 0; count == 0 && i < sizeof vet_rare / sizeof vet_rare[0]; i++)
        names[i] = vet_rare[i];
    roles_release_verdicts(&v->verdicts);
    return count ? count : sizeof vet_rare / sizeof vet_rare[0];
}

static int vet_measure(struct vet *v, struct err *e)
{
    struct progress progress;
    struct opt_list all = { 0 };
    struct survey survey = { .conf = &v->conf->survey,
                             .probes = &all,
                             .again = vet_again,
                             .may_repeat = vet_may_repeat,
                             .again_arg = v,
                             .progress = &progress };
    progress_init(&progress, v->conf->quiet);
    stop_install();
    return survey_run(&survey, &v->document, e);
}

static int vet_report(struct vet *v, struct err *e)
{
    struct report report = { .document = &v->document,
                             .verdicts = v->verdicts.items,
                             .verdict_count = v->verdicts.count,
                             .colour = say_colour(STDOUT_FILENO),
                             .width = say_width(STDOUT_FILENO),
                             .details = v->conf->details };
    AUTO(buf) struct buf text = { 0 };
    if (render_find("text")->render(&report, &text, e))
        return -1;
    if (v->document.interrupted) {
        buf_adds(&text, "\nInterrupted: only what is above was measured; no file was written.\n");
        return say_out(&text, e);
    }
    report.colour = false;
    if (outdir_write(&v->out, &report, e)) {
        struct err ignored;
        (void)say_out(&text, &ignored); /* the verdict is not lost with the disk */
        return -1;
    }
    buf_addf(&text, "\nreport    %s/report.html\ndocument  %s/result.json\n", v->out.path,
             v->out.path);
    return say_out(&text, e);
}

static int vet_go(struct vet *v, struct err *e)
{
    if (roles_load(&v->conf->judged, &v->roles, e) || outdir_plan(v->conf->out, &v->out, e) ||
        vet_measure(v, e) ||
        roles_judge(&v->roles, &v->document, v->conf->judged.strict, &v->verdicts, e)) {
        return -1;
    }
    return vet_report(v, e);
}

static int vet_run(const void *conf, const struct opt_list *operands)
{
    (void)operands;
    struct vet v = { .conf = conf };
    struct err e = { 0 };
    int status = vet_go(&v, &e) ? say_error(&e) : roles_exit_status(&v.roles, &v.verdicts);
    bool stopped = v.document.interrupted;
    roles_release_verdicts(&v.verdicts);
    roles_release(&v.roles);
    document_release(&v.document);
    return stopped ? EXIT_STATUS_INTERRUPTED : status;
}

const struct command cmd_vet = {
    .name = "vet",
    .summary = "measure this host and say which roles it can carry",
    .opts = vet_opts,
    .conf_size = sizeof(struct vet_conf),
    .run = vet_run,
    .about = "Measures disk, image extraction, network, CPU stalls and the kernel's abilities "
             "within the budget, then says for each orchestrator role whether this host is fit, "
             "marginal or unfit, how far it is from the line and which measurement decided. "
             "Writes only inside a scratch directory below --dir, and removes it.",
};
