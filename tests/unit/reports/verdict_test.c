#include "reports/verdict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probes/kit/prng.h"
#include "tests/unit/reports/known.h"

#define SAID "    title: T\n    why: w\n    source: s\n    basis: derived\n    advice: a\n"
#define WAL                                                                                        \
    "  - id: wal\n" SAID "    metric: disk.wal\n    statistic: p99\n"                              \
    "    at_most: {fit: 10 ms, unfit: 100 ms}\n"
#define STALL                                                                                      \
    "  - id: stall\n" SAID "    metric: noise.stall\n    statistic: max\n"                         \
    "    at_most: {fit: 200 ms, unfit: 900 ms}\n    rare: true\n"
#define MEMORY                                                                                     \
    "  - id: memory\n" SAID "    fact: host.memory\n    at_least: {fit: 4 GiB, unfit: 1 GiB}\n"
#define KIND                                                                                       \
    "  - id: kind\n" SAID "    fact: host.container\n    unfit_on: [openvz]\n"                     \
    "    marginal_on: [lxc]\n"

/* One host, one profile, one verdict. */
struct scene {
    struct document d;
    struct profile p;
    struct verdict v;
};

static const uint64_t MS = 1000000;

static void open_scene(struct scene *s, const char *criteria)
{
    struct err e = { 0 };
    char text[4096];
    *s = (struct scene){ 0 };
    (void)snprintf(text, sizeof text, "role: r\ntitle: T\nsystem: S\ncriteria:\n%s", criteria);
    if (profile_parse(text, strlen(text), "test", &known, &s->p, &e))
        fail_msg("%s", e.msg);
}

/* Records value n times, and last once, in observed_ns. */
static struct result *measure(struct scene *s, const char *id, uint64_t value, uint64_t n,
                              uint64_t last, uint64_t observed_ns)
{
    struct err e = { 0 };
    struct result r = { 0 };
    struct result_block block = { .observed_ns = observed_ns };
    const struct metric table[] = { *metric_find(known_metrics, id), METRIC_END };
    assert_int_equal(result_open(&r, id, "Title", table, &e), 0);
    assert_int_equal(hist_open(&block.hist, 1ULL << HIST_TEN_MINUTES_BITS, &e), 0);
    hist_record_n(&block.hist, value, n);
    hist_record(&block.hist, last);
    assert_int_equal(result_add_block(&r.metrics[0], &block, &e), 0);
    assert_int_equal(result_summarise(&r, &e), 0);
    hist_release(&block.hist);
    assert_int_equal(document_take(&s->d, &r, &e), 0);
    return document_measurement(&s->d, id);
}

static void judge(struct scene *s, bool strict)
{
    struct err e = { 0 };
    verdict_release(&s->v);
    assert_int_equal(verdict_of(&s->p, &s->d, strict, &s->v, &e), 0);
}

static void close_scene(struct scene *s)
{
    verdict_release(&s->v);
    verdict_release(&s->v);
    profile_release(&s->p);
    document_release(&s->d);
}

static void a_value_inside_is_fit_between_marginal_beyond_unfit(void **state)
{
    (void)state;
    const struct criterion most = { .kind = CRITERION_AT_MOST, .fit = 10, .unfit = 100 };
    const struct criterion least = { .kind = CRITERION_AT_LEAST, .fit = 100, .unfit = 10 };
    assert_int_equal(verdict_grade(&most, 10), GRADE_FIT);
    assert_int_equal(verdict_grade(&most, 10.01), GRADE_MARGINAL);
    assert_int_equal(verdict_grade(&most, 100), GRADE_MARGINAL);
    assert_int_equal(verdict_grade(&most, 100.1), GRADE_UNFIT);
    assert_int_equal(verdict_grade(&least, 100), GRADE_FIT);
    assert_int_equal(verdict_grade(&least, 99), GRADE_MARGINAL);
    assert_int_equal(verdict_grade(&least, 10), GRADE_MARGINAL);
    assert_int_equal(verdict_grade(&least, 9.9), GRADE_UNFIT);
    assert_int_equal(verdict_grade(&least, NAN), GRADE_UNKNOWN);
}

