#include "probes/noise/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

static void sizes_are_parsed(void **state)
{
    (void)state;
    assert_int_equal(cache_parse_size("48K"), 48 << 10);
    assert_int_equal(cache_parse_size("107520K"), UINT64_C(107520) << 10);
    assert_int_equal(cache_parse_size("24M"), 24 << 20);
    assert_int_equal(cache_parse_size(""), 0);
    assert_int_equal(cache_parse_size("K"), 0);
    assert_int_equal(cache_parse_size("-1K"), 0);
    assert_int_equal(cache_parse_size("48"), 0);
    assert_int_equal(cache_parse_size("48KB"), 0);
    assert_int_equal(cache_parse_size("99999999999999999999K"), 0);
}

#define INDEX(cpu, index, of_level, of_size)                                                       \
    { "devices/system/cpu/cpu" cpu "/cache/index" index "/level", of_level "\n" },                 \
    {                                                                                              \
        "devices/system/cpu/cpu" cpu "/cache/index" index "/size", of_size "\n"                    \
    }

static void the_largest_cache_of_the_highest_level_counts(void **state)
{
    static const struct tree_row rows[] = {
        INDEX("0", "0", "1", "32K"),    INDEX("0", "1", "1", "32K"),
        INDEX("0", "2", "2", "1024K"),  INDEX("0", "3", "3", "32768K"),
        INDEX("5", "0", "1", "48K"),    INDEX("5", "2", "2", "2048K"),
        INDEX("5", "3", "3", "65536K"), INDEX("7", "2", "2", "131072K"),
    };
    static const uint32_t all[] = { 0, 5, 7 };
    struct tree t;
    (void)state;
    assert_int_equal(tree_make(&t, rows, sizeof rows / sizeof rows[0]), 0);
    assert_int_equal(cache_last_level_bytes(t.fd, all, 3), 64 << 20);
    assert_int_equal(cache_last_level_bytes(t.fd, all, 1), 32 << 20);
    assert_int_equal(cache_last_level_bytes(t.fd, &all[2], 1), 128 << 20);
    assert_int_equal(cache_last_level_bytes(t.fd, all, 0), 0);
    tree_remove(&t);
}

/* Firecracker and many containers. */
static void a_kernel_that_tells_of_no_cache(void **state)
{
    static const struct tree_row rows[] = {
        {"devices/system/cpu/online",                   "0-1\n"},
        { "devices/system/cpu/cpu0/cache/index0/level", "3\n"  },
        { "devices/system/cpu/cpu0/cache/index0/size",  "\n"   },
        { "devices/system/cpu/cpu0/cache/index1/level", "x\n"  },
    };
    static const uint32_t cpus[] = { 0, 1 };
    struct tree t;
    (void)state;
    assert_int_equal(tree_make(&t, rows, sizeof rows / sizeof rows[0]), 0);
    assert_int_equal(cache_last_level_bytes(t.fd, cpus, 2), 0);
    tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_parsed),
        cmocka_unit_test(the_largest_cache_of_the_highest_level_counts),
        cmocka_unit_test(a_kernel_that_tells_of_no_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
