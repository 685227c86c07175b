#include "probes/host/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static void check_name(const char *text, const char *want)
{
    char name[64];
    assert_int_equal(system_parse_release(text, name, sizeof name), 0);
    assert_string_equal(name, want);
}

static void distributions_name_themselves(void **state)
{
    (void)state;
    check_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
               "Debian GNU/Linux 12 (bookworm)");
    check_name("NAME='Alpine Linux'\nVERSION_ID=3.20.1\n", "Alpine Linux 3.20.1");
    check_name("NAME=Void\n", "Void");
    check_name("PRETTY_NAME=\"A \\\"quoted\\\" name\"\n", "A \"quoted\" name");
    check_name("PRETTY_NAME=\"never closed\nNAME=x\n", "never closed");
}

static void a_file_without_a_name_is_refused(void **state)
{
    (void)state;
    char name[64];
    assert_int_equal(system_parse_release("", name, sizeof name), -1);
    assert_int_equal(system_parse_release("ID=debian\n", name, sizeof name), -1);
    assert_int_equal(system_parse_release("PRETTY_NAME=\nNAME=\"\"\n", name, sizeof name), -1);
    assert_int_equal(system_parse_release("PRETTY_NAME=\\", name, sizeof name), 0);
}

static void a_guest_is_described(void **state)
{
    (void)state;
    static const struct cpuid kvm = { .known = true, .hypervisor = true, .vendor = "KVMKVMKVM" };
    struct facts f = { 0 };
    struct trees t = trees_open("kvm-debian");
    system_state(t.proc_fd, t.sys_fd, &kvm, &f);
    assert_string_equal(facts_find(&f, "host.os")->text, "Debian GNU/Linux 12 (bookworm)");
    assert_string_equal(facts_find(&f, "host.hostname")->text, "droplet");
    assert_string_equal(facts_find(&f, "host.virtualization")->text, "kvm");
    assert_string_equal(facts_find(&f, "host.product")->text, "DigitalOcean Droplet");
    assert_string_equal(facts_find(&f, "host.container")->text, "none");
    assert_string_equal(facts_find(&f, "host.userns")->text, "no");
    assert_string_equal(facts_find(&f, "host.steal.reported")->text, "no");
    assert_int_equal(system_state_kernel(t.proc_fd, &f), 6001);
    assert_string_equal(facts_find(&f, "host.kernel.release")->text, "6.1.0-28-cloud-amd64");
    assert_string_equal(facts_find(&f, "host.kernel.options")->text,
                        "NAMESPACES NET_NS OVERLAY_FS");
    facts_release(&f);
    trees_close(&t);
}

static void a_container_of_users_is_a_user_namespace(void **state)
{
    (void)state;
    static const struct cpuid none = { .known = true };
    struct facts f = { 0 };
    struct trees t = trees_open("lxc-unprivileged");
    system_state(t.proc_fd, t.sys_fd, &none, &f);
    assert_string_equal(facts_find(&f, "host.container")->text, "lxc");
    assert_string_equal(facts_find(&f, "host.userns")->text, "yes");
    facts_release(&f);
    trees_close(&t);
}

static void a_kernel_without_a_config_has_unknown_options(void **state)
{
    (void)state;
    struct facts f = { 0 };
    struct trees t = trees_open("openvz");
    assert_int_equal(system_state_kernel(t.proc_fd, &f), 2006);
    assert_int_equal(facts_find(&f, "host.kernel.options")->kind, FACT_UNKNOWN);
    facts_release(&f);
    trees_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_name_themselves),
        cmocka_unit_test(a_file_without_a_name_is_refused),
        cmocka_unit_test(a_guest_is_described),
        cmocka_unit_test(a_container_of_users_is_a_user_namespace),
        cmocka_unit_test(a_kernel_without_a_config_has_unknown_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