static void without_unfit_nothing_is_unfit(void **state)
{
    (void)state;
    const struct criterion c = { .kind = CRITERION_AT_LEAST, .fit = 4, .unfit = NAN };
    assert_int_equal(verdict_grade(&c, 0.001), GRADE_MARGINAL);
    assert_true(verdict_score(&c, 0.001) > 0);
    assert_true(verdict_score(&c, 0.001) < verdict_score(&c, 0.002));
    assert_float_equal(verdict_score(&c, 4), 50, 1e-6);
    assert_float_equal(verdict_score(&c, 3.999999), 50, 1e-3);
}

static void headroom_is_the_factor_to_the_fit_bound(void **state)
{
    (void)state;
    const struct criterion most = { .kind = CRITERION_AT_MOST, .fit = 10, .unfit = 100 };
    const struct criterion least = { .kind = CRITERION_AT_LEAST, .fit = 100, .unfit = 10 };
    assert_float_equal(verdict_headroom(&most, 2.5), 4, 1e-6);
    assert_float_equal(verdict_headroom(&most, 20), 0.5, 1e-6);
    assert_float_equal(verdict_headroom(&least, 250), 2.5, 1e-6);
    assert_true(isinf(verdict_headroom(&most, 0)));
    assert_true(isnan(verdict_headroom(&most, NAN)));
}

static void the_score_is_50_at_fit_0_at_unfit_100_at_four_times_better(void **state)
{
    (void)state;
    const struct criterion most = { .kind = CRITERION_AT_MOST, .fit = 10, .unfit = 100 };
    const struct criterion least = { .kind = CRITERION_AT_LEAST, .fit = 100, .unfit = 10 };
    const struct criterion edge = { .kind = CRITERION_AT_LEAST, .fit = 2, .unfit = 2 };
    assert_float_equal(verdict_score(&most, 10), 50, 1e-6);
    assert_float_equal(verdict_score(&most, 100), 0, 1e-6);
    assert_float_equal(verdict_score(&most, 1000), 0, 1e-6);
    assert_float_equal(verdict_score(&most, 2.5), 100, 1e-6);
    assert_float_equal(verdict_score(&most, 0), 100, 1e-6);
    assert_float_equal(verdict_score(&least, 400), 100, 1e-6);
    assert_float_equal(verdict_score(&least, 4000), 100, 1e-6);
    assert_float_equal(verdict_score(&edge, 2), 50, 1e-6);
    assert_float_equal(verdict_score(&edge, 1), 0, 1e-6);
}

static uint64_t seed(void)
{
    const char *text = getenv("PLIMSOLL_SEED");
    uint64_t s = text ? strtoull(text, NULL, 0) : prng_entropy();
    print_message("PLIMSOLL_SEED=%llu\n", (unsigned long long)s);
    return s;
}

/* Any bounds, any two values: the worse value never scores higher, and grade and score agree. */
static void the_score_is_monotone_and_agrees_with_the_grade(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, seed());
    for (unsigned i = 0; i < 20000; i++) {
        bool most = prng_below(&p, 2) == 0;
        double fit = exp(40 * prng_unit(&p) - 10);
        double wide = exp(8 * prng_unit(&p));
        const struct criterion c = { .kind = most ? CRITERION_AT_MOST : CRITERION_AT_LEAST,
                                     .fit = fit,
                                     .unfit = prng_below(&p, 4) == 0 ? NAN
                                              : most                 ? fit * wide
                                                                     : fit / wide };
        double good = fit * exp(12 * prng_unit(&p) - 6);
        double bad = good * (most ? 1 + prng_unit(&p) : 1 / (1 + prng_unit(&p)));
        double better = verdict_score(&c, good);
        double worse = verdict_score(&c, bad);
        assert_true(better >= worse - 1e-9);
        assert_true(worse >= 0 && better <= 100);
        enum grade g = verdict_grade(&c, bad);
        assert_true(g != GRADE_FIT || worse >= 50 - 1e-9);
        assert_true(g != GRADE_MARGINAL || worse <= 50 + 1e-9);
        assert_true(g != GRADE_UNFIT || worse == 0);
    }
}

