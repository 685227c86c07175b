#include "bench/child.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench/frame.h"
#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/clk.h"
#include "probes/kit/document.h"

enum {
    CHILD_TELL_SHARE = 50 /* telling takes 2 % of the time at most */
};

#define CHILD_TELL_NS_MAX (10 * (uint64_t)CLK_NS_PER_S) /* a silent probe is taken for hung */

struct child {
    const struct job *job;
    int out_fd;
    struct probe_run run;
    struct result result;
};

static int child_open(struct child *c, const struct child_rooms *rooms, struct err *e)
{
    const struct probe *p = c->job->probe;
    if (result_open(&c->result, p->name, p->title, p->metrics, e))
        return -1;
    unsigned rows = c->result.metric_count;
    uint64_t now_ns = clk_now_ns();
    c->run = (struct probe_run){
        .conf = c->job->conf,
        .site = c->job->site,
        .scratch_fd = rooms->scratch_fd,
        .home_fd = rooms->home_fd,
        .shared_fd = rooms->shared_fd,
        .earlier = c->job->earlier,
        .earlier_count = c->job->earlier_count,
        .seed = c->job->seed + c->job->round,
        .slot_ns = c->job->slot_ns,
        .slot_end_ns = now_ns + c->job->slot_ns,
        .run_start_ns = c->job->run_start_ns,
        .stopping = stop_flag(),
        .result = &c->result,
        .hists = calloc(rows + 1, sizeof(struct hist)),
        .values = calloc(rows + 1, sizeof(double)),
        .observed_ns = calloc(rows + 1, sizeof(uint64_t)),
    };
    c->result.seed = c->run.seed;
    c->result.started_ns = now_ns - c->job->run_start_ns;
    c->result.rounds = 1;
    c->result.parameters = opt_parameters(p->opts, c->job->conf);
    if (!c->run.hists || !c->run.values || !c->run.observed_ns)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the results of %s", p->name);
    for (unsigned i = 0; i < rows; i++) {
        if (p->metrics[i].kind == METRIC_HIST &&
            hist_open(&c->run.hists[i], UINT64_C(1) << HIST_TEN_MINUTES_BITS, e)) {
            return -1;
        }
    }
    return 0;
}

/* Copies what one repetition left in hists and values into a block of each metric. */
static int child_keep(struct child *c, uint64_t began_ns, struct err *e)
{
    uint64_t length_ns = clk_now_ns() - began_ns;
    for (unsigned i = 0; i < c->result.metric_count; i++) {
        struct result_metric *m = &c->result.metrics[i];
        const struct hist *h = &c->run.hists[i];
        bool is_hist = m->kind == METRIC_HIST;
        if (is_hist ? h->total == 0 : isnan(c->run.values[i]))
            continue;
        uint64_t observed_ns = c->run.observed_ns[i];
        struct result_block block = {
            .at_ns = began_ns - c->run.run_start_ns,
            .observed_ns = observed_ns ? observed_ns : length_ns,
            .value = is_hist ? NAN : c->run.values[i],
            .n = is_hist ? h->total : 1,
        };
        if (is_hist)
            block.hist = *h;
        if (result_add_block(m, &block, e))
            return -1;
    }
    return 0;
}

static void child_tell(struct child *c)
{
    AUTO(buf) struct buf text = { 0 };
    struct err e;
    if (!result_summarise(&c->result, &e)) {
        result_headline(&c->result, &text);
        (void)frame_write(c->out_fd, FRAME_PROGRESS, buf_text(&text), text.size, &e);
    }
}

/* Empties the rows and sets the end of one repetition; when it began. */
static uint64_t child_begin(struct child *c)
{
    uint64_t began_ns = clk_now_ns();
    uint64_t length = c->job->probe->repetition_ns;
    c->run.until_ns = began_ns + (length ? length : c->job->slot_ns);
    if (c->run.until_ns > c->run.slot_end_ns)
        c->run.until_ns = c->run.slot_end_ns;
    for (unsigned i = 0; i < c->result.metric_count; i++) {
        if (c->run.hists[i].counts)
            hist_clear(&c->run.hists[i]);
        c->run.values[i] = NAN;
        c->run.observed_ns[i] = 0;
    }
    return began_ns;
}

