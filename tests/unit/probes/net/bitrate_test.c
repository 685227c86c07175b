#include "probes/net/bitrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, uint64_t want)
{
    struct err e = { 0 };
    uint64_t bytes = 0;
    assert_int_equal(bitrate_parse(text, &bytes, &e), want ? 0 : -1);
    assert_int_equal(bytes, want);
    assert_true(want || e.kind == ERR_USAGE);
}

static void rates_are_read_as_people_write_them(void **state)
{
    (void)state;
    check("20Mbit", 2500000);
    check("20 Mbit/s", 2500000);
    check("1.5Mbit", 187500);
    check("500kbit", 62500);
    check("1Gbit", 125000000);
    check("100kbit", 12500);
}

static void others_are_refused_with_an_example(void **state)
{
    static const char *const bad[] = { "",        "20",        "Mbit",   "20MB",   "-5Mbit",
                                       "0Mbit",   "20Mbit/m",  "2Gbit",  "99kbit", "nanMbit",
                                       "infGbit", "1e999Mbit", " 20Mbit" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check(bad[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_read_as_people_write_them),
        cmocka_unit_test(others_are_refused_with_an_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
