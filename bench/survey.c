#include "bench/survey.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/basis.h"
#include "bench/labels.h"
#include "bench/late.h"
#include "bench/lift.h"
#include "bench/limits.h"
#include "bench/plan.h"
#include "bench/runner.h"
#include "bench/say.h"
#include "bench/sites.h"
#include "bench/stop.h"
#include "bench/witness.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"
#include "probes/kit/prng.h"
#include "probes/kit/units.h"

struct voyage { /* one run under way */
    const struct survey *survey;
    struct document *d;
    struct sites sites;
    struct witness witness;
    struct plan plan;
    uint64_t start_ns;
    uint64_t end_ns;    /* of all measuring; the report comes after */
    uint64_t second_ns; /* what the second round may take */
};

void survey_hostname(char name[LIMITS_NAME_BYTES])
{
    if (gethostname(name, LIMITS_NAME_BYTES - 1) || !*name)
        (void)snprintf(name, LIMITS_NAME_BYTES, "host");
    name[LIMITS_NAME_BYTES - 1] = '\0';
}

static void survey_draw_id(char id[DOCUMENT_ID_BYTES])
{
    (void)snprintf(id, DOCUMENT_ID_BYTES, "%016llx%016llx", (unsigned long long)prng_entropy(),
                   (unsigned long long)prng_entropy());
}

/* A drawn seed is short enough to type again. */
static uint64_t survey_seed(uint64_t wanted)
{
    return wanted ? wanted : (prng_entropy() & UINT32_MAX) + 1;
}

/* The words the program was called with; beyond what a document takes they are counted. */
static int survey_words(struct document *d, struct err *e)
{
    AUTO(buf) struct buf line = { 0 };
    if (file_read_at(AT_FDCWD, "/proc/self/cmdline", &line, e))
        return -1;
    for (size_t at = 0; at < line.size; at += strlen(line.data + at) + 1) {
        if (d->argc == DOCUMENT_ARGV_MAX) {
            d->argv_cut++;
            continue;
        }
        d->argv[d->argc] = strdup(line.data + at);
        if (!d->argv[d->argc++])
            return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the command line");
    }
    return 0;
}

/* Where there is one without a name, `dir` says it all. */
static void survey_name_places(struct voyage *v)
{
    struct document *d = v->d;
    const struct sites *s = &v->sites;
    (void)snprintf(d->dir, sizeof d->dir, "%s", s->items[0].site.dir);
    if (s->count == 1 && !s->items[0].name[0])
        return;
    for (; d->place_count < s->count; d->place_count++) {
        struct document_place *place = &d->places[d->place_count];
        const struct sites_item *item = &s->items[d->place_count];
        (void)snprintf(place->name, sizeof place->name, "%s", item->name);
        (void)snprintf(place->dir, sizeof place->dir, "%s", item->site.dir);
    }
}

static int survey_describe(struct voyage *v, struct err *e)
{
    struct document *d = v->d;
    time_t now = time(NULL);
    struct tm utc;
    (void)gmtime_r(&now, &utc);
    (void)strftime(d->started, sizeof d->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)snprintf(d->version, sizeof d->version, "%s", VERSION);
    survey_name_places(v);
    survey_draw_id(d->id);
    d->seed = survey_seed(v->survey->conf->seed);
    d->budget_ns = v->survey->conf->budget_ns;
    d->clock_cost_ns = clk_cost_ns();
    d->uptime_ns = v->start_ns;
    return survey_words(d, e);
}

static const struct patience survey_patience = PATIENCE_USUAL;

static const struct scratch *survey_scratch(const struct voyage *v, unsigned place)
{
    const struct scratch *s = &v->sites.items[place].scratch;
    return s->fd >= 0 ? s : NULL;
}

/* A name where the probe is about a place, and there are several. */
static void survey_place(const struct plan_item *item, struct result *r)
{
    bool tells = (item->probe->needs & PROBE_NEEDS_EACH) || item->probe->place;
    (void)snprintf(r->place, sizeof r->place, "%s", tells ? item->site->name : "");
}

static struct job survey_job(const struct voyage *v, const struct plan_item *item, uint64_t slot_ns)
{
    bool writes = item->probe->needs & PROBE_NEEDS_SCRATCH;
    return (struct job){ .probe = item->probe,
                         .conf = item->conf,
                         .site = item->site,
                         .patience = &survey_patience,
                         .seed = v->d->seed,
                         .slot_ns = slot_ns,
                         .run_start_ns = v->start_ns,
                         .round = item->rounds,
                         .home = writes && item->place ? survey_scratch(v, 0) : NULL };
}

