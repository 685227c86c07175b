#include "bench/runner.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
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
#include "tests/unit/bench/fakes.h"

struct ground { /* what every test stands on */
    char dir[64];
    struct scratch scratch;
};

static int lay_ground(void **state)
{
    struct ground *g = calloc(1, sizeof *g);
    struct err e;
    *state = g;
    (void)snprintf(g->dir, sizeof g->dir, "/tmp/plimsoll-test-XXXXXX");
    return mkdtemp(g->dir) ? scratch_open(g->dir, &g->scratch, &e) : -1;
}

static int clear_ground(void **state)
{
    struct ground *g = *state;
    struct err e;
    scratch_release(&g->scratch);
    int failed = rmdir(g->dir); /* empty, or something was left behind */
    if (failed)
        (void)file_remove_tree_at(AT_FDCWD, g->dir, &e);
    free(g);
    return failed;
}

static struct job job_of(const struct probe *p)
{
    return (struct job){ .probe = p,
                         .patience = &fakes_patience,
                         .seed = 40,
                         .slot_ns = FAKES_SLOT_NS,
                         .run_start_ns = clk_now_ns() };
}

/* Nothing of ours is left: no child, and no file. */
static void assert_nothing_is_left(const struct ground *g)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    int fd = openat(g->scratch.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    assert_non_null(dir);
    unsigned names = 0;
    while (readdir(dir)) // NOLINT(concurrency-mt-unsafe)
        names++;
    (void)closedir(dir);
    assert_int_equal(names, 2); /* . and .. */
}

/* Of a probe that has one result. */
static void run_one(const struct job *job, const struct scratch *scratch,
                    const struct worker_hooks *hooks, struct result *out)
{
    AUTO(harvest) struct harvest h = { 0 };
    struct err e = { 0 };
    assert_int_equal(runner_run(job, scratch, hooks, &h, &e), 0);
    assert_int_equal(h.count, 1);
    *out = h.items[0];
    h.count = 0;
}

static void run_job_and_expect(void **state, const struct job *job, enum status status,
                               const char *reason)
{
    struct ground *g = *state;
    AUTO(result) struct result r = { 0 };
    run_one(job, &g->scratch, NULL, &r);
    assert_string_equal(r.probe, job->probe->name);
    if (r.status != status || !strstr(r.reason, reason))
        print_error("%s: %s\n", status_name(r.status), r.reason);
    assert_int_equal(r.status, status);
    assert_non_null(strstr(r.reason, reason));
    assert_nothing_is_left(g);
}

static void run_and_expect(void **state, const struct probe *p, enum status status,
                           const char *reason)
{
    struct job job = job_of(p);
    run_job_and_expect(state, &job, status, reason);
}

/* One that fills its slot, or never ends by itself. */
static struct job short_job_of(const struct probe *p, const struct patience *patience)
{
    struct job job = job_of(p);
    job.slot_ns = FAKES_SHORT_NS;
    job.patience = patience;
    return job;
}

static void a_good_probe_is_measured_with_all_that_its_figures_stand_on(void **state)
{
    struct ground *g = *state;
    struct job job = job_of(&fakes_good);
    job.round = 1;
    AUTO(result) struct result r = { 0 };
    run_one(&job, &g->scratch, NULL, &r);
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_int_equal(r.seed, 41);
    assert_int_equal(r.rounds, 1);
    assert_int_equal(r.metric_count, 2);
    const struct result_metric *wait = result_metric_find(&r, "fake.wait");
    assert_int_equal(wait->n, 3);
    assert_int_equal(wait->block_count, 3);
    assert_true(wait->observed_ns > 0 && wait->observed_ns <= r.duration_ns);
    assert_true(result_statistic_find(wait, "p50")->value == FAKES_VALUE);
    const struct result_metric *rate = result_metric_find(&r, "fake.rate");
    assert_int_equal(rate->n, 3);
    assert_true(result_statistic_find(rate, "value")->value == FAKES_VALUE);
    assert_true(r.duration_ns > 0);
    assert_nothing_is_left(g);
}

static void no_scratch_is_no_fault(void **state)
{
    (void)state;
    struct job job = job_of(&fakes_good);
    AUTO(result) struct result r = { 0 };
    run_one(&job, NULL, NULL, &r);
    assert_int_equal(r.status, STATUS_MEASURED);
}

static void repetitions_fill_the_slot(void **state)
{
    static const struct probe p = FAKE("fake.many", .measure = fakes_measure);
    struct ground *g = *state;
    struct job job = short_job_of(&p, &fakes_patience);
    AUTO(result) struct result r = { 0 };
    run_one(&job, &g->scratch, NULL, &r);
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_true(r.metrics[0].block_count >= 1);
    assert_true(r.duration_ns >= FAKES_SHORT_NS); /* one repetition takes a tenth of it */
}

