/* A whole run over a list of fakes, which stands here in place of the list of probes. */
#include "bench/survey.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/probes.h"
#include "tests/unit/bench/fakes.h"

static int write_two(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                     struct probe_cost *cost, struct err *e)
{
    (void)site;
    (void)conf;
    (void)slot_ns;
    (void)e;
    cost->write_bytes = 2;
    return 0;
}

static int tell_facts(struct probe_run *run, struct err *e)
{
    return facts_set_number(&run->result->facts, "fake.fact", 3, UNIT_COUNT, NULL)
               ? err_set(e, ERR_NO_RESOURCE, 0, "no memory")
               : 0;
}

static int interrupt(struct probe_run *run, struct err *e)
{
    (void)kill(getppid(), SIGTERM);
    return fakes_dawdle(run, e);
}

static const struct probe facts_probe = { .name = "fake.facts",
                                          .title = "A fake",
                                          .measure = tell_facts };
static const struct probe costly =
    FAKE("fake.costly", .estimate = write_two, .measure = fakes_measure_thrice);
static const struct probe interrupting = FAKE("fake.interrupting", .measure = interrupt);

/* What the fake of the same place found, and a file in both scratch directories. */
static int conclude(struct probe_run *run, struct err *e)
{
    const struct result *good = probe_earlier(run, "fake.each");
    double found = good ? result_statistic_find(&good->metrics[1], "value")->value : 0;
    return facts_set_number(&run->result->facts, "fake.concluded", found, UNIT_COUNT, NULL)
               ? err_set(e, ERR_NO_RESOURCE, 0, "no memory")
               : 0;
}

static int leave_files(struct probe_run *run, struct err *e)
{
    if (mkdirat(run->scratch_fd, "own", 0700) || mkdirat(run->home_fd, "home", 0700))
        return err_set(e, ERR_IO, errno, "make a directory in each scratch");
    run->done = true;
    return fakes_measure(run, e);
}

static const char *const grounds[] = { "fake.each", "fake.long", NULL };
static const struct probe each = FAKE("fake.each", .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_EACH,
                                      .measure = fakes_measure_thrice);
static const struct probe lengthy = FAKE("fake.long", .budget_min_ns = 300 * (uint64_t)CLK_NS_PER_S,
                                         .measure = fakes_measure_thrice);
static const struct probe far =
    FAKE("fake.far", .needs = PROBE_NEEDS_SCRATCH, .place = "images", .measure = leave_files);
static const struct probe concluding = { .name = "fake.concluding",
                                         .title = "A fake",
                                         .needs = PROBE_NEEDS_EACH,
                                         .concludes_from = grounds,
                                         .measure = conclude };

const struct probe *const probes_all[] = {
    &concluding, &facts_probe, &fakes_good, &fakes_refused, &fakes_crashed, &costly,
    &each,       &lengthy,     &far,        &fakes_several, &interrupting,  NULL,
};

const struct probe *probes_find(const char *name)
{
    for (unsigned i = 0; probes_all[i]; i++) {
        if (strcmp(probes_all[i]->name, name) == 0)
            return probes_all[i];
    }
    return NULL;
}

const struct metric *probes_metric(const char *id, const struct probe **owner)
{
    (void)owner;
    return metric_find(fakes_metrics, id);
}

const struct fact_row *probes_fact(const char *name, const struct probe **owner)
{
    (void)name;
    (void)owner;
    return NULL;
}

static int make_dir(void **state)
{
    char *dir = strdup("/tmp/plimsoll-test-XXXXXX");
    *state = dir;
    return dir && mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    struct err e;
    int failed = rmdir(*state); /* empty, or something was left behind */
    if (failed)
        (void)file_remove_tree_at(AT_FDCWD, *state, &e);
    free(*state);
    return failed;
}