/* A probe that cannot work here is in the document all the same, with the reason. */
static int survey_skip(struct voyage *v, struct plan_item *item, struct err *e)
{
    struct result r = { 0 };
    if (result_open(&r, item->probe->name, item->probe->title, item->probe->metrics, e))
        return -1;
    survey_place(item, &r);
    r.parameters = opt_parameters(item->probe->opts, item->conf);
    r.seed = v->d->seed;
    result_set_status(&r, STATUS_SKIPPED, "%s", item->reason);
    progress_end(v->survey->progress, &r);
    int failed = document_take(v->d, &r, e);
    result_release(&r);
    return failed;
}

/* A probe that cannot work here is skipped; one that was asked for what cannot be is refused. */
static int survey_ask_all(struct voyage *v, struct err *e)
{
    for (unsigned i = 0; i < v->plan.count && !*stop_flag(); i++) {
        struct plan_item *item = &v->plan.items[i];
        struct job job = survey_job(v, item, 0);
        struct err why;
        if (item->skipped)
            continue;
        if (!runner_ask(&job, &why) || why.kind == ERR_INTERRUPTED)
            continue;
        if (why.kind == ERR_USAGE) {
            *e = why;
            return -1;
        }
        item->skipped = true;
        (void)snprintf(item->reason, sizeof item->reason, "%s", why.msg);
    }
    return 0;
}

static void survey_say_where(const struct voyage *v, struct buf *out)
{
    char spare[UNITS_TEXT_BYTES];
    for (unsigned i = 0; i < v->sites.count; i++) {
        const struct site *site = &v->sites.items[i].site;
        buf_addf(out, "%s%s (%s free)", i == 0 ? "" : " and ", site->dir,
                 units_format((double)site->place.free_bytes, UNIT_BYTES, spare));
    }
}

