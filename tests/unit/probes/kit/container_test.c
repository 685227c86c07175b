#include "probes/kit/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static struct container find(const char *tree)
{
    struct container c;
    struct trees t = trees_open(tree);
    container_find(t.proc_fd, t.sys_fd, &c);
    trees_close(&t);
    return c;
}

static void check(const char *tree, const char *name, bool user_namespace)
{
    struct container c = find(tree);
    assert_string_equal(c.name, name);
    assert_int_equal(c.user_namespace, user_namespace);
    assert_true(c.why[0] != '\0');
}

static void machines_are_no_containers(void **state)
{
    (void)state;
    check("kvm-debian", "none", false);
    check("metal", "none", false);
    check("xen", "none", false);
    check("empty", "none", false);
}

static void openvz_is_told_from_its_host_and_from_cloudlinux(void **state)
{
    (void)state;
    check("openvz", "openvz", false);
    check("openvz-host", "none", false);
    check("openvz-zero", "none", false);
    check("cloudlinux", "none", false);
}

static void lxc_is_named_by_the_environment_of_its_init(void **state)
{
    (void)state;
    check("lxc-unprivileged", "lxc", true);
}

static void docker_and_podman_are_known_by_their_files(void **state)
{
    (void)state;
    check("docker", "docker", false);
    check("podman", "podman", true);
}

static void managers_name_themselves(void **state)
{
    (void)state;
    check("nspawn", "systemd-nspawn", false);
    check("wsl", "wsl", false);
}

static void a_cgroup_root_that_is_a_group_is_a_container(void **state)
{
    (void)state;
    check("container-other", "container-other", false);
}

static void a_dockerenv_in_a_machines_own_namespaces_is_a_leftover(void **state)
{
    (void)state;
    struct container c = find("firecracker");
    assert_string_equal(c.name, "none");
    assert_non_null(strstr(c.why, "leftover"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_are_no_containers),
        cmocka_unit_test(openvz_is_told_from_its_host_and_from_cloudlinux),
        cmocka_unit_test(lxc_is_named_by_the_environment_of_its_init),
        cmocka_unit_test(docker_and_podman_are_known_by_their_files),
        cmocka_unit_test(managers_name_themselves),
        cmocka_unit_test(a_cgroup_root_that_is_a_group_is_a_container),
        cmocka_unit_test(a_dockerenv_in_a_machines_own_namespaces_is_a_leftover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
