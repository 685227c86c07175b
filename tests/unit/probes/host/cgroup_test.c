#include "probes/host/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static void check(const char *tree, unsigned kernel, const char *version, const char *controllers)
{
    struct facts f = { 0 };
    struct trees t = trees_open(tree);
    cgroup_state(t.proc_fd, t.sys_fd, kernel, &f);
    const struct fact *v = facts_find(&f, "host.cgroup.version");
    const struct fact *c = facts_find(&f, "host.cgroup.controllers");
    assert_non_null(v);
    assert_non_null(c);
    assert_string_equal(v->text, version);
    assert_int_equal(c->kind, controllers ? FACT_LIST : FACT_UNKNOWN);
    if (controllers)
        assert_string_equal(c->text, controllers);
    facts_release(&f);
    trees_close(&t);
}

static void version_2_has_devices_and_freezer_by_the_kernel(void **state)
{
    (void)state;
    check("kvm-debian", 6001, "2", "cpuset cpu io memory hugetlb pids rdma misc devices freezer");
    check("docker", 4019, "2", "cpu memory pids devices");
    check("docker", 4014, "2", "cpu memory pids");
    check("docker", 0, "2", "cpu memory pids");
}

static void version_1_is_what_its_mounts_say(void **state)
{
    (void)state;
    check("openvz", 2006, "1", "cpuacct devices freezer memory");
    check("xen", 4014, "1",
          "cpu cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls net_prio "
          "perf_event");
}

static void both_at_once_is_hybrid(void **state)
{
    (void)state;
    check("firecracker", 6018, "hybrid", "cpu cpuacct memory devices freezer blkio pids");
}

static void nothing_mounted_is_none(void **state)
{
    (void)state;
    check("uml", 6006, "none", "");
}

static void a_tree_without_its_file_is_unknown(void **state)
{
    (void)state;
    check("wsl", 5015, "2", NULL);
}

static void mount_points_are_kept_for_the_trying(void **state)
{
    (void)state;
    struct cgroup c = { 0 };
    cgroup_parse_mounts("cgroup /a cgroup rw,cpu,cpuacct 0 0\ncgroup /b cgroup rw,pids 0 0\n"
                        "cgroup2 /c cgroup2 rw 0 0\ncgroup2 /d cgroup2 rw 0 0\n",
                        &c);
    assert_string_equal(c.cpu_mount, "/a");
    assert_string_equal(c.pids_mount, "/b");
    assert_string_equal(c.v2_mount, "/c");
}

static void lines_that_are_no_mounts_are_passed_over(void **state)
{
    (void)state;
    struct cgroup c = { 0 };
    cgroup_parse_mounts("\n\ncgroup\ncgroup /x\ncgroup /x cgroup\ncgroup /x cgroup \n"
                        "cgroup /x cgroup name=systemd 0 0\n /x cgroup2 rw",
                        &c);
    assert_string_equal(cgroup_version(&c), "none");
    assert_string_equal(c.controllers, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2_has_devices_and_freezer_by_the_kernel),
        cmocka_unit_test(version_1_is_what_its_mounts_say),
        cmocka_unit_test(both_at_once_is_hybrid),
        cmocka_unit_test(nothing_mounted_is_none),
        cmocka_unit_test(a_tree_without_its_file_is_unknown),
        cmocka_unit_test(mount_points_are_kept_for_the_trying),
        cmocka_unit_test(lines_that_are_no_mounts_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