static void survey_announce(const struct voyage *v, uint64_t left_ns)
{
    if (v->survey->progress->quiet)
        return;
    struct probe_cost cost = plan_cost(&v->plan, left_ns);
    if (v->survey->again) {
        struct probe_cost more = plan_cost_again(&v->plan, v->second_ns, BENCH_AGAIN_MAX);
        cost.write_bytes += more.write_bytes;
        cost.packets += more.packets;
    }
    char bytes[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf where = { 0 };
    survey_say_where(v, &where);
    say_note("plimsoll %s: about %.0f s; writes at most %s in all below %s "
             "and removes it; sends %s%.0d%s.",
             VERSION, (double)v->survey->conf->budget_ns / CLK_NS_PER_S,
             units_format((double)cost.write_bytes, UNIT_BYTES, bytes), buf_text(&where),
             cost.packets ? "" : "no packets", (int)cost.packets, cost.packets ? " packets" : "");
}

static void survey_remark(struct result *r)
{
    const struct witnessed *w = &r->witnessed;
    if (w->steal_ratio >= 0.05)
        result_note(r, "%.0f %% of the CPU time was stolen meanwhile: the figures include it.",
                    w->steal_ratio * 100);
    if (w->throttled_ratio >= 0.01)
        result_note(r, "A CPU quota throttled this process for %.0f %% of the time.",
                    w->throttled_ratio * 100);
    if (w->clock_step_ns >= 10 * CLK_NS_PER_MS)
        result_note(r, "The wall clock was stepped by %.0f ms meanwhile.",
                    w->clock_step_ns / CLK_NS_PER_MS);
}

static void survey_join(struct voyage *v, struct result *had, struct result *r)
{
    struct err why;
    if (result_absorb(had, r, &why) || result_summarise(had, &why))
        result_set_status(had, STATUS_UNTRUSTED, "a later round could not be joined: %.300s",
                          why.msg);
    progress_end(v->survey->progress, had);
}

/* A later round that came to no peer is one of each. */
static bool survey_join_all(struct voyage *v, struct result *r)
{
    bool joined = false;
    for (unsigned i = 0; i < v->d->measurement_count; i++) {
        struct result *had = &v->d->measurements[i];
        bool of_it = strcmp(had->probe, r->probe) == 0 && strcmp(had->place, r->place) == 0 &&
                     (!r->peer[0] || strcmp(had->peer, r->peer) == 0);
        if (of_it)
            survey_join(v, had, r);
        joined = joined || of_it;
    }
    return joined;
}

static int survey_keep(struct voyage *v, struct result *r, struct err *e)
{
    if (survey_join_all(v, r))
        return 0;
    progress_end(v->survey->progress, r);
    return document_take(v->d, r, e);
}

static int survey_keep_one(struct voyage *v, const struct plan_item *item, struct result *r,
                           struct err *e)
{
    survey_place(item, r);
    survey_remark(r);
    lift_facts(v->d, item->site->name, &r->facts);
    return survey_keep(v, r, e);
}

static int survey_measure(struct voyage *v, struct plan_item *item, struct job *job, struct err *e)
{
    AUTO(harvest) struct harvest h = { 0 };
    struct witnessed before = { 0 };
    struct witnessed seen = { 0 };
    struct worker_hooks hooks = { progress_update, v->survey->progress };
    /* A probe that writes nothing is measured also where nothing can be written any more. */
    bool writes = item->probe->needs & PROBE_NEEDS_SCRATCH;

    progress_begin(v->survey->progress, item->probe->name, job->slot_ns);
    witness_mark(&v->witness, &before);
    if (runner_run(job, writes ? survey_scratch(v, item->place) : NULL, &hooks, &h, e))
        return -1;
    witness_mark(&v->witness, &seen);
    bool first = item->rounds++ == 0;
    for (unsigned i = 0; i < h.count; i++) {
        h.items[i].witnessed = seen;
        if (first)
            late_tell(&h.items[i], job->slot_ns, item->planned_ns);
        if (survey_keep_one(v, item, &h.items[i], e))
            return -1;
    }
    return 0;
}

/* The first round says of each probe that cannot work here why not, in its place. */
static int survey_round(struct voyage *v, uint64_t end_ns, bool first, struct err *e)
{
    for (unsigned i = 0; i < v->plan.count && !*stop_flag(); i++) {
        struct plan_item *item = &v->plan.items[i];
        uint64_t now = clk_now_ns();
        uint64_t left_ns = now < end_ns ? end_ns - now : 0;
        if (item->skipped && first && survey_skip(v, item, e))
            return -1;
        if (item->skipped || item->left_out || item->probe->concludes_from)
            continue;
        struct job job = survey_job(v, item, plan_slot_ns(&v->plan, i, left_ns));
        if (survey_measure(v, item, &job, e))
            return -1;
    }
    return 0;
}

static int survey_first(struct voyage *v, struct err *e)
{
    if (survey_ask_all(v, e))
        return -1;
    uint64_t whole = v->end_ns - v->start_ns;
    uint64_t share = v->survey->again ? BENCH_FIRST_ROUND_PERCENT : 100;
    uint64_t end = v->start_ns + whole / 100 * share;
    v->second_ns = v->end_ns - end;
    survey_announce(v, end - v->start_ns);
    plan_schedule(&v->plan, end - v->start_ns);
    return survey_round(v, end, true, e);
}

/* What has no figure after one round is not tried again: a hung disk hangs the second time too. */
static bool survey_has_figures(const struct voyage *v, const char *probe)
{
    bool has = false;
    for (unsigned i = 0; i < v->d->measurement_count; i++) {
        const struct result *had = &v->d->measurements[i];
        has = has || (strcmp(had->probe, probe) == 0 &&
                      (had->status == STATUS_MEASURED || had->status == STATUS_UNTRUSTED));
    }
    return has;
}

static void survey_choose_again(struct voyage *v, struct plan_item *item, const char *names[],
                                unsigned count)
{
    const char *name = item->probe->name;
    bool chosen = false;
    for (unsigned k = 0; k < count; k++)
        chosen = chosen || strcmp(names[k], name) == 0;
    chosen = chosen && !item->once && survey_has_figures(v, name);
    item->left_out = item->left_out || !chosen;
}

static int survey_second(struct voyage *v, struct err *e)
{
    const char *names[BENCH_AGAIN_MAX];
    uint64_t now = clk_now_ns();
    if (!v->survey->again || *stop_flag() || now + BENCH_SLOT_NS_MIN >= v->end_ns)
        return 0;
    unsigned count = v->survey->again(v->d, v->survey->again_arg, names, BENCH_AGAIN_MAX);
    for (unsigned i = 0; i < v->plan.count; i++)
        survey_choose_again(v, &v->plan.items[i], names, count);
    /* No longer than announced, though the first round ended early: it is what may be written. */
    uint64_t most = now + v->second_ns + BENCH_SLOT_NS_MIN;
    return survey_round(v, most < v->end_ns ? most : v->end_ns, false, e);
}

/* Probes that measure nothing themselves, once all figures are there. */
static int survey_conclude(struct voyage *v, struct err *e)
{
    for (unsigned i = 0; i < v->plan.count && !*stop_flag(); i++) {
        struct plan_item *item = &v->plan.items[i];
        struct basis basis = { 0 };
        if (item->skipped || !item->probe->concludes_from)
            continue;
        struct job job = survey_job(v, item, BENCH_ONCE_NS);
        int failed = basis_gather(&basis, v->d, item->site->name, e);
        if (!failed) {
            job.earlier = basis.results;
            job.earlier_count = basis.count;
            failed = survey_measure(v, item, &job, e);
        }
        basis_release(&basis);
        if (failed)
            return -1;
    }
    return 0;
}

/* A probe never disappears silently: those that an interrupted run did not come to are named. */
static int survey_name_the_rest(struct voyage *v, struct err *e)
{
    for (unsigned i = 0; i < v->plan.count; i++) {
        struct plan_item *item = &v->plan.items[i];
        bool tells = (item->probe->needs & PROBE_NEEDS_EACH) || item->probe->place;
        if (document_measurement_in(v->d, item->probe->name, tells ? item->site->name : ""))
            continue;
        if (!item->skipped)
            (void)snprintf(item->reason, sizeof item->reason,
                           "the run was interrupted before its turn; run it again");
        if (survey_skip(v, item, e))
            return -1;
    }
    return 0;
}

static int survey_close(struct voyage *v, struct err *e)
{
    struct err blind;
    bool watched = v->witness.pid > 0;
    if (witness_finish(&v->witness, &v->d->witness, &blind)) {
        v->d->witness = (struct result){ 0 };
        if (watched)
            say_note("plimsoll: %s; what it saw of the whole run is lost", blind.msg);
    }
    (void)facts_absorb(&v->d->host, &v->d->witness.facts);
    v->d->interrupted = *stop_flag();
    v->d->duration_ns = clk_now_ns() - v->start_ns;
    return survey_name_the_rest(v, e);
}

/* Of a probe with several places the first alone, which is what is judged. */
static bool survey_may_come_again(struct voyage *v, const struct plan_item *item)
{
    const struct survey *s = v->survey;
    const struct probe *p = item->probe;
    return s->again && !(p->effects & PROBE_LEAVES_TRACES) &&
           plan_find(&v->plan, p->name) == item &&
           (!s->may_repeat || s->may_repeat(p->name, s->again_arg));
}

static int survey_plan(struct voyage *v, struct err *e)
{
    const struct survey_conf *c = v->survey->conf;
    const struct probe_site *sites[LIMITS_PLACES];
    for (unsigned i = 0; i < v->sites.count; i++) {
        v->sites.items[i].site.probe.image = c->image;
        sites[i] = &v->sites.items[i].site.probe;
    }
    struct plan_wish wish = { .names = v->survey->probes,
                              .sets = &c->sets,
                              .peers = &c->peers,
                              .services = &c->services,
                              .load = c->load,
                              .key_file = c->key_file,
                              .budget_ns = c->budget_ns,
                              .sites = sites,
                              .site_count = v->sites.count };
    if (plan_make(&wish, &v->plan, e) || beat_apply(&c->beat, &v->plan, e) ||
        tap_apply(&c->tap, &v->plan, e) || vigil_apply(&c->vigil, &v->plan, e))
        return -1;
    for (unsigned i = 0; i < v->plan.count; i++)
        v->plan.items[i].once = !survey_may_come_again(v, &v->plan.items[i]);
    return 0;
}

static int survey_go(struct voyage *v, struct err *e)
{
    const struct survey_conf *c = v->survey->conf;
    if (labels_parse(&c->labels, v->d, e) || sites_open(&c->dirs, &v->sites, e) ||
        survey_plan(v, e) || survey_describe(v, e))
        return -1;
    struct err blind;
    if (witness_start(&v->witness, v->start_ns, &blind))
        say_note("plimsoll: %s; the run goes on without a witness", blind.msg);
    return survey_first(v, e) || survey_second(v, e) || survey_conclude(v, e) || survey_close(v, e)
               ? -1
               : 0;
}

int survey_run(const struct survey *s, struct document *d, struct err *e)
{
    uint64_t now = clk_now_ns();
    struct voyage v = { .survey = s,
                        .d = d,
                        .witness = WITNESS_NONE,
                        .start_ns = now,
                        .end_ns = now + s->conf->budget_ns - BENCH_REPORT_NS };
    int failed = survey_go(&v, e);
    witness_release(&v.witness);
    plan_release(&v.plan);
    sites_release(&v.sites, &survey_patience);
    return failed;
}
