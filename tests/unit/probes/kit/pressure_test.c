#include "probes/kit/pressure.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static int recorded(const char *tree)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "tests/unit/probes/kit/fixtures/%s", tree);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        fail_msg("open '%s' (run from the root of the sources)", path);
    }
    return fd;
}

static void totals_are_read_for_every_resource(void **state)
{
    (void)state;
    AUTO_CLOSE int proc = recorded("proc-guest");
    struct pressure p;
    pressure_read(proc, &p);
    assert_true(p.present[PRESSURE_CPU]);
    assert_int_equal(p.some_us[PRESSURE_CPU], 105165733);
    assert_int_equal(p.full_us[PRESSURE_CPU], 0);
    assert_true(p.present[PRESSURE_IO]);
    assert_int_equal(p.some_us[PRESSURE_IO], 8012345);
    assert_int_equal(p.full_us[PRESSURE_IO], 7123456);
    assert_true(p.has_full[PRESSURE_IO]);
    assert_true(p.present[PRESSURE_MEMORY]);
    assert_int_equal(p.some_us[PRESSURE_MEMORY], 17);
    assert_int_equal(p.full_us[PRESSURE_MEMORY], 9);
}

static void kernel_without_psi_leaves_all_absent_and_zero(void **state)
{
    (void)state;
    AUTO_CLOSE int proc = recorded("proc-old");
    struct pressure p = {
        .present = {true, true, true},
          .some_us = { 1,   2,    3   }
    };
    pressure_read(proc, &p);
    for (int i = 0; i < PRESSURE_KINDS; i++) {
        assert_false(p.present[i]);
        assert_int_equal(p.some_us[i], 0);
        assert_int_equal(p.full_us[i], 0);
        assert_false(p.has_full[i]);
    }
}

static void kernel_without_a_full_line_for_cpus_is_read(void **state)
{
    (void)state;
    uint64_t some = 0;
    uint64_t full = 7;
    struct err e;
    assert_int_equal(
        pressure_parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=42\n", &some, &full, &e), 0);
    assert_int_equal(some, 42);
    assert_true(full == UINT64_MAX);
}

static void text_that_is_cut_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "some",
        "some avg10=0.00",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=-5",
        "some avg10=0.00\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
        "awesome total=5\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint64_t some = 1;
        uint64_t full = 1;
        struct err e;
        assert_int_equal(pressure_parse(texts[i], &some, &full, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
        assert_int_equal(some, 0);
    }
}

static void open_files_tell_the_same_again_and_again(void **state)
{
    (void)state;
    AUTO_CLOSE int proc = recorded("proc-guest");
    struct pressure_files files;
    struct pressure want;
    struct pressure got;
    struct err e;
    pressure_read(proc, &want);
    assert_int_equal(pressure_open(proc, &files, &e), 0);
    for (unsigned i = 0; i < 2; i++) {
        pressure_look(&files, &got);
        for (unsigned k = 0; k < PRESSURE_KINDS; k++) {
            assert_int_equal(got.present[k], want.present[k]);
            assert_int_equal(got.some_us[k], want.some_us[k]);
            assert_int_equal(got.full_us[k], want.full_us[k]);
            assert_int_equal(got.has_full[k], want.has_full[k]);
        }
    }
    pressure_close(&files);
    pressure_close(&files);
    pressure_look(&files, &got);
    assert_false(got.present[PRESSURE_CPU]);
}

static void a_kernel_without_psi_says_the_remedy(void **state)
{
    (void)state;
    struct pressure_files files;
    struct err e;
    assert_int_equal(pressure_open(-1, &files, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "psi=1"));
    pressure_close(&files);
}

static void a_ratio_is_of_the_time_between_two_totals(void **state)
{
    (void)state;
    assert_true(pressure_ratio(100, 350, 1000000) == 0.25);
    assert_true(pressure_ratio(100, 100, 1000000) == 0);
    assert_true(pressure_ratio(0, 2000, 1000000) == 1);
    assert_true(isnan(pressure_ratio(200, 100, 1000000)));
    assert_true(isnan(pressure_ratio(100, 200, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_read_for_every_resource),
        cmocka_unit_test(kernel_without_psi_leaves_all_absent_and_zero),
        cmocka_unit_test(kernel_without_a_full_line_for_cpus_is_read),
        cmocka_unit_test(text_that_is_cut_is_an_error),
        cmocka_unit_test(open_files_tell_the_same_again_and_again),
        cmocka_unit_test(a_kernel_without_psi_says_the_remedy),
        cmocka_unit_test(a_ratio_is_of_the_time_between_two_totals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