/* A step of a millionth changes the score by no more than a little, also across the bounds. */
static void the_score_is_continuous(void **state)
{
    (void)state;
    const double step = 1e-6;
    struct prng p;
    prng_init(&p, seed());
    for (unsigned i = 0; i < 20000; i++) {
        bool most = prng_below(&p, 2) == 0;
        double fit = exp(20 * prng_unit(&p));
        double wide = 1.5 + 100 * prng_unit(&p);
        const struct criterion c = { .kind = most ? CRITERION_AT_MOST : CRITERION_AT_LEAST,
                                     .fit = fit,
                                     .unfit = most ? fit * wide : fit / wide };
        const double at[] = { c.fit, c.unfit, most ? fit / 4 : fit * 4,
                              fit * exp(8 * prng_unit(&p) - 4) };
        double value = at[prng_below(&p, 4)];
        double change =
            fabs(verdict_score(&c, value * (1 + step)) - verdict_score(&c, value * (1 - step)));
        assert_true(change < 1e-3);
    }
}

static void a_role_is_as_good_as_its_worst_criterion(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, WAL STALL MEMORY);
    (void)measure(&s, "disk.wal", 1 * MS, 100000, 2 * MS, 10000 * MS);
    (void)measure(&s, "noise.stall", 1 * MS, 5000, 300 * MS, 12400 * MS);
    assert_int_equal(facts_set_number(&s.d.host, "host.memory", 8 * 0x1p30, UNIT_BYTES, NULL), 0);
    judge(&s, false);
    assert_int_equal(s.v.grade, GRADE_MARGINAL);
    assert_int_equal(s.v.decided_by, 1);
    assert_float_equal(s.v.score, s.v.findings[1].score, 1e-9);
    assert_int_equal(s.v.known, 3);
    assert_int_equal(s.v.unknown, 0);
    assert_int_equal(s.v.findings[0].grade, GRADE_FIT);
    assert_string_equal(s.v.findings[0].bound_text, "<= 10 ms");
    assert_string_equal(s.v.findings[0].probe, "disk.wal");
    assert_string_equal(s.v.findings[2].value_text, "8 GiB");
    close_scene(&s);
}

static void among_fit_criteria_the_lowest_score_decides(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, WAL KIND MEMORY);
    (void)measure(&s, "disk.wal", 1 * MS, 100000, 2 * MS, 10000 * MS);
    assert_int_equal(facts_set_number(&s.d.host, "host.memory", 5 * 0x1p30, UNIT_BYTES, NULL), 0);
    assert_int_equal(facts_set_text(&s.d.host, "host.container", "none", NULL), 0);
    judge(&s, false);
    assert_int_equal(s.v.grade, GRADE_FIT);
    assert_int_equal(s.v.decided_by, 2);
    assert_true(isnan(s.v.findings[1].score));
    close_scene(&s);
}

static void a_rare_event_carries_its_time_and_three_over_t(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, STALL);
    (void)measure(&s, "noise.stall", 1 * MS, 5000, 8 * MS, 60000 * MS);
    judge(&s, false);
    assert_int_equal(s.v.grade, GRADE_FIT);
    assert_float_equal(s.v.findings[0].rate_bound_per_hour, 180, 1e-6);
    assert_string_equal(s.v.findings[0].value_text, "8 ms, longest in 60 s");
    assert_null(strstr(s.v.findings[0].value_text, "never"));
    assert_int_equal(s.v.findings[0].observed_ns, 60000 * MS);
    close_scene(&s);
}

