#include "probes/host/subgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "tests/unit/probes/host/trees.h"

static void names_tell_the_owner(void **state)
{
    (void)state;
    bool handed = true;
    assert_int_equal(subgroup_owner("plimsoll-612", &handed), 612);
    assert_false(handed);
    assert_int_equal(subgroup_owner("plimsoll-612-pids", &handed), 612);
    assert_true(handed);
}

static void names_of_others_are_left_alone(void **state)
{
    (void)state;
    bool handed = false;
    static const char *const names[] = { "plimsoll-",
                                         "plimsoll",
                                         "plimsoll-0",
                                         "plimsoll-12x",
                                         "plimsoll-12-pid",
                                         "plimsoll--1",
                                         "xplimsoll-12",
                                         "docker",
                                         "plimsoll- 12",
                                         "plimsoll-12-pids-",
                                         "plimsoll-99999999999999999999" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(subgroup_owner(names[i], &handed), 0);
}

/* In the recorded tree lives process 612; 77 is a zombie, and there is no 99. */
static void only_groups_of_the_dead_are_swept(void **state)
{
    (void)state;
    char path[] = "/tmp/plimsoll-test-XXXXXX";
    assert_non_null(mkdtemp(path));
    AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct trees t = trees_open("kvm-debian");
    static const char *const names[] = { "plimsoll-99", "plimsoll-77", "plimsoll-612",
                                         "plimsoll-99x" };
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(mkdirat(dir, names[i], 0700), 0);
    assert_int_equal(subgroup_sweep(dir, t.proc_fd), 2);
    assert_int_equal(faccessat(dir, names[0], F_OK, 0), -1);
    assert_int_equal(faccessat(dir, names[1], F_OK, 0), -1);
    assert_int_equal(unlinkat(dir, names[2], AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(dir, names[3], AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(path), 0);
    trees_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tell_the_owner),
        cmocka_unit_test(names_of_others_are_left_alone),
        cmocka_unit_test(only_groups_of_the_dead_are_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