static void assert_no_child(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int sail_again(void **state, const struct opt_list *probes, survey_again *again,
                      survey_may_repeat *may_repeat, struct document *d)
{
    struct progress progress;
    progress_init(&progress, true);
    struct survey_conf conf = {
        .dirs = {.items = { *state }, .count = 1},
        .budget_ns = 5 * (uint64_t)CLK_NS_PER_S,
        .seed = 9
    };
    struct survey s = { .conf = &conf,
                        .probes = probes,
                        .again = again,
                        .may_repeat = may_repeat,
                        .progress = &progress };
    struct err e = { 0 };
    int failed = survey_run(&s, d, &e);
    if (failed)
        print_error("%s\n", e.msg);
    assert_no_child();
    return failed;
}

static int sail(void **state, const struct opt_list *probes, survey_again *again,
                struct document *d)
{
    return sail_again(state, probes, again, NULL, d);
}

static unsigned again_all(const struct document *d, void *arg, const char *names[], unsigned most)
{
    (void)d;
    (void)arg;
    assert_true(most >= 3);
    names[0] = "fake.crashed";
    names[1] = "fake.good";
    names[2] = "fake.refused";
    return 3;
}

static void every_probe_is_in_the_document_whatever_became_of_it(void **state)
{
    static const struct opt_list probes = {
        .items = {"fake.facts", "fake.good", "fake.refused", "fake.crashed"},
          .count = 4
    };
    struct document d = { 0 };
    assert_int_equal(sail(state, &probes, NULL, &d), 0);
    assert_int_equal(d.measurement_count, 4);
    assert_int_equal(document_measurement(&d, "fake.good")->status, STATUS_MEASURED);
    assert_int_equal(document_measurement(&d, "fake.refused")->status, STATUS_SKIPPED);
    assert_string_equal(document_measurement(&d, "fake.refused")->reason,
                        "the moon is full; wait a day");
    assert_int_equal(document_measurement(&d, "fake.crashed")->status, STATUS_FAILED);
    assert_int_equal(document_measurement(&d, "fake.facts")->status, STATUS_MEASURED);
    assert_non_null(facts_find(&d.host, "fake.fact"));
    assert_int_equal(d.seed, 9);
    assert_string_equal(d.witness.probe, "witness");
    assert_false(d.interrupted);
    assert_true(d.argc > 0);
    assert_int_equal(strlen(d.id), DOCUMENT_ID_BYTES - 1);
    document_release(&d);
}

static void a_second_round_joins_the_figures_and_leaves_failures_alone(void **state)
{
    static const struct opt_list probes = {
        .items = {"fake.good", "fake.refused", "fake.crashed"},
          .count = 3
    };
    struct document d = { 0 };
    assert_int_equal(sail(state, &probes, again_all, &d), 0);
    const struct result *good = document_measurement(&d, "fake.good");
    assert_int_equal(good->rounds, 2);
    assert_int_equal(good->metrics[0].n, 6);
    assert_int_equal(good->seed, 9);
    assert_int_equal(document_measurement(&d, "fake.crashed")->rounds, 1);
    assert_int_equal(document_measurement(&d, "fake.refused")->rounds, 1);
    document_release(&d);
}

static bool never_good(const char *probe, void *arg)
{
    (void)arg;
    return strcmp(probe, "fake.good") != 0;
}

static void what_may_not_be_repeated_is_not_although_it_is_named(void **state)
{
    static const struct opt_list probes = { .items = { "fake.good" }, .count = 1 };
    struct document d = { 0 };
    assert_int_equal(sail_again(state, &probes, again_all, never_good, &d), 0);
    assert_int_equal(document_measurement(&d, "fake.good")->rounds, 1);
    document_release(&d);
}

static void a_directory_that_is_not_there_ends_the_run_at_once(void **state)
{
    struct progress progress;
    struct document d = { 0 };
    struct err e = { 0 };
    struct opt_list all = { 0 };
    char path[256];
    (void)snprintf(path, sizeof path, "%s/none", (char *)*state);
    progress_init(&progress, true);
    struct survey_conf conf = {
        .dirs = {.items = { path }, .count = 1},
          .budget_ns = 5 * (uint64_t)CLK_NS_PER_S
    };
    struct survey s = { .conf = &conf, .probes = &all, .progress = &progress };
    assert_int_equal(survey_run(&s, &d, &e), -1);
    assert_non_null(strstr(e.msg, path));
    assert_non_null(strstr(e.msg, "--dir"));
    assert_no_child();
    document_release(&d);
}

static int sail_two(void **state, const struct opt_list *probes, struct document *d)
{
    char etcd[128];
    char images[128];
    (void)snprintf(etcd, sizeof etcd, "etcd=%s", (char *)*state);
    (void)snprintf(images, sizeof images, "images=%s", (char *)*state);
    struct progress progress;
    progress_init(&progress, true);
    struct survey_conf conf = {
        .dirs = {.items = { etcd, images }, .count = 2},
          .budget_ns = 5 * (uint64_t)CLK_NS_PER_S
    };
    struct survey s = { .conf = &conf, .probes = probes, .progress = &progress };
    struct err e = { 0 };
    int failed = survey_run(&s, d, &e);
    if (failed)
        print_error("%s\n", e.msg);
    assert_no_child();
    return failed;
}

static void several_places_are_measured_apart_and_concluded_from_apart(void **state)
{
    static const struct opt_list probes = {
        .items = {"fake.concluding", "fake.good"},
          .count = 2
    };
    struct document d = { 0 };
    assert_int_equal(sail_two(state, &probes, &d), 0);
    assert_int_equal(d.place_count, 2);
    assert_string_equal(d.places[1].name, "images");
    assert_string_equal(d.places[1].dir, d.dir);
    assert_string_equal(document_measurement(&d, "fake.each")->place, "etcd");
    assert_int_equal(document_measurement_in(&d, "fake.each", "images")->status, STATUS_MEASURED);
    assert_string_equal(document_measurement(&d, "fake.good")->place, "");
    assert_true(facts_find(&d.host, "fake.concluded")->number == FAKES_VALUE);
    assert_true(facts_find(&d.host, "images.fake.concluded")->number == FAKES_VALUE);
    document_release(&d);
}

static void what_takes_minutes_is_left_out_of_seconds_unless_named(void **state)
{
    static const struct opt_list indirect = { .items = { "fake.concluding" }, .count = 1 };
    static const struct opt_list direct = { .items = { "fake.long" }, .count = 1 };
    struct document d = { 0 };
    assert_int_equal(sail(state, &indirect, NULL, &d), 0);
    assert_int_equal(document_measurement(&d, "fake.long")->status, STATUS_SKIPPED);
    assert_non_null(strstr(document_measurement(&d, "fake.long")->reason, "--budget of 5 min"));
    document_release(&d);
    assert_int_equal(sail(state, &direct, NULL, &d), 0);
    assert_int_equal(document_measurement(&d, "fake.long")->status, STATUS_MEASURED);
    document_release(&d);
}

static void a_probe_for_one_place_goes_there_and_has_room_at_home_too(void **state)
{
    static const struct opt_list probes = { .items = { "fake.far" }, .count = 1 };
    struct document d = { 0 };
    assert_int_equal(sail_two(state, &probes, &d), 0);
    assert_int_equal(d.measurement_count, 1);
    assert_string_equal(d.measurements[0].reason, "");
    assert_string_equal(d.measurements[0].place, "images");
    document_release(&d); /* drop_dir finds what was not cleared in either */
}

static unsigned again_several(const struct document *d, void *arg, const char *names[],
                              unsigned most)
{
    (void)d;
    (void)arg;
    (void)most;
    names[0] = "fake.several";
    return 1;
}

static void each_peer_is_a_measurement_and_later_rounds_join_peer_by_peer(void **state)
{
    static const struct opt_list probes = { .items = { "fake.several" }, .count = 1 };
    struct document d = { 0 };
    assert_int_equal(sail(state, &probes, again_several, &d), 0);
    assert_int_equal(d.measurement_count, 3);
    for (unsigned i = 0; i < d.measurement_count; i++) {
        const struct result *r = &d.measurements[i];
        assert_string_equal(r->peer, fakes_peers[i]);
        assert_int_equal(r->rounds, 2);
        assert_int_equal(r->status, i == 1 ? STATUS_FAILED : STATUS_MEASURED);
        assert_int_equal(r->metrics[0].n, i == 1 ? 0 : 6);
    }
    assert_true(result_statistic_find(&d.measurements[2].metrics[1], "value")->value ==
                FAKES_VALUE + 2);
    document_release(&d);
}

/* The last one: the flag is never lowered. */
static void an_interrupted_run_names_what_it_did_not_come_to(void **state)
{
    static const struct opt_list probes = {
        .items = {"fake.good", "fake.interrupting"},
          .count = 2
    };
    struct document d = { 0 };
    stop_install();
    assert_int_equal(sail(state, &probes, again_all, &d), 0);
    assert_true(d.interrupted);
    assert_int_equal(document_measurement(&d, "fake.good")->rounds, 1);
    assert_int_equal(document_measurement(&d, "fake.interrupting")->status, STATUS_MEASURED);
    document_release(&d);
    assert_int_equal(sail(state, &probes, NULL, &d), 0); /* stopped before it began */
    assert_int_equal(d.measurement_count, 2);
    assert_int_equal(document_measurement(&d, "fake.good")->status, STATUS_SKIPPED);
    assert_non_null(strstr(document_measurement(&d, "fake.good")->reason, "interrupted"));
    document_release(&d);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(every_probe_is_in_the_document_whatever_became_of_it),
        IN_DIR(a_second_round_joins_the_figures_and_leaves_failures_alone),
        IN_DIR(what_may_not_be_repeated_is_not_although_it_is_named),
        IN_DIR(a_directory_that_is_not_there_ends_the_run_at_once),
        IN_DIR(several_places_are_measured_apart_and_concluded_from_apart),
        IN_DIR(what_takes_minutes_is_left_out_of_seconds_unless_named),
        IN_DIR(a_probe_for_one_place_goes_there_and_has_room_at_home_too),
        IN_DIR(each_peer_is_a_measurement_and_later_rounds_join_peer_by_peer),
        IN_DIR(an_interrupted_run_names_what_it_did_not_come_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