static void a_probe_without_repetitions_is_called_once(void **state)
{
    static const struct probe p = FAKE_ONCE("fake.once", .measure = fakes_measure);
    struct ground *g = *state;
    struct job job = job_of(&p);
    AUTO(result) struct result r = { 0 };
    run_one(&job, &g->scratch, NULL, &r);
    assert_int_equal(r.metrics[0].block_count, 1);
}

static void judge_may_distrust(void **state)
{
    static const struct probe p =
        FAKE("fake.liar", .measure = fakes_measure_thrice, .judge = fakes_distrust);
    run_and_expect(state, &p, STATUS_UNTRUSTED, "the fake is a liar");
}

static void a_failed_setup_is_a_failure_in_its_own_words(void **state)
{
    static const struct probe p = FAKE("fake.setup", .setup = fakes_fail, .measure = fakes_measure);
    run_and_expect(state, &p, STATUS_FAILED, "the fake is broken");
}

static void what_cannot_be_done_here_is_skipped(void **state)
{
    static const struct probe in_setup =
        FAKE("fake.cannot", .setup = fakes_cannot, .measure = fakes_measure);
    static const struct probe in_measure = FAKE("fake.cannot", .measure = fakes_cannot);
    run_and_expect(state, &in_setup, STATUS_SKIPPED, "the fake cannot do it");
    run_and_expect(state, &in_measure, STATUS_SKIPPED, "the fake cannot do it");
}

static void a_failure_keeps_what_was_measured_before(void **state)
{
    static const struct probe p = FAKE("fake.later", .measure = fakes_fail_later);
    struct ground *g = *state;
    struct job job = job_of(&p);
    AUTO(result) struct result r = { 0 };
    run_one(&job, &g->scratch, NULL, &r);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_string_equal(r.reason, "the fake is broken");
    assert_int_equal(r.metrics[0].n, 2);
}

static void no_figure_is_no_measurement(void **state)
{
    static const struct probe p = FAKE("fake.blind", .measure = fakes_see_nothing);
    struct job job = short_job_of(&p, &fakes_patience);
    run_job_and_expect(state, &job, STATUS_FAILED, "before it had a figure");
}

static void a_crash_costs_only_its_own_probe(void **state)
{
    run_and_expect(state, &fakes_crashed, STATUS_FAILED, "signal 11 (Segmentation fault)");
}

static void a_silent_end_is_a_failure(void **state)
{
    static const struct probe p = FAKE("fake.vanished", .measure = fakes_vanish);
    run_and_expect(state, &p, STATUS_FAILED, "ended without a result");
}

static void a_hung_probe_is_killed(void **state)
{
    static const struct probe p = FAKE("fake.hung", .measure = fakes_hang);
    struct job job = short_job_of(&p, &fakes_hurry);
    run_job_and_expect(state, &job, STATUS_FAILED, "did not answer for");
}

static int fall_silent(struct probe_run *run, struct err *e)
{
    return run->repetition == 2 ? fakes_dawdle(run, e) : fakes_measure(run, e);
}

static void a_probe_that_falls_silent_is_not_waited_for_until_its_slot_ends(void **state)
{
    static const struct probe p = FAKE("fake.silent", .measure = fall_silent);
    struct ground *g = *state;
    struct job job = job_of(&p);
    job.slot_ns = 3600 * (uint64_t)CLK_NS_PER_S;
    job.patience = &fakes_firm;
    AUTO(result) struct result r = { 0 };
    run_one(&job, &g->scratch, NULL, &r);
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_int_equal(r.metrics[0].n, 3);
    assert_non_null(strstr(r.notes[1], "no answer in time"));
}

static void a_late_probe_that_heeds_the_signal_is_measured_and_says_so(void **state)
{
    static const struct probe p = FAKE("fake.late", .measure = fakes_dawdle);
    struct ground *g = *state;
    struct job job = short_job_of(&p, &fakes_firm);
    AUTO(result) struct result r = { 0 };
    run_one(&job, &g->scratch, NULL, &r);
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_int_equal(r.note_count, 2);
    assert_string_equal(r.notes[0], "Told to stop before it was done.");
    assert_non_null(strstr(r.notes[1], "no answer in time"));
}

static void garbage_is_not_waited_for(void **state)
{
    static const struct probe broken = FAKE("fake.garbage", .measure = fakes_send_garbage);
    static const struct probe unknown = FAKE("fake.unknown", .measure = fakes_send_unknown);
    run_and_expect(state, &broken, STATUS_FAILED, "what is no message of ours");
    run_and_expect(state, &unknown, STATUS_FAILED, "what is no message of ours");
}

