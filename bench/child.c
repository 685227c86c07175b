#include "bench/child.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "bench/frame.h"
#include "bench/parts.h"
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
    struct parts parts;
};

static struct child *child_of(struct probe_run *run)
{
    return (struct child *)(void *)((char *)run - offsetof(struct child, run));
}

/* The parts may have moved. */
static void child_show_parts(struct child *c)
{
    const struct probe_part *first = c->parts.items;
    c->run.parts = c->parts.items;
    c->run.part_count = c->parts.count;
    c->run.hists = first->hists;
    c->run.values = first->values;
    c->run.observed_ns = first->observed_ns;
    c->run.result = first->result;
}

static void child_send_names(const struct child *c)
{
    struct err ignored;
    AUTO(buf) struct buf names = { 0 };
    for (unsigned i = 0; i < c->parts.count; i++) {
        const char *name = c->parts.items[i].result->peer;
        buf_add(&names, name, strlen(name) + 1);
    }
    (void)frame_write(c->out_fd, FRAME_PEERS, buf_text(&names), names.size, &ignored);
}

/* The names are sent at once: should this process end, each peer has a failure of its own. */
static int child_split(struct probe_run *run, const char *const *names, unsigned count,
                       struct err *e)
{
    struct child *c = child_of(run);
    int failed = parts_split(&c->parts, c->job->probe, names, count, e);
    child_show_parts(c);
    parts_clear(&c->parts, c->job->probe);
    if (!failed)
        child_send_names(c);
    return failed;
}

static int child_open(struct child *c, const struct child_rooms *rooms, struct err *e)
{
    const struct probe *p = c->job->probe;
    uint64_t now_ns = clk_now_ns();
    if (parts_open(&c->parts, p, e))
        return -1;
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
        .split = child_split,
    };
    child_show_parts(c);
    c->run.result->seed = c->run.seed;
    c->run.result->started_ns = now_ns - c->job->run_start_ns;
    c->run.result->rounds = 1;
    c->run.result->parameters = opt_parameters(p->opts, c->job->conf);
    return 0;
}

/* Copies what one repetition left in hists and values into a block of each metric. */
static int child_keep(struct child *c, uint64_t began_ns, struct err *e)
{
    return parts_keep(&c->parts, began_ns - c->run.run_start_ns, clk_now_ns() - began_ns, e);
}

/* The figure so far; of several peers that of the first, which stands for all. */
static void child_tell(struct child *c)
{
    AUTO(buf) struct buf text = { 0 };
    struct err e;
    struct result *first = c->run.result;
    if (!result_summarise(first, &e)) {
        result_headline(first, &text);
        if (c->parts.count > 1)
            buf_addf(&text, " (%s, 1 of %u)", first->peer, c->parts.count);
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
    parts_clear(&c->parts, c->job->probe);
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

static void child_say_failed(struct child *c, const struct err *why)
{
    bool cannot = why->kind == ERR_UNSUPPORTED && c->run.repetition <= 1;
    for (unsigned i = 0; i < c->parts.count; i++)
        result_set_status(c->parts.items[i].result, cannot ? STATUS_SKIPPED : STATUS_FAILED, "%s",
                          why->msg);
}

static void child_close_part(const struct child *c, struct result *r)
{
    if (child_is_empty(r))
        result_set_status(r, STATUS_FAILED, "%s",
                          *stop_flag() ? "interrupted before it had a figure"
                                       : "its time was over before it had a figure");
    if (*stop_flag())
        result_note(r, "Told to stop before it was done.");
    r->duration_ns = clk_now_ns() - c->job->run_start_ns - r->started_ns;
}

static void child_conclude(struct child *c, int failed, const struct err *why)
{
    const struct probe *p = c->job->probe;
    if (failed)
        child_say_failed(c, why);
    else if (p->judge)
        p->judge(&c->run);
    if (p->teardown)
        p->teardown(&c->run);
    for (unsigned i = 0; i < c->parts.count; i++)
        child_close_part(c, c->parts.items[i].result);
}

static int child_send_part(const struct child *c, struct result *r, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    struct err ignored;
    if (result_summarise(r, e) || document_write_fragment(r, &text, e))
        return -1;
    (void)frame_write(c->out_fd, FRAME_RESULT, buf_text(&text), text.size, &ignored);
    return 0;
}

static int child_send(const struct child *c, struct err *e)
{
    for (unsigned i = 0; i < c->parts.count; i++) {
        if (child_send_part(c, c->parts.items[i].result, e))
            return -1;
    }
    return 0;
}

static void child_release(struct child *c)
{
    parts_release(&c->parts);
}

void child_run(const struct job *job, const struct child_rooms *rooms, int out_fd)
{
    AUTO(child) struct child c = { .job = job, .out_fd = out_fd };
    struct err e = { 0 };
    struct err ignored;

    int unable = child_open(&c, rooms, &e);
    if (!unable) {
        child_conclude(&c, child_measure(&c, &e), &e);
        unable = child_send(&c, &e);
    }
    if (unable)
        (void)frame_write(out_fd, FRAME_ERROR, &e, sizeof e, &ignored);
}