/* One repetition; what a failed one measured before it failed is kept too. */
static int child_once(struct child *c, struct err *e)
{
    struct err kept = { 0 };
    uint64_t began_ns = child_begin(c);
    int failed = c->job->probe->measure(&c->run, e);
    c->run.repetition++;
    if (child_keep(c, began_ns, &kept) && !failed) {
        *e = kept;
        failed = -1;
    }
    return failed;
}

static bool child_goes_on(const struct child *c)
{
    return c->job->probe->repetition_ns && !c->run.done && !*c->run.stopping &&
           clk_now_ns() < c->run.slot_end_ns;
}

/* Tells the figure so far once a second; seldomer where working it out takes long. */
static int child_repeat(struct child *c, struct err *e)
{
    uint64_t due_ns = 0;
    do {
        if (child_once(c, e))
            return -1;
        uint64_t began_ns = clk_now_ns();
        if (began_ns >= due_ns) {
            child_tell(c);
            uint64_t now_ns = clk_now_ns();
            uint64_t pause_ns = CLK_NS_PER_S + CHILD_TELL_SHARE * (now_ns - began_ns);
            due_ns = now_ns + (pause_ns < CHILD_TELL_NS_MAX ? pause_ns : CHILD_TELL_NS_MAX);
        }
    } while (child_goes_on(c));
    return 0;
}

static int child_measure(struct child *c, struct err *e)
{
    const struct probe *p = c->job->probe;
    struct probe_cost cost = { 0 };
    if (p->estimate && p->estimate(c->job->site, c->job->conf, c->job->slot_ns, &cost, e))
        return -1;
    c->run.write_budget_bytes = cost.write_bytes;
    if (p->setup && p->setup(&c->run, e))
        return -1;
    return child_repeat(c, e);
}

/* Nothing came of it, and the probe says no more: stopped early, or too slow for one sample. */
static bool child_is_empty(const struct result *r)
{
    unsigned blocks = 0;
    for (unsigned i = 0; i < r->metric_count; i++)
        blocks += r->metrics[i].block_count;
    return r->metric_count > 0 && blocks == 0 && r->status == STATUS_MEASURED;
}

static void child_conclude(struct child *c, int failed, const struct err *why)
{
    const struct probe *p = c->job->probe;
    if (failed) {
        bool cannot = why->kind == ERR_UNSUPPORTED && c->run.repetition <= 1;
        result_set_status(&c->result, cannot ? STATUS_SKIPPED : STATUS_FAILED, "%s", why->msg);
    } else if (p->judge) {
        p->judge(&c->run);
    }
    if (child_is_empty(&c->result))
        result_set_status(&c->result, STATUS_FAILED, "%s",
                          *stop_flag() ? "interrupted before it had a figure"
                                       : "its time was over before it had a figure");
    if (*stop_flag())
        result_note(&c->result, "Told to stop before it was done.");
    if (p->teardown)
        p->teardown(&c->run);
    c->result.duration_ns = clk_now_ns() - c->job->run_start_ns - c->result.started_ns;
}

static void child_release(struct child *c)
{
    for (unsigned i = 0; c->run.hists && i < c->result.metric_count; i++)
        hist_release(&c->run.hists[i]);
    free(c->run.hists);
    free(c->run.values);
    free(c->run.observed_ns);
    result_release(&c->result);
}

void child_run(const struct job *job, const struct child_rooms *rooms, int out_fd)
{
    AUTO(child) struct child c = { .job = job, .out_fd = out_fd };
    struct err e = { 0 };
    struct err ignored;
    AUTO(buf) struct buf text = { 0 };

    int unable = child_open(&c, rooms, &e);
    if (!unable) {
        child_conclude(&c, child_measure(&c, &e), &e);
        unable = result_summarise(&c.result, &e) || document_write_fragment(&c.result, &text, &e);
    }
    if (unable)
        (void)frame_write(out_fd, FRAME_ERROR, &e, sizeof e, &ignored);
    else
        (void)frame_write(out_fd, FRAME_RESULT, buf_text(&text), text.size, &ignored);
}