static void an_interval_across_a_bound_is_close(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, WAL);
    struct result *r = measure(&s, "disk.wal", 9 * MS, 100000, 9 * MS, 10000 * MS);
    struct result_statistic *p99 = r->metrics[0].statistics;
    while (strcmp(p99->name, "p99") != 0)
        p99++;
    p99->low = 8e6;
    p99->high = 11e6;
    judge(&s, false);
    assert_int_equal(s.v.grade, GRADE_FIT);
    assert_true(s.v.findings[0].close);
    assert_int_equal(s.v.close, 1);
    p99->high = 9.5e6;
    judge(&s, false);
    assert_false(s.v.findings[0].close);
    p99->high = NAN; /* the sample cannot bound it */
    judge(&s, false);
    assert_true(s.v.findings[0].close);
    close_scene(&s);
}

static void what_is_not_trusted_is_unknown_with_the_reason(void **state)
{
    (void)state;

    static const struct {
        enum status status;
        const char *text;
    } rows[] = {
        {STATUS_SKIPPED,    "not measured"},
        { STATUS_FAILED,    "failed"      },
        { STATUS_UNTRUSTED, "not trusted" }
    };

    for (unsigned i = 0; i < 3; i++) {
        struct scene s;
        open_scene(&s, WAL STALL);
        struct result *r = measure(&s, "disk.wal", 1 * MS, 1000, 2 * MS, 10000 * MS);
        result_set_status(r, rows[i].status, "the clock was stepped");
        (void)measure(&s, "noise.stall", 1 * MS, 5000, 8 * MS, 60000 * MS);
        judge(&s, false);
        assert_int_equal(s.v.grade, GRADE_FIT);
        assert_int_equal(s.v.known, 1);
        assert_int_equal(s.v.unknown, 1);
        assert_int_equal(s.v.findings[0].grade, GRADE_UNKNOWN);
        assert_string_equal(s.v.findings[0].value_text, rows[i].text);
        assert_string_equal(s.v.findings[0].reason, "the clock was stepped");
        assert_true(isnan(s.v.findings[0].score));
        judge(&s, true);
        assert_int_equal(s.v.grade, GRADE_UNKNOWN);
        assert_true(isnan(s.v.score));
        close_scene(&s);
    }
}

static void strict_does_not_save_the_unfit(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, WAL STALL);
    (void)measure(&s, "noise.stall", 1 * MS, 5000, 1000 * MS, 60000 * MS);
    judge(&s, true);
    assert_int_equal(s.v.unknown, 1);
    assert_int_equal(s.v.grade, GRADE_UNFIT);
    close_scene(&s);
}

static void an_empty_document_is_unknown(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, WAL STALL MEMORY KIND);
    judge(&s, false);
    assert_int_equal(s.v.grade, GRADE_UNKNOWN);
    assert_int_equal(s.v.decided_by, -1);
    assert_int_equal(s.v.unknown, 4);
    assert_true(isnan(s.v.score));
    assert_true(s.v.findings[3].reason[0] != '\0');
    close_scene(&s);
}

static void facts_alone_make_no_host_fit_but_may_make_it_unfit(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, WAL KIND MEMORY);
    assert_int_equal(facts_set_text(&s.d.host, "host.container", "none", NULL), 0);
    assert_int_equal(facts_set_number(&s.d.host, "host.memory", 0x1p33, UNIT_BYTES, NULL), 0);
    judge(&s, false);
    assert_int_equal(s.v.grade, GRADE_UNKNOWN);
    assert_int_equal(facts_set_text(&s.d.host, "host.container", "openvz", NULL), 0);
    judge(&s, false);
    assert_int_equal(s.v.grade, GRADE_UNFIT);
    assert_int_equal(s.v.decided_by, 1);
    assert_float_equal(s.v.score, 0, 0);
    close_scene(&s);
}

