#include "probes/kit/statfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

static void the_same_file_is_read_again_and_again(void **state)
{
    static const struct tree_row rows[] = {
        {"stat", "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 0 0 10 0 0 0 5 0 0\nintr 1\n"},
    };
    struct tree t;
    struct statfile f;
    struct steal s = { 0 };
    struct err e;
    (void)state;
    assert_int_equal(tree_make(&t, rows, 1), 0);
    assert_int_equal(statfile_open(&f, t.fd, &e), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(statfile_read(&f, &s, &e), 0);
        assert_int_equal(s.count, 1);
        assert_int_equal(s.cpus[0].steal_ticks, 5);
    }
    statfile_close(&f);
    statfile_close(&f);
    steal_release(&s);
    tree_remove(&t);
}

static void a_missing_file_is_an_error_that_names_it(void **state)
{
    struct tree t;
    struct statfile f;
    struct err e;
    (void)state;
    assert_int_equal(tree_make(&t, NULL, 0), 0);
    assert_int_equal(statfile_open(&f, t.fd, &e), -1);
    assert_non_null(strstr(e.msg, "/proc/stat"));
    statfile_close(&f);
    tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_file_is_read_again_and_again),
        cmocka_unit_test(a_missing_file_is_an_error_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
