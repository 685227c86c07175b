#include "probes/kit/throttle.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static struct throttle_group groups[THROTTLE_HIERARCHIES];

static const char v2_mounts[] =
    "29 26 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

static const char v1_mounts[] =
    "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "33 30 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "32 30 0:29 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"
    "31 30 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static void found(const char *cgroups, const char *mounts, unsigned count)
{
    assert_int_equal(throttle_find(cgroups, mounts, groups), count);
}

static void version_two_has_one_place(void **state)
{
    (void)state;
    found("0::/system.slice/run-7.service\n", v2_mounts, 1);
    assert_string_equal(groups[0].mount, "/sys/fs/cgroup");
    assert_string_equal(groups[0].path, "/system.slice/run-7.service");
}

static void the_root_group_is_the_mount(void **state)
{
    (void)state;
    found("0::/\n", v2_mounts, 1);
    assert_string_equal(groups[0].path, "");
}

static void version_one_is_found_among_the_controllers_and_mounts(void **state)
{
    (void)state;
    static const char text[] = "9:name=systemd:/a\n5:cpuset:/b\n3:cpuacct,cpu:/c\n2:cpuacct:/d\n";
    found(text, v1_mounts, 1);
    assert_string_equal(groups[0].mount, "/sys/fs/cgroup/cpu");
    assert_string_equal(groups[0].path, "/c");
}

static void hybrid_has_both(void **state)
{
    (void)state;
    found("1:cpu:/x\n0::/y\n", v1_mounts, 2);
    assert_string_equal(groups[0].path, "/x");
    assert_string_equal(groups[1].mount, "/sys/fs/cgroup/unified");
}

static void a_mount_of_a_part_of_the_hierarchy_shortens_the_path(void **state)
{
    (void)state;
    static const char mounts[] = "1 2 0:28 /docker/1f /cg rw - cgroup cgroup rw,cpu\n";
    found("3:cpu:/docker/1f/app\n", mounts, 1);
    assert_string_equal(groups[0].mount, "/cg");
    assert_string_equal(groups[0].path, "/app");
    found("3:cpu:/docker/1f\n", mounts, 1);
    assert_string_equal(groups[0].path, "");
    found("3:cpu:/docker/1fff\n", mounts, 1); /* not below it: the mount is all that is seen */
    assert_string_equal(groups[0].path, "");
}

static void nonsense_has_none(void **state)
{
    (void)state;
    found("", v2_mounts, 0);
    found("cpu\n:\n\n0::\n0::x\n", v2_mounts, 0);
    found("0::/\n", "", 0);
    found("0::/\n", "29 26 0:27\n\n- cgroup2\n", 0);
}

static void throttled_time_is_read_from_both_versions(void **state)
{
    (void)state;
    struct throttle_now now = { 0 };
    assert_int_equal(
        throttle_add("nr_periods 10\nnr_throttled 2\nthrottled_time 1961000123\n", &now), 0);
    assert_int_equal(now.throttled_ns, 1961000123);
    assert_int_equal(now.throttles, 2);
    assert_int_equal(throttle_add("usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 10\n"
                                  "nr_throttled 3\nthrottled_usec 77\nnr_bursts 0\n",
                                  &now),
                     0);
    assert_int_equal(now.throttled_ns, 1961077123);
    assert_int_equal(now.throttles, 5);
}

static void a_group_without_the_controller_has_no_throttled_time(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "usage_usec 5\nuser_usec 3\n",
                                         "throttled_usec\n",
                                         "throttled_usec x\n",
                                         "not_throttled_usec 5\n",
                                         "throttled_usec" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct throttle_now now = { 0 };
        assert_int_equal(throttle_add(texts[i], &now), -1);
        assert_int_equal(now.throttled_ns, 0);
    }
}

static int opened(const char *tree, const char *part)
{
    char path[160];
    (void)snprintf(path, sizeof path, "tests/unit/probes/kit/fixtures/%s/%s", tree, part);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("open '%s' (run from the root of the sources)", path);
    return fd;
}

static void read_tree(const char *tree, unsigned count, uint64_t ns, uint64_t throttles)
{
    AUTO_CLOSE int proc = opened(tree, "proc");
    AUTO_CLOSE int sys = opened(tree, "sys");
    AUTO(throttle) struct throttle t = THROTTLE_NONE;
    struct throttle_now now;
    struct err e;
    assert_int_equal(throttle_open(&t, proc, sys, &e), 0);
    assert_int_equal(t.count, count);
    assert_int_equal(throttle_read(&t, &now), 0);
    assert_int_equal(now.throttled_ns, ns);
    assert_int_equal(now.throttles, throttles);
}

static void a_quota_above_us_counts_as_ours(void **state)
{
    (void)state;
    read_tree("throttle-v2", 3, UINT64_C(390000000), 9); /* the root has none */
}

static void a_container_of_version_one_sees_its_own(void **state)
{
    (void)state;
    read_tree("throttle-v1-docker", 1, UINT64_C(106499000123), 2130);
}

static void a_host_without_groups_says_so(void **state)
{
    (void)state;
    AUTO_CLOSE int proc = opened("proc-old", ".");
    struct throttle t;
    struct throttle_now now;
    struct err e;
    assert_int_equal(throttle_open(&t, proc, -1, &e), -1);
    assert_true(e.msg[0] != '\0');
    assert_int_equal(throttle_read(&t, &now), -1);
    throttle_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_two_has_one_place),
        cmocka_unit_test(the_root_group_is_the_mount),
        cmocka_unit_test(version_one_is_found_among_the_controllers_and_mounts),
        cmocka_unit_test(hybrid_has_both),
        cmocka_unit_test(a_mount_of_a_part_of_the_hierarchy_shortens_the_path),
        cmocka_unit_test(nonsense_has_none),
        cmocka_unit_test(throttled_time_is_read_from_both_versions),
        cmocka_unit_test(a_group_without_the_controller_has_no_throttled_time),
        cmocka_unit_test(a_quota_above_us_counts_as_ours),
        cmocka_unit_test(a_container_of_version_one_sees_its_own),
        cmocka_unit_test(a_host_without_groups_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
