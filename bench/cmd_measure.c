#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cmd.h"
#include "bench/limits.h"
#include "bench/say.h"
#include "bench/stop.h"
#include "bench/survey.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

struct measure_conf {
    struct survey_conf survey;
    const char *out;
    bool quiet;
};

static const struct opt measure_opts[] = {
    SURVEY_OPTIONS(struct measure_conf),
    OPT_TEXT(struct measure_conf, out, .name = "out", .letter = 'o', .arg = "FILE",
             .help = "Write the document to this file instead of standard output."),
    OPT_FLAG(struct measure_conf, quiet, .name = "quiet", .letter = 'q',
             .help = "No progress on standard error."),
    OPT_END,
};

/* Asked before the measuring, which may take minutes. */
static int measure_plan(const char *out, struct err *e)
{
    if (!out || !*out)
        return 0;
    return file_replaceable_at(AT_FDCWD, out, e) ? err_wrap(e, "--out") : 0;
}

static int measure_write(const struct document *d, const char *path, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    if (document_write(d, &text, e))
        return -1;
    if (!path || !*path || d->interrupted)
        return say_out(&text, e);
    return file_write_atomic_at(AT_FDCWD, path, buf_text(&text), text.size, e);
}

/* 0 when every probe that was asked for has a figure. */
static int measure_status(const struct document *d)
{
    int status = d->measurement_count ? EXIT_STATUS_FIT : EXIT_STATUS_UNKNOWN;
    for (unsigned i = 0; i < d->measurement_count; i++) {
        if (d->measurements[i].status == STATUS_FAILED)
            status = EXIT_STATUS_UNKNOWN;
    }
    return d->interrupted ? EXIT_STATUS_INTERRUPTED : status;
}

static int measure_run(const void *conf, const struct opt_list *operands)
{
    const struct measure_conf *c = conf;
    struct document d = { 0 };
    struct err e = { 0 };
    struct progress progress;
    progress_init(&progress, c->quiet);
    stop_install();
    struct survey survey = { .conf = &c->survey, .probes = operands, .progress = &progress };
    int failed =
        measure_plan(c->out, &e) || survey_run(&survey, &d, &e) || measure_write(&d, c->out, &e);
    int status = failed ? say_error(&e) : measure_status(&d);
    document_release(&d);
    return status;
}

const struct command cmd_measure = {
    .name = "measure",
    .summary = "measure only; the document goes to standard output",
    .operands = "[PROBE]...",
    .opts = measure_opts,
    .conf_size = sizeof(struct measure_conf),
    .run = measure_run,
    .about = "Runs the named probes, or all, and writes the result document "
             "(plimsoll-result/1, JSON). 'plimsoll list probes' names them. The exit status is 0 "
             "unless a probe failed.",
};
