/* Every row of the list of probes keeps the contract of probes/probe.h. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/watch.h"
#include "probes/kit/opt.h"
#include "probes/probes.h"

static int is_sentence(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    return n > 10 && !islower((unsigned char)text[0]) && text[n - 1] == '.';
}

static int is_name(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name) &&
           islower((unsigned char)*name);
}

/* "disk" of "disk.wal". */
static int same_family(const char *probe, const char *id)
{
    size_t n = strcspn(probe, ".");
    return strncmp(probe, id, n) == 0 && (id[n] == '.' || id[n] == '\0');
}

static void names_are_unique_and_well_formed(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        assert_true(is_name(probes_all[i]->name));
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(probes_all[i]->name, probes_all[k]->name);
        assert_ptr_equal(probes_find(probes_all[i]->name), probes_all[i]);
    }
    assert_null(probes_find("no.such.probe"));
}

static void every_probe_says_why_and_from_where(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        const struct probe *p = probes_all[i];
        assert_true(strlen(p->title) > 5 && isupper((unsigned char)p->title[0]));
        assert_true(strlen(p->why) > 40);
        assert_true(strlen(p->source) > 10);
        assert_non_null(p->measure);
    }
}

static void what_has_weight_is_repeated_or_once(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        if (probes_all[i]->weight == 0)
            assert_int_equal(probes_all[i]->repetition_ns, 0);
        assert_true(probes_all[i]->weight <= 100);
    }
}

static void check_metric(const struct metric *m, const char *probe)
{
    char show[64];
    assert_true(is_name(m->id));
    assert_true(same_family(probe, m->id));
    assert_true(is_sentence(m->what));
    assert_true(strlen(m->show) < sizeof show);
    memcpy(show, m->show, strlen(m->show) + 1);
    for (char *save, *w = strtok_r(show, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (m->kind == METRIC_HIST)
            assert_non_null(strstr(" p50 p90 p99 p99.9 max mean ", w));
        else
            assert_string_equal(w, "value");
    }
}

static void metrics_are_declared_with_unit_and_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        for (const struct metric *m = probes_all[i]->metrics; m && m->id; m++) {
            const struct probe *owner = NULL;
            check_metric(m, probes_all[i]->name);
            assert_ptr_equal(probes_metric(m->id, &owner), m); /* unique over all probes */
            assert_ptr_equal(owner, probes_all[i]);
        }
    }
    for (const struct metric *m = watch_table(); m->id; m++) {
        check_metric(m, "witness");
        assert_null(probes_metric(m->id, NULL));
    }
}

static void facts_are_declared_with_a_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        for (const struct fact_row *f = probes_all[i]->facts; f && f->name; f++) {
            assert_true(is_name(f->name));
            assert_true(is_sentence(f->what));
            assert_ptr_equal(probes_fact(f->name, NULL), f);
            struct fact_word w = { 0 };
            for (unsigned k = 0; f->word && f->word(k, &w); k++) {
                assert_true(is_name(w.word) && is_sentence(w.what));
                assert_true(!w.rule || (is_sentence(w.rule) && w.source));
            }
        }
    }
}

static void options_keep_their_rules_and_have_working_defaults(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        const struct probe *p = probes_all[i];
        struct err e = { 0 };
        void *conf = calloc(1, p->conf_size + 1);
        assert_non_null(conf);
        if (p->opts && (opt_check(p->opts, &e) || opt_defaults(p->opts, conf, p->conf_size, &e)))
            fail_msg("%s: %s", p->name, e.msg);
        json_t *parameters = opt_parameters(p->opts, conf);
        assert_non_null(parameters);
        json_decref(parameters);
        free(conf);
    }
}

static void a_probe_without_a_place_refuses_with_a_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        const struct probe *p = probes_all[i];
        struct probe_site site = { .proc_fd = -1, .sys_fd = -1, .dir = "/nonexistent" };
        struct err e = { 0 };
        void *conf = calloc(1, p->conf_size + 1);
        if (p->opts)
            assert_int_equal(opt_defaults(p->opts, conf, p->conf_size, &e), 0);
        if (p->needs & (PROBE_NEEDS_SCRATCH | PROBE_NEEDS_PEER) && p->supported) {
            if (p->supported(&site, conf, &e) == 0)
                fail_msg("%s believes that it can work nowhere", p->name);
            assert_true(strlen(e.msg) > 20);
        }
        free(conf);
    }
}

/* A conclusion costs nothing and names probes that come before it has to be drawn. */
static void conclusions_are_drawn_from_probes_that_measure(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        const struct probe *p = probes_all[i];
        for (const char *const *from = p->concludes_from; from && *from; from++) {
            const struct probe *ground = probes_find(*from);
            assert_int_equal(p->weight, 0);
            assert_null(p->estimate);
            assert_non_null(ground);
            assert_null(ground->concludes_from);
            assert_int_equal(ground->needs & PROBE_NEEDS_EACH, p->needs & PROBE_NEEDS_EACH);
        }
    }
}

static void teardown_tolerates_no_setup_and_twice(void **state)
{
    (void)state;
    for (unsigned i = 0; probes_all[i]; i++) {
        struct probe_run run = { .scratch_fd = -1 };
        if (probes_all[i]->teardown) {
            probes_all[i]->teardown(&run);
            probes_all[i]->teardown(&run);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_well_formed),
        cmocka_unit_test(every_probe_says_why_and_from_where),
        cmocka_unit_test(what_has_weight_is_repeated_or_once),
        cmocka_unit_test(metrics_are_declared_with_unit_and_sentence),
        cmocka_unit_test(facts_are_declared_with_a_sentence),
        cmocka_unit_test(options_keep_their_rules_and_have_working_defaults),
        cmocka_unit_test(a_probe_without_a_place_refuses_with_a_sentence),
        cmocka_unit_test(conclusions_are_drawn_from_probes_that_measure),
        cmocka_unit_test(teardown_tolerates_no_setup_and_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