static void a_result_that_cannot_be_read_is_a_failure(void **state)
{
    static const struct probe p = FAKE("fake.nonsense", .measure = fakes_send_nonsense);
    run_and_expect(state, &p, STATUS_FAILED, "its result: ");
}

static void what_a_dead_child_left_running_dies_too(void **state)
{
    static const struct probe p = FAKE("fake.parent", .measure = fakes_leave_an_orphan);
    run_and_expect(state, &p, STATUS_FAILED, "ended without a result");
}

static void the_scratch_is_emptied_for_a_probe_that_did_not(void **state)
{
    static const struct probe p = FAKE("fake.litter", .measure = fakes_litter);
    static const struct probe crashed = FAKE("fake.litter", .measure = fakes_litter_and_crash);
    run_and_expect(state, &p, STATUS_MEASURED, "");
    run_and_expect(state, &p, STATUS_MEASURED, ""); /* it finds its room empty */
    run_and_expect(state, &crashed, STATUS_FAILED, "signal 11");
}

static void a_room_that_cannot_be_made_fails_the_probe(void **state)
{
    (void)state;
    struct scratch none = SCRATCH_CLOSED;
    struct job job = job_of(&fakes_good);
    AUTO(result) struct result r = { 0 };
    run_one(&job, &none, NULL, &r);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_non_null(strstr(r.reason, "in the scratch directory"));
}

