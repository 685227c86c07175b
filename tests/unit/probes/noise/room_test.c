#include "probes/noise/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

static void available_memory_is_parsed(void **state)
{
    (void)state;
    assert_int_equal(room_parse_available("MemTotal: 9 kB\nMemAvailable:    1000 kB\n"), 1024000);
    assert_int_equal(room_parse_available("MemTotal: 9 kB\n"), 0);
    assert_int_equal(room_parse_available("MemAvailable: 99999999999999999999 kB\n"), 0);
    assert_int_equal(room_parse_available(""), 0);
}

static const struct tree_row rows[] = {
    {"fs/cgroup/memory.max",                          "max\n"                },
    { "fs/cgroup/a/memory.max",                       "300\n"                },
    { "fs/cgroup/a/b/memory.max",                     "700\n"                },
    { "fs/cgroup/memory/memory.limit_in_bytes",       "9223372036854771712\n"},
    { "fs/cgroup/memory/x/memory.limit_in_bytes",     "500\n"                },
    { "fs/cgroup/memory/x/y.z/memory.limit_in_bytes", "400\n"                },
    { "meminfo",                                      "MemAvailable: 1 kB\n" },
    { "self/cgroup",                                  "0::/a/b\n"            },
};

static void check(const char *cgroups, uint64_t want)
{
    struct tree t;
    assert_int_equal(tree_make(&t, rows, sizeof rows / sizeof rows[0]), 0);
    assert_int_equal(room_limit_bytes(t.fd, cgroups), want);
    tree_remove(&t);
}

static void the_smallest_limit_on_the_way_up_counts(void **state)
{
    (void)state;
    check("0::/a/b\n", 300);
    check("0::/a\n", 300);
    check("0::/a/b/gone\n", 300);
    check("9:cpu:/q\n4:memory:/x/y.z\n0::/\n", 400);
    check("4:hugetlb,memory:/x\n", 500);
    check("4:memory:/\n", 9223372036854771712U);
    check("0::/\n", UINT64_MAX);
    check("4:memory2,xmemory:/x\n", UINT64_MAX);
}

static void texts_that_are_no_cgroup_file_limit_nothing(void **state)
{
    (void)state;
    check("", UINT64_MAX);
    check("0:", UINT64_MAX);
    check("0::", UINT64_MAX);
    check("::\n:\nmemory", UINT64_MAX);
    check("4:memory:x\n", UINT64_MAX);
}

static void a_container_has_the_room_of_its_group(void **state)
{
    struct tree t;
    (void)state;
    assert_int_equal(tree_make(&t, rows, sizeof rows / sizeof rows[0]), 0);
    assert_int_equal(room_bytes(t.fd, t.fd), 300);
    tree_remove(&t);
    assert_int_equal(tree_make(&t, rows, sizeof rows / sizeof rows[0] - 1), 0);
    assert_int_equal(room_bytes(t.fd, t.fd), 1024);
    tree_remove(&t);
    assert_int_equal(tree_make(&t, rows, 0), 0);
    assert_int_equal(room_bytes(t.fd, t.fd), 0);
    tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(available_memory_is_parsed),
        cmocka_unit_test(the_smallest_limit_on_the_way_up_counts),
        cmocka_unit_test(texts_that_are_no_cgroup_file_limit_nothing),
        cmocka_unit_test(a_container_has_the_room_of_its_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
