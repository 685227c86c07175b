#include "bench/roles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/command.h"
#include "bench/watch.h"
#include "probes/probes.h"

static void no_names_are_all_roles_each_once(void **state)
{
    (void)state;
    struct roles r;
    struct err e = { 0 };
    assert_int_equal(roles_load(&(struct roles_conf){ 0 }, &r, &e), 0);
    assert_int_equal(r.count, 14);
    assert_false(r.named);
    for (unsigned i = 0; i < r.count; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(r.profiles[i].role, r.profiles[k].role);
    }
    roles_release(&r);
    roles_release(&r);
}

static void a_role_named_twice_is_judged_once(void **state)
{
    (void)state;
    struct roles_conf conf = {
        .roles = {.items = { "zookeeper", "zookeeper" }, .count = 2}
    };
    struct roles r;
    struct err e = { 0 };
    assert_int_equal(roles_load(&conf, &r, &e), 0);
    assert_int_equal(r.count, 1);
    assert_true(r.named);
    roles_release(&r);
}

static void a_misspelt_role_is_named_with_its_neighbour(void **state)
{
    (void)state;
    struct roles_conf conf = {
        .roles = {.items = { "zookeper" }, .count = 1}
    };
    struct roles r;
    struct err e = { 0 };
    assert_int_equal(roles_load(&conf, &r, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_non_null(strstr(e.msg, "did you mean 'zookeeper'"));
    roles_release(&r);
}

static void a_profile_of_ones_own_replaces_ours_of_the_same_role(void **state)
{
    static const char path[] = "reports/profiles/01-k8s-control-plane.yaml";
    (void)state;
    struct roles_conf conf = {
        .roles = {.items = { "k8s-control-plane" }, .count = 1},
        .profiles = { .items = { path },               .count = 1}
    };
    struct roles r;
    struct err e = { 0 };
    assert_int_equal(roles_load(&conf, &r, &e), 0);
    assert_int_equal(r.count, 1);
    roles_release(&r);
    conf.profiles = (struct opt_list){
        .items = {path, path},
          .count = 2
    };
    assert_int_equal(roles_load(&conf, &r, &e), -1);
    assert_non_null(strstr(e.msg, "is given twice"));
    roles_release(&r);
}

static int status_of(bool named, enum grade a, enum grade b)
{
    struct roles r = { .named = named };
    struct verdict items[] = { { .grade = a }, { .grade = b } };
    struct verdicts v = { .items = items, .count = 2 };
    return roles_exit_status(&r, &v);
}

static void the_status_is_the_worst_of_those_named_and_the_best_of_all(void **state)
{
    (void)state;
    assert_int_equal(status_of(true, GRADE_FIT, GRADE_MARGINAL), EXIT_STATUS_MARGINAL);
    assert_int_equal(status_of(true, GRADE_UNKNOWN, GRADE_UNFIT), EXIT_STATUS_UNFIT);
    assert_int_equal(status_of(true, GRADE_FIT, GRADE_UNKNOWN), EXIT_STATUS_UNKNOWN);
    assert_int_equal(status_of(false, GRADE_UNFIT, GRADE_FIT), EXIT_STATUS_FIT);
    assert_int_equal(status_of(false, GRADE_UNFIT, GRADE_MARGINAL), EXIT_STATUS_MARGINAL);
    assert_int_equal(status_of(false, GRADE_UNKNOWN, GRADE_UNKNOWN), EXIT_STATUS_UNKNOWN);
    struct roles none = { 0 };
    struct verdicts empty = { 0 };
    assert_int_equal(roles_exit_status(&none, &empty), EXIT_STATUS_UNKNOWN);
}

static void an_empty_document_is_fit_for_nothing(void **state)
{
    (void)state;
    struct roles r;
    struct document d = { 0 };
    struct verdicts v;
    struct err e = { 0 };
    assert_int_equal(roles_load(&(struct roles_conf){ 0 }, &r, &e), 0);
    assert_int_equal(roles_judge(&r, &d, false, &v, &e), 0);
    assert_int_equal(v.count, r.count);
    assert_int_equal(roles_exit_status(&r, &v), EXIT_STATUS_UNKNOWN);
    roles_release_verdicts(&v);
    roles_release_verdicts(&v);
    roles_release(&r);
}

static void every_declared_name_can_be_named_by_a_profile(void **state)
{
    (void)state;
    const struct profile_known *k = roles_known();
    unsigned declared = 0;
    for (const struct metric *m = watch_table(); m->id; m++)
        declared++;
    for (unsigned i = 0; probes_all[i]; i++) {
        for (const struct metric *m = probes_all[i]->metrics; m && m->id; m++)
            declared++;
        for (const struct fact_row *f = probes_all[i]->facts; f && f->name; f++)
            declared++;
    }
    unsigned named = 0;
    for (const char *name = k->name(0, k->arg); name; name = k->name(++named, k->arg))
        assert_true(k->metric(name, k->arg) || k->fact(name, k->arg));
    assert_int_equal(named, declared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_names_are_all_roles_each_once),
        cmocka_unit_test(a_role_named_twice_is_judged_once),
        cmocka_unit_test(a_misspelt_role_is_named_with_its_neighbour),
        cmocka_unit_test(a_profile_of_ones_own_replaces_ours_of_the_same_role),
        cmocka_unit_test(the_status_is_the_worst_of_those_named_and_the_best_of_all),
        cmocka_unit_test(an_empty_document_is_fit_for_nothing),
        cmocka_unit_test(every_declared_name_can_be_named_by_a_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