static void asking_gives_the_probe_s_own_reason(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct job job = job_of(&fakes_refused);
    assert_int_equal(runner_ask(&job, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    assert_string_equal(e.msg, "the moon is full; wait a day");
    struct job silent = job_of(&fakes_good); /* it has no supported() */
    assert_int_equal(runner_ask(&silent, &e), 0);
}

static void a_crash_while_asked_is_named_as_such(void **state)
{
    static const struct probe p =
        FAKE("fake.asked", .supported = fakes_crash_asked, .measure = fakes_measure);
    (void)state;
    struct err e = { 0 };
    struct job job = job_of(&p);
    assert_int_equal(runner_ask(&job, &e), -1);
    assert_non_null(strstr(e.msg, "fake.asked: its process ended without an answer"));
}

static void tidying_removes_the_directory_and_may_be_called_again(void **state)
{
    struct ground *g = *state;
    assert_int_equal(mkdirat(g->scratch.fd, "left", 0700), 0);
    runner_tidy(&g->scratch, &fakes_patience);
    assert_int_equal(g->scratch.fd, -1);
    assert_int_equal(rmdir(g->dir), 0);
    assert_int_equal(mkdir(g->dir, 0700), 0);
    runner_tidy(&g->scratch, &fakes_patience);
}

static void interrupt(void *arg, const char *figure, uint64_t left_ns)
{
    (void)figure;
    (void)left_ns;
    if (!(*(unsigned *)arg)++)
        (void)raise(SIGINT);
}

/* The last one: the flag is never lowered. */
static void an_interrupted_probe_hands_over_what_it_has(void **state)
{
    static const struct probe heeding = FAKE("fake.late", .measure = fakes_dawdle);
    static const struct probe deaf = FAKE("fake.deaf", .measure = fakes_hang);
    struct ground *g = *state;
    unsigned calls = 0;
    struct worker_hooks hooks = { interrupt, &calls };
    struct job job = job_of(&heeding);
    job.slot_ns = 100 * (uint64_t)CLK_NS_PER_S;
    AUTO(result) struct result r = { 0 };
    stop_install();
    run_one(&job, &g->scratch, &hooks, &r);
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_string_equal(r.notes[0], "Told to stop before it was done.");
    assert_int_equal(r.note_count, 1);
    job = short_job_of(&deaf, &fakes_hurry);
    run_job_and_expect(state, &job, STATUS_FAILED, "interrupted");
    static const struct probe litter = FAKE("fake.litter", .measure = fakes_litter_and_crash);
    job = short_job_of(&litter, &fakes_hurry);
    run_job_and_expect(state, &job, STATUS_FAILED, ""); /* and its room is emptied all the same */
}

static void several_peers_are_several_results_each_with_a_status_of_its_own(void **state)
{
    struct ground *g = *state;
    struct job job = job_of(&fakes_several);
    AUTO(harvest) struct harvest h = { 0 };
    struct err e = { 0 };
    assert_int_equal(runner_run(&job, &g->scratch, NULL, &h, &e), 0);
    assert_int_equal(h.count, 3);
    for (unsigned i = 0; i < h.count; i++) {
        const struct result *r = &h.items[i];
        assert_string_equal(r->peer, fakes_peers[i]);
        assert_string_equal(r->probe, "fake.several");
        assert_int_equal(r->status, i == 1 ? STATUS_FAILED : STATUS_MEASURED);
        assert_int_equal(r->metrics[0].n, i == 1 ? 0 : 3);
        assert_int_equal(r->seed, 40);
        assert_true(r->duration_ns > 0);
    }
    assert_string_equal(h.items[1].reason, "nobody is at home");
    assert_true(result_statistic_find(&h.items[0].metrics[0], "p50")->value == FAKES_VALUE);
    assert_true(result_statistic_find(&h.items[2].metrics[1], "value")->value == FAKES_VALUE + 2);
    assert_nothing_is_left(g);
}

static int meet_and_crash(struct probe_run *run, struct err *e)
{
    return fakes_meet(run, e) ? -1 : fakes_crash(run, e);
}

/* Names one that does not come, and sends the other's result under it. */
static int meet_and_mislead(struct probe_run *run, struct err *e)
{
    static const char *const names[] = { "node-a", "node-b" };
    if (run->split(run, names, 2, e))
        return -1;
    (void)snprintf(run->parts[0].result->peer, LIMITS_PEER_BYTES, "node-x");
    return 0;
}

static void each_peer_has_the_failure_of_a_process_that_died(void **state)
{
    static const struct probe p =
        FAKE("fake.dying", .setup = meet_and_crash, .measure = fakes_measure_peers);
    struct ground *g = *state;
    struct job job = job_of(&p);
    AUTO(harvest) struct harvest h = { 0 };
    struct err e = { 0 };
    assert_int_equal(runner_run(&job, &g->scratch, NULL, &h, &e), 0);
    assert_int_equal(h.count, 3);
    for (unsigned i = 0; i < h.count; i++) {
        assert_string_equal(h.items[i].peer, fakes_peers[i]);
        assert_int_equal(h.items[i].status, STATUS_FAILED);
        assert_non_null(strstr(h.items[i].reason, "signal 11"));
    }
}

static void a_result_of_a_peer_that_was_not_named_is_refused(void **state)
{
    static const struct probe p =
        FAKE("fake.misleading", .setup = meet_and_mislead, .measure = fakes_measure_peers);
    struct ground *g = *state;
    struct job job = job_of(&p);
    AUTO(harvest) struct harvest h = { 0 };
    struct err e = { 0 };
    assert_int_equal(runner_run(&job, &g->scratch, NULL, &h, &e), 0);
    assert_int_equal(h.count, 2);
    assert_string_equal(h.items[0].peer, "node-a");
    assert_int_equal(h.items[0].status, STATUS_FAILED);
    assert_non_null(strstr(h.items[0].reason, "of another peer, 'node-x'"));
    assert_int_equal(h.items[1].status, STATUS_MEASURED);
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, lay_ground, clear_ground)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_GROUND(a_good_probe_is_measured_with_all_that_its_figures_stand_on),
        ON_GROUND(no_scratch_is_no_fault),
        ON_GROUND(repetitions_fill_the_slot),
        ON_GROUND(a_probe_without_repetitions_is_called_once),
        ON_GROUND(judge_may_distrust),
        ON_GROUND(a_failed_setup_is_a_failure_in_its_own_words),
        ON_GROUND(what_cannot_be_done_here_is_skipped),
        ON_GROUND(a_failure_keeps_what_was_measured_before),
        ON_GROUND(no_figure_is_no_measurement),
        ON_GROUND(a_crash_costs_only_its_own_probe),
        ON_GROUND(a_silent_end_is_a_failure),
        ON_GROUND(a_hung_probe_is_killed),
        ON_GROUND(a_late_probe_that_heeds_the_signal_is_measured_and_says_so),
        ON_GROUND(a_probe_that_falls_silent_is_not_waited_for_until_its_slot_ends),
        ON_GROUND(garbage_is_not_waited_for),
        ON_GROUND(a_result_that_cannot_be_read_is_a_failure),
        ON_GROUND(what_a_dead_child_left_running_dies_too),
        ON_GROUND(the_scratch_is_emptied_for_a_probe_that_did_not),
        ON_GROUND(a_room_that_cannot_be_made_fails_the_probe),
        ON_GROUND(asking_gives_the_probe_s_own_reason),
        ON_GROUND(a_crash_while_asked_is_named_as_such),
        ON_GROUND(tidying_removes_the_directory_and_may_be_called_again),
        ON_GROUND(several_peers_are_several_results_each_with_a_status_of_its_own),
        ON_GROUND(each_peer_has_the_failure_of_a_process_that_died),
        ON_GROUND(a_result_of_a_peer_that_was_not_named_is_refused),
        ON_GROUND(an_interrupted_probe_hands_over_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
