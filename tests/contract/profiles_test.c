/* Every profile that is built in loads against what the probes declare, and keeps the house rules.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/roles.h"

enum {
    ROLES = 14
};

static const char *const roles_expected[ROLES] = {
    "k8s-control-plane", "k8s-control-plane-single",
    "k8s-worker",        "k3s-server",
    "k3s-agent",         "swarm-manager",
    "swarm-worker",      "mesos-master",
    "mesos-agent",       "zookeeper",
    "marathon",          "nomad-server",
    "nomad-client",      "consul-server",
};

static struct profile profiles[ROLES];

static int load(void **state)
{
    (void)state;
    struct err e = { 0 };
    for (unsigned i = 0; profile_embedded[i].role && i < ROLES; i++) {
        const struct profile_embedded *p = &profile_embedded[i];
        if (profile_parse(p->text, p->size, p->role, roles_known(), &profiles[i], &e)) {
            print_error("%s\n", e.msg);
            return -1;
        }
    }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLES; i++)
        profile_release(&profiles[i]);
    return 0;
}

static void all_roles_are_there_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLES; i++) {
        assert_string_equal(profile_embedded[i].role, roles_expected[i]);
        assert_string_equal(profiles[i].role, roles_expected[i]);
    }
    assert_null(profile_embedded[ROLES].role);
}

static bool is_sentence(const char *text)
{
    size_t n = strlen(text);
    return n >= 15 && text[n - 1] == '.';
}

static void every_criterion_says_why_from_where_and_what_to_do(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLES; i++) {
        for (unsigned k = 0; k < profiles[i].count; k++) {
            const struct criterion *c = &profiles[i].criteria[k];
            if (!is_sentence(c->why) || !is_sentence(c->advice) || strlen(c->source) < 8)
                fail_msg("%s/%s: why or advice is no sentence, or the source is too short",
                         profiles[i].role, c->id);
        }
    }
}

/* A reader sees the mark at the figure, not only in a column of its own. */
static void what_is_marked_unverified_is_so_in_its_basis(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLES; i++) {
        for (unsigned k = 0; k < profiles[i].count; k++) {
            const struct criterion *c = &profiles[i].criteria[k];
            bool marked = strstr(c->source, "[unverified]") != NULL;
            if (marked != (strcmp(c->basis, "unverified") == 0))
                fail_msg("%s/%s: source and basis disagree", profiles[i].role, c->id);
        }
    }
}

static const struct criterion *criterion(const struct profile *p, const char *metric)
{
    for (unsigned k = 0; k < p->count; k++) {
        if (p->criteria[k].metric && strcmp(p->criteria[k].metric, metric) == 0)
            return &p->criteria[k];
    }
    return NULL;
}

/* What the stall-budget model is about: every role is asked how long it may be silent. */
static void every_role_is_judged_by_its_stalls_quiet_and_loaded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLES; i++) {
        const struct criterion *quiet = criterion(&profiles[i], "noise.stall");
        const struct criterion *run = criterion(&profiles[i], "witness.stall");
        assert_non_null(quiet);
        assert_non_null(run);
        assert_float_equal(quiet->fit, run->fit, 0);
        assert_float_equal(quiet->unfit, run->unfit, 0);
        assert_string_equal(quiet->statistic, "max");
    }
}

static void every_maximum_is_called_rare(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLES; i++) {
        for (unsigned k = 0; k < profiles[i].count; k++) {
            const struct criterion *c = &profiles[i].criteria[k];
            bool maximum = c->metric &&
                           (strcmp(c->statistic, "max") == 0 || strcmp(c->metric, "net.gap") == 0);
            assert_int_equal(c->rare, maximum);
        }
    }
}

static void every_role_has_a_bound_that_nothing_but_a_metric_can_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLES; i++) {
        unsigned metrics = 0;
        for (unsigned k = 0; k < profiles[i].count; k++)
            metrics += profiles[i].criteria[k].metric != NULL;
        assert_true(metrics >= 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_roles_are_there_in_order),
        cmocka_unit_test(every_criterion_says_why_from_where_and_what_to_do),
        cmocka_unit_test(what_is_marked_unverified_is_so_in_its_basis),
        cmocka_unit_test(every_role_is_judged_by_its_stalls_quiet_and_loaded),
        cmocka_unit_test(every_maximum_is_called_rare),
        cmocka_unit_test(every_role_has_a_bound_that_nothing_but_a_metric_can_answer),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