static void a_metric_without_samples_is_unknown(void **state)
{
    (void)state;
    struct scene s;
    struct err e = { 0 };
    struct result r = { 0 };
    const struct metric table[] = { known_metrics[0], METRIC_END };
    open_scene(&s, WAL);
    assert_int_equal(result_open(&r, "disk.wal", "T", table, &e), 0);
    assert_int_equal(result_summarise(&r, &e), 0);
    assert_int_equal(document_take(&s.d, &r, &e), 0);
    judge(&s, false);
    assert_int_equal(s.v.findings[0].grade, GRADE_UNKNOWN);
    assert_string_equal(s.v.findings[0].reason, "the probe ran and took no sample of it");
    close_scene(&s);
}

static void words_are_judged_by_the_worst_list_that_holds_them(void **state)
{
    (void)state;

    static const struct {
        const char *word;
        enum grade grade;
    } rows[] = {
        {"none",    GRADE_FIT     },
        { "lxc",    GRADE_MARGINAL},
        { "openvz", GRADE_UNFIT   }
    };

    for (unsigned i = 0; i < 3; i++) {
        struct scene s;
        open_scene(&s, KIND);
        assert_int_equal(facts_set_text(&s.d.host, "host.container", rows[i].word, NULL), 0);
        judge(&s, false);
        assert_int_equal(s.v.findings[0].grade, rows[i].grade);
        assert_string_equal(s.v.findings[0].value_text, rows[i].word);
        assert_string_equal(s.v.findings[0].bound_text, "not openvz lxc");
        assert_true(isnan(s.v.findings[0].headroom));
        close_scene(&s);
    }
}

static void missing_options_are_named(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "  - id: options\n" SAID "    fact: host.kernel.options\n"
                   "    requires: [NAMESPACES, \"MEMCG|CGROUP_MEM\", \"A|B\"]\n"
                   "    otherwise: marginal\n");
    assert_int_equal(facts_set_list(&s.d.host, "host.kernel.options", "B CGROUP_MEM", NULL), 0);
    judge(&s, false);
    assert_int_equal(s.v.findings[0].grade, GRADE_MARGINAL);
    assert_string_equal(s.v.findings[0].value_text, "missing: NAMESPACES");
    assert_int_equal(facts_set_list(&s.d.host, "host.kernel.options", "NAMESPACES A MEMCG", NULL),
                     0);
    judge(&s, false);
    assert_int_equal(s.v.findings[0].grade, GRADE_FIT);
    assert_string_equal(s.v.findings[0].value_text, "all there");
    assert_int_equal(facts_set_unknown(&s.d.host, "host.kernel.options", "no config found"), 0);
    judge(&s, false);
    assert_int_equal(s.v.findings[0].grade, GRADE_UNKNOWN);
    assert_string_equal(s.v.findings[0].reason, "no config found");
    close_scene(&s);
}

static void long_lists_are_cut_visibly(void **state)
{
    (void)state;
    struct scene s;
    char text[2000] = "  - id: options\n" SAID "    fact: host.kernel.options\n    requires: [";
    for (unsigned i = 0; i < 60; i++) {
        char word[32];
        (void)snprintf(word, sizeof word, "%sOPTION_%02u", i ? ", " : "", i);
        strncat(text, word, sizeof text - strlen(text) - 1);
    }
    strncat(text, "]\n    otherwise: unfit\n", sizeof text - strlen(text) - 1);
    open_scene(&s, text);
    assert_int_equal(facts_set_list(&s.d.host, "host.kernel.options", "X", NULL), 0);
    judge(&s, false);
    assert_int_equal(s.v.findings[0].grade, GRADE_UNFIT);
    assert_int_equal(strlen(s.v.findings[0].value_text), sizeof s.v.findings[0].value_text - 1);
    assert_non_null(strstr(s.v.findings[0].value_text, "..."));
    assert_non_null(strstr(s.v.findings[0].bound_text, "..."));
    close_scene(&s);
}

