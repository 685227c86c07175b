#include "probes/kit/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char paths[THROTTLE_PATHS][THROTTLE_PATH_BYTES];

static void version_two_has_one_place(void **state)
{
    (void)state;
    assert_int_equal(throttle_paths("0::/system.slice/run-7.service\n", paths), 1);
    assert_string_equal(paths[0], "/sys/fs/cgroup/system.slice/run-7.service/cpu.stat");
}

static void the_root_group_is_not_doubled(void **state)
{
    (void)state;
    assert_int_equal(throttle_paths("0::/\n", paths), 1);
    assert_string_equal(paths[0], "/sys/fs/cgroup/cpu.stat");
}

static void version_one_is_found_among_the_controllers(void **state)
{
    (void)state;
    static const char text[] = "9:name=systemd:/a\n5:cpuset:/b\n3:cpuacct,cpu:/c\n2:cpuacct:/d\n";
    assert_int_equal(throttle_paths(text, paths), 1);
    assert_string_equal(paths[0], "/sys/fs/cgroup/cpuacct,cpu/c/cpu.stat");
}

static void hybrid_has_both(void **state)
{
    (void)state;
    assert_int_equal(throttle_paths("1:cpu:/x\n0::/y\n", paths), 2);
    assert_string_equal(paths[0], "/sys/fs/cgroup/cpu/x/cpu.stat");
    assert_string_equal(paths[1], "/sys/fs/cgroup/y/cpu.stat");
}

static void nonsense_has_none(void **state)
{
    (void)state;
    assert_int_equal(throttle_paths("", paths), 0);
    assert_int_equal(throttle_paths("cpu\n:\n\n", paths), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_two_has_one_place),
        cmocka_unit_test(the_root_group_is_not_doubled),
        cmocka_unit_test(version_one_is_found_among_the_controllers),
        cmocka_unit_test(hybrid_has_both),
        cmocka_unit_test(nonsense_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
