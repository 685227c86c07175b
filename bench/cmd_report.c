#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cmd.h"
#include "bench/muster.h"
#include "bench/roles.h"
#include "bench/say.h"
#include "probes/kit/auto.h"
#include "probes/kit/document.h"
#include "reports/render.h"

struct report_conf {
    struct roles_conf judged;
    const char *format;
    bool details;
    bool cluster;
};

static const char *const report_formats[] = { "text", "html", "markdown", "json", NULL };

static const struct opt report_opts[] = {
    OPT_CHOICE(struct report_conf, format, .name = "format", .letter = 'f', .arg = "FORMAT",
               .initial = "text", .choices = report_formats, .help = "How to say it."),
    ROLES_OPTIONS(struct report_conf),
    OPT_FLAG(struct report_conf, details, .name = "details",
             .help = "Print every criterion, not only the one that decided (text)."),
    OPT_FLAG(struct report_conf, cluster, .name = "cluster",
             .help = "The documents are of the hosts of one cluster, each measured with a --peer "
                     "for every other: say who reaches whom, and where a leader is best placed."),
    OPT_END,
};

static int report_render(const struct report_conf *c, const struct document *d,
                         const struct verdicts *v, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    struct report report = { .document = d,
                             .verdicts = v->items,
                             .verdict_count = v->count,
                             .colour = say_colour(STDOUT_FILENO),
                             .width = say_width(STDOUT_FILENO),
                             .details = c->details };
    if (render_find(c->format)->render(&report, &text, e))
        return -1;
    return say_out(&text, e);
}

/* Loads, judges and renders one document; its exit status, or -1. */
static int report_one(const struct report_conf *c, const struct roles *roles, const char *path,
                      struct err *e)
{
    struct document d = { 0 };
    struct verdicts v = { 0 };
    int status = -1;
    if (!document_load(path, &d, e) && !roles_judge(roles, &d, c->judged.strict, &v, e) &&
        !report_render(c, &d, &v, e)) {
        status = roles_exit_status(roles, &v);
    }
    roles_release_verdicts(&v);
    document_release(&d);
    return status;
}

/* All of them as one. */
static int report_cluster(const struct report_conf *c, const struct roles *roles,
                          const struct opt_list *paths, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    int status = 0;
    const struct muster_wish wish = {
        .roles = roles, .strict = c->judged.strict, .paths = paths, .format = c->format
    };
    return muster_report(&wish, &text, &status, e) || say_out(&text, e) ? -1 : status;
}

static int report_run(const void *conf, const struct opt_list *operands)
{
    struct roles roles = { 0 };
    struct err e = { 0 };
    int worst = EXIT_STATUS_FIT;
    if (operands->count == 0)
        return say_usage("report: no document is named; as in 'plimsoll report result.json'");
    const struct report_conf *c = conf;
    int failed = roles_load(&c->judged, &roles, &e);
    if (!failed && c->cluster) {
        worst = report_cluster(c, &roles, operands, &e);
        failed = worst < 0;
    }
    for (unsigned i = 0; !failed && !c->cluster && i < operands->count; i++) {
        int status = report_one(c, &roles, operands->items[i], &e);
        failed = status < 0;
        worst = status > worst ? status : worst;
    }
    roles_release(&roles);
    return failed ? say_error(&e) : worst;
}

const struct command cmd_report = {
    .name = "report",
    .summary = "say again what a document holds, judged by today's profiles",
    .operands = "DOC...",
    .opts = report_opts,
    .conf_size = sizeof(struct report_conf),
    .run = report_run,
    .about = "Reads result documents of this or any other host ('-' is standard input) and "
             "renders verdicts and figures. The exit status is that of the verdict; of several "
             "documents, the worst. With --cluster they are reported as one cluster.",
};
