#include "probes/kit/virt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static const struct cpuid none = { .known = true };
static const struct cpuid kvm = { .known = true, .hypervisor = true, .vendor = "KVMKVMKVM" };
static const struct cpuid xen = { .known = true, .hypervisor = true, .vendor = "XenVMMXenVMM" };
static const struct cpuid hyperv = { .known = true, .hypervisor = true, .vendor = "Microsoft Hv" };
static const struct cpuid odd = { .known = true, .hypervisor = true, .vendor = "NovaNovaNova" };
static const struct cpuid not_x86 = { .known = false };

static struct virt find(const char *tree, const struct cpuid *cpuid)
{
    struct virt v;
    struct trees t = trees_open(tree);
    virt_find(t.proc_fd, t.sys_fd, cpuid, &v);
    trees_close(&t);
    return v;
}

static void check(const char *tree, const struct cpuid *cpuid, const char *name,
                  const char *product)
{
    struct virt v = find(tree, cpuid);
    assert_string_equal(v.name, name);
    assert_string_equal(v.product, product);
    assert_true(v.why[0] != '\0');
}

static void a_kvm_guest_is_named_by_cpuid_and_sold_by_dmi(void **state)
{
    (void)state;
    check("kvm-debian", &kvm, "kvm", "DigitalOcean Droplet");
}

static void firecracker_is_a_kvm_with_an_acpi_name(void **state)
{
    (void)state;
    check("firecracker", &kvm, "kvm", "Firecracker");
}

static void xen_is_told_by_dmi_before_cpuid(void **state)
{
    (void)state;
    check("xen", &xen, "xen", "Xen HVM domU");
    check("xen", &hyperv, "xen", "Xen HVM domU");
}

static void xens_domain_0_is_on_the_machine_itself(void **state)
{
    (void)state;
    check("xen-dom0", &xen, "none", "Supermicro X11SSL-F");
}

static void amazons_metal_is_no_virtual_machine(void **state)
{
    (void)state;
    check("ec2-metal", &none, "none", "Amazon EC2 m5.metal");
    check("ec2-nitro", &kvm, "amazon", "Amazon EC2 t3.small");
}

static void a_hyperv_imitation_is_believed_last(void **state)
{
    (void)state;
    check("docker", &hyperv, "qemu", "QEMU Standard PC (i440FX + PIIX, 1996)");
    check("wsl", &hyperv, "microsoft", "");
}

static void bare_metal_is_none(void **state)
{
    (void)state;
    check("metal", &none, "none", "Hetzner");
    check("lxc-unprivileged", &none, "none", "Dell Inc. PowerEdge R640");
}

static void an_unknown_hypervisor_is_other(void **state)
{
    (void)state;
    check("metal", &odd, "vm-other", "Hetzner");
    check("smbios", &none, "vm-other", "");
}

static void processors_without_cpuid_are_judged_by_their_trees(void **state)
{
    (void)state;
    check("arm-kvm", &not_x86, "kvm", "linux,dummy-virt");
    check("uml", &not_x86, "uml", "");
    check("empty", &not_x86, "none", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kvm_guest_is_named_by_cpuid_and_sold_by_dmi),
        cmocka_unit_test(firecracker_is_a_kvm_with_an_acpi_name),
        cmocka_unit_test(xen_is_told_by_dmi_before_cpuid),
        cmocka_unit_test(xens_domain_0_is_on_the_machine_itself),
        cmocka_unit_test(amazons_metal_is_no_virtual_machine),
        cmocka_unit_test(a_hyperv_imitation_is_believed_last),
        cmocka_unit_test(bare_metal_is_none),
        cmocka_unit_test(an_unknown_hypervisor_is_other),
        cmocka_unit_test(processors_without_cpuid_are_judged_by_their_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