static void of_alternative_facts_the_better_counts(void **state)
{
    (void)state;

    static const struct {
        const char *nft, *iptables; /* NULL: not known */
        enum grade grade;
    } rows[] = {
        {"yes", "no",  GRADE_FIT    },
        { "no", "yes", GRADE_FIT    },
        { "no", "no",  GRADE_UNFIT  },
        { NULL, "no",  GRADE_UNKNOWN},
        { "no", NULL,  GRADE_UNKNOWN},
        { NULL, "yes", GRADE_FIT    },
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        open_scene(&s, "  - id: firewall\n" SAID "    fact: host.try.nft|host.try.iptables\n"
                       "    unfit_on: [\"no\"]\n");
        const char *const words[] = { rows[i].nft, rows[i].iptables };
        static const char *const names[] = { "host.try.nft", "host.try.iptables" };
        for (unsigned k = 0; k < 2; k++) {
            if (words[k])
                assert_int_equal(facts_set_text(&s.d.host, names[k], words[k], NULL), 0);
            else
                assert_int_equal(facts_set_unknown(&s.d.host, names[k], "not root"), 0);
        }
        judge(&s, false);
        assert_int_equal(s.v.findings[0].grade, rows[i].grade);
        close_scene(&s);
    }
}

static void none_at_all_and_versions_have_no_scale(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "  - id: swap\n" SAID "    fact: host.swap\n    at_most: {fit: 0 B}\n"
                   "  - id: kernel\n" SAID "    fact: host.kernel.version\n"
                   "    at_least: {fit: 5.10, unfit: 3.10}\n");
    assert_int_equal(facts_set_number(&s.d.host, "host.swap", 0, UNIT_BYTES, NULL), 0);
    assert_int_equal(facts_set_number(&s.d.host, "host.kernel.version", 6018, UNIT_VERSION, NULL),
                     0);
    judge(&s, false);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(s.v.findings[i].grade, GRADE_FIT);
        assert_true(isnan(s.v.findings[i].score));
        assert_true(isnan(s.v.findings[i].headroom));
    }
    assert_int_equal(facts_set_number(&s.d.host, "host.swap", 1e9, UNIT_BYTES, NULL), 0);
    assert_int_equal(facts_set_number(&s.d.host, "host.kernel.version", 2006, UNIT_VERSION, NULL),
                     0);
    judge(&s, false);
    assert_int_equal(s.v.findings[0].grade, GRADE_MARGINAL);
    assert_float_equal(s.v.findings[0].score, 25, 0);
    assert_int_equal(s.v.findings[1].grade, GRADE_UNFIT);
    assert_float_equal(s.v.findings[1].score, 0, 0);
    close_scene(&s);
}

#define RTT                                                                                        \
    "  - id: rtt\n" SAID "    metric: net.rtt\n    statistic: p99\n"                               \
    "    at_most: {fit: 10 ms, unfit: 100 ms}\n"

static struct result *meet(struct scene *s, const char *peer, uint64_t value)
{
    (void)measure(s, "net.rtt", value, 1000, value, 10 * 1000 * MS);
    struct result *r = &s->d.measurements[s->d.measurement_count - 1];
    (void)snprintf(r->peer, sizeof r->peer, "%s", peer);
    return r;
}

static void of_several_peers_the_worst_is_judged_and_named(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, RTT);
    (void)meet(&s, "node-b", 2 * MS);
    (void)meet(&s, "node-c", 20 * MS);
    (void)meet(&s, "node-d", 3 * MS);
    judge(&s, true);
    const struct finding *f = &s.v.findings[0];
    assert_int_equal(s.v.grade, GRADE_MARGINAL);
    assert_string_equal(f->peer, "node-c");
    assert_int_equal(f->peers, 3);
    assert_int_equal(f->absent, 0);
    assert_string_equal(f->others, "node-b 2 ms, node-d 3 ms");
    close_scene(&s);
}

static void among_good_peers_the_farthest_is_named(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, RTT);
    (void)meet(&s, "node-b", MS / 10); /* both have the best score */
    (void)meet(&s, "node-c", MS / 5);
    judge(&s, false);
    assert_string_equal(s.v.findings[0].peer, "node-c");
    close_scene(&s);
}

