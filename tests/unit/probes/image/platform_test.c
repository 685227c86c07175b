#include "probes/image/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct machine {
    const char *machine, *platform;
};

static void machines_have_gos_names(void **state)
{
    (void)state;
    static const struct machine machines[] = {
        {"x86_64",   "linux/amd64"  },
        { "aarch64", "linux/arm64"  },
        { "armv7l",  "linux/arm/v7" },
        { "armv6l",  "linux/arm/v6" },
        { "i686",    "linux/386"    },
        { "ppc64le", "linux/ppc64le"},
        { "riscv64", "linux/riscv64"},
        { "s390x",   "linux/s390x"  },
    };
    struct platform p;
    char shown[PLATFORM_SHOWN_BYTES];
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        assert_true(platform_of_machine(machines[i].machine, &p));
        assert_string_equal(platform_show(&p, shown), machines[i].platform);
    }
    assert_false(platform_of_machine("pdp11", &p));
}

static void what_is_written_is_parsed(void **state)
{
    (void)state;
    static const char *const good[] = { "linux/amd64", "linux/arm/v7", "windows/amd64" };
    static const char *const bad[] = {
        "",           "linux",      "linux/",
        "/amd64",     "linux//v7",  "linux/arm/v7/x",
        "linux/arm/", "linux/a/b/", "linux/a_name_of_more_than_23_bytes",
    };
    struct platform p;
    struct err e;
    char shown[PLATFORM_SHOWN_BYTES];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(platform_parse(good[i], &p, &e), 0);
        assert_string_equal(platform_show(&p, shown), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(platform_parse(bad[i], &p, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
    }
}

struct rank {
    const char *wanted, *image;
    int rank;
};

static void older_variants_serve_and_newer_do_not(void **state)
{
    (void)state;
    static const struct rank ranks[] = {
        {"linux/amd64",     "linux/amd64",      0 },
        { "linux/amd64",    "linux/amd64/v1",   0 },
        { "linux/amd64",    "linux/amd64/v3",   -1},
        { "linux/amd64/v3", "linux/amd64",      2 },
        { "linux/arm64",    "linux/arm64/v8",   0 },
        { "linux/arm/v7",   "linux/arm",        0 },
        { "linux/arm/v7",   "linux/arm/v5",     2 },
        { "linux/arm/v6",   "linux/arm/v7",     -1},
        { "linux/arm",      "linux/arm64",      -1},
        { "linux/amd64",    "windows/amd64",    -1},
        { "linux/arm/v7",   "linux/arm/vx",     -1},
        { "linux/arm/vx",   "linux/arm/vx",     0 },
        { "linux/arm/v7",   "linux/arm/v",      -1},
        { "linux/arm/v7",   "linux/arm/v99999", -1},
    };
    struct platform wanted;
    struct platform image;
    struct err e;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        assert_int_equal(platform_parse(ranks[i].wanted, &wanted, &e), 0);
        assert_int_equal(platform_parse(ranks[i].image, &image, &e), 0);
        assert_int_equal(platform_rank(&wanted, &image), ranks[i].rank);
    }
}

static void what_is_shown_is_fit_to_be(void **state)
{
    (void)state;
    const struct platform hostile = { "\x1b[31m", "a'b", "" };
    const struct platform unknown = { "unknown", "unknown", "" };
    char shown[PLATFORM_SHOWN_BYTES];
    assert_string_equal(platform_show(&hostile, shown), "?[31m/a?b");
    assert_true(platform_is_unknown(&unknown));
    assert_false(platform_is_unknown(&hostile));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_have_gos_names),
        cmocka_unit_test(what_is_written_is_parsed),
        cmocka_unit_test(older_variants_serve_and_newer_do_not),
        cmocka_unit_test(what_is_shown_is_fit_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
