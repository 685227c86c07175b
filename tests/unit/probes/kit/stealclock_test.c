#include "probes/kit/stealclock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static const struct cpuid no_vendor = { .known = true };

static struct stealclock of(const char *virt, const char *container, const struct cpuid *cpuid)
{
    struct stealclock s;
    struct virt v = { 0 };
    struct container c = { 0 };
    (void)snprintf(v.name, sizeof v.name, "%s", virt);
    (void)snprintf(c.name, sizeof c.name, "%s", container);
    stealclock_of(&v, &c, cpuid, &s);
    assert_true(s.why[0] != '\0');
    return s;
}

static void a_kvm_guest_is_told_by_the_feature_bit(void **state)
{
    (void)state;
    struct cpuid kvm = { .known = true, .hypervisor = true, .vendor = "KVMKVMKVM" };
    assert_int_equal(of("kvm", "none", &kvm).answer, STEALCLOCK_NO);
    kvm.features = CPUID_KVM_STEAL_TIME;
    assert_int_equal(of("kvm", "none", &kvm).answer, STEALCLOCK_YES);
    assert_int_equal(of("amazon", "none", &kvm).answer, STEALCLOCK_YES);
    assert_true(of("kvm", "none", &kvm).is_virtual);
    kvm.vendor[0] = '\0';
    assert_int_equal(of("kvm", "none", &no_vendor).answer, STEALCLOCK_UNKNOWN); /* ARM */
}

static void other_hypervisors_are_known_by_name(void **state)
{
    (void)state;
    assert_int_equal(of("xen", "none", &no_vendor).answer, STEALCLOCK_YES);
    assert_int_equal(of("microsoft", "none", &no_vendor).answer, STEALCLOCK_NO);
    assert_int_equal(of("qemu", "none", &no_vendor).answer, STEALCLOCK_NO);
    assert_int_equal(of("vmware", "none", &no_vendor).answer, STEALCLOCK_UNKNOWN);
    assert_int_equal(of("bhyve", "none", &no_vendor).answer, STEALCLOCK_UNKNOWN);
}

static void a_machine_of_its_own_needs_none(void **state)
{
    (void)state;
    struct stealclock s = of("none", "none", &no_vendor);
    assert_int_equal(s.answer, STEALCLOCK_NEEDLESS);
    assert_false(s.is_virtual);
    assert_false(stealclock_host(&s).reports_steal);
    assert_string_equal(stealclock_word(s.answer), "no hypervisor");
}

static void a_shared_kernel_says_nothing_of_one_container(void **state)
{
    (void)state;
    struct cpuid kvm = {
        .known = true, .hypervisor = true, .vendor = "KVMKVMKVM", .features = CPUID_KVM_STEAL_TIME
    };
    assert_int_equal(of("kvm", "lxc", &kvm).answer, STEALCLOCK_NO);
    assert_int_equal(of("none", "openvz", &no_vendor).answer, STEALCLOCK_NO);
    assert_int_equal(of("kvm", "docker", &kvm).answer, STEALCLOCK_YES);
}

static void recorded_trees_are_read(void **state)
{
    (void)state;
    struct stealclock s;
    struct trees t = trees_open("xen");
    stealclock_find(t.proc_fd, t.sys_fd, &no_vendor, &s);
    trees_close(&t);
    assert_int_equal(s.answer, STEALCLOCK_YES);
    struct cause_host h = stealclock_host(&s);
    assert_true(h.is_virtual);
    assert_true(h.reports_steal);
    assert_true(h.tick_ns > 0);
    t = trees_open("lxc-unprivileged");
    stealclock_find(t.proc_fd, t.sys_fd, &no_vendor, &s);
    trees_close(&t);
    assert_int_equal(s.answer, STEALCLOCK_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kvm_guest_is_told_by_the_feature_bit),
        cmocka_unit_test(other_hypervisors_are_known_by_name),
        cmocka_unit_test(a_machine_of_its_own_needs_none),
        cmocka_unit_test(a_shared_kernel_says_nothing_of_one_container),
        cmocka_unit_test(recorded_trees_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