static void a_peer_that_is_away_is_left_to_the_others_but_not_strictly(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, RTT);
    result_set_status(meet(&s, "node-b", MS), STATUS_FAILED, "nobody is at home");
    (void)meet(&s, "node-c", 2 * MS);
    judge(&s, false);
    const struct finding *f = &s.v.findings[0];
    assert_int_equal(s.v.grade, GRADE_FIT);
    assert_string_equal(f->peer, "node-c");
    assert_int_equal(f->absent, 1);
    assert_string_equal(f->absent_name, "net.rtt@node-b");
    assert_string_equal(f->absent_how, "failed");
    assert_string_equal(f->absent_reason, "nobody is at home");
    assert_string_equal(f->others, "node-b failed");
    judge(&s, true);
    assert_int_equal(s.v.grade, GRADE_UNKNOWN);
    close_scene(&s);
}

static void with_all_peers_away_the_criterion_is_unknown(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, RTT);
    result_set_status(meet(&s, "node-b", MS), STATUS_FAILED, "nobody is at home");
    result_set_status(meet(&s, "node-c", MS), STATUS_FAILED, "nobody is there");
    judge(&s, false);
    assert_int_equal(s.v.findings[0].grade, GRADE_UNKNOWN);
    assert_int_equal(s.v.findings[0].absent, 2);
    assert_string_equal(s.v.findings[0].reason, "nobody is at home");
    close_scene(&s);
}

static void more_peers_than_there_is_room_for_are_counted(void **state)
{
    (void)state;
    struct scene s;
    char name[32];
    open_scene(&s, RTT);
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "node-%02u", i);
        (void)meet(&s, name, MS);
    }
    judge(&s, false);
    const char *and = strstr(s.v.findings[0].others, " and ");
    unsigned named = 0;
    for (const char *at = s.v.findings[0].others; (at = strstr(at, "node-")); at++)
        named++;
    assert_non_null(and);
    assert_int_equal(named + (unsigned)strtoul(and+5, NULL, 10), 49);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_inside_is_fit_between_marginal_beyond_unfit),
        cmocka_unit_test(without_unfit_nothing_is_unfit),
        cmocka_unit_test(headroom_is_the_factor_to_the_fit_bound),
        cmocka_unit_test(the_score_is_50_at_fit_0_at_unfit_100_at_four_times_better),
        cmocka_unit_test(the_score_is_monotone_and_agrees_with_the_grade),
        cmocka_unit_test(the_score_is_continuous),
        cmocka_unit_test(a_role_is_as_good_as_its_worst_criterion),
        cmocka_unit_test(among_fit_criteria_the_lowest_score_decides),
        cmocka_unit_test(a_rare_event_carries_its_time_and_three_over_t),
        cmocka_unit_test(an_interval_across_a_bound_is_close),
        cmocka_unit_test(what_is_not_trusted_is_unknown_with_the_reason),
        cmocka_unit_test(strict_does_not_save_the_unfit),
        cmocka_unit_test(an_empty_document_is_unknown),
        cmocka_unit_test(facts_alone_make_no_host_fit_but_may_make_it_unfit),
        cmocka_unit_test(a_metric_without_samples_is_unknown),
        cmocka_unit_test(words_are_judged_by_the_worst_list_that_holds_them),
        cmocka_unit_test(missing_options_are_named),
        cmocka_unit_test(long_lists_are_cut_visibly),
        cmocka_unit_test(of_alternative_facts_the_better_counts),
        cmocka_unit_test(none_at_all_and_versions_have_no_scale),
        cmocka_unit_test(of_several_peers_the_worst_is_judged_and_named),
        cmocka_unit_test(among_good_peers_the_farthest_is_named),
        cmocka_unit_test(a_peer_that_is_away_is_left_to_the_others_but_not_strictly),
        cmocka_unit_test(with_all_peers_away_the_criterion_is_unknown),
        cmocka_unit_test(more_peers_than_there_is_room_for_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
