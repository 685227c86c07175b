/*
 * cpuid: what the processor says of the hypervisor under it. Nothing is known on other processors
 * than x86. SOURCE: Intel SDM 2A, CPUID.1:ECX[31]; the vendor at leaf 0x40000000 as every x86
 * hypervisor fills it; Linux Documentation/virt/kvm/x86/cpuid.rst (leaf 0x40000001).
 */
#ifndef PROBES_KIT_CPUID_H
#define PROBES_KIT_CPUID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    CPUID_VENDOR_BYTES = 13,
    CPUID_KVM_STEAL_TIME = 1 << 5 /* KVM_FEATURE_STEAL_TIME */
};

struct cpuid {
    bool known;                      /* this is an x86 */
    bool hypervisor;                 /* there is one */
    char vendor[CPUID_VENDOR_BYTES]; /* "KVMKVMKVM"; "" where it gives none */
    uint32_t features;               /* of the hypervisor, in its own meaning */
};

#if defined(__x86_64__) || defined(__i386__)
#    include <cpuid.h>

static inline uint32_t cpuid_vendor_at(uint32_t leaf, char vendor[CPUID_VENDOR_BYTES])
{
    uint32_t r[4] = { 0 };
    __cpuid(leaf, r[0], r[1], r[2], r[3]);
    memcpy(vendor, &r[1], 3 * sizeof r[0]);
    vendor[CPUID_VENDOR_BYTES - 1] = '\0';
    return r[0];
}

static inline struct cpuid cpuid_read(void)
{
    static const uint32_t base = 0x40000000;
    struct cpuid c = { .known = true };
    uint32_t r[4] = { 0 };
    __cpuid(1, r[0], r[1], r[2], r[3]);
    c.hypervisor = (r[2] >> 31) & 1U;
    if (!c.hypervisor)
        return c;
    uint32_t from = base;
    (void)cpuid_vendor_at(base, c.vendor);
    /* KVM and Xen that imitate Hyper-V for Windows guests say who they are 0x100 leaves further. */
    char second[CPUID_VENDOR_BYTES];
    uint32_t last = cpuid_vendor_at(base + 0x100, second);
    if (strcmp(c.vendor, "Microsoft Hv") == 0 && last >= base + 0x100 &&
        (strncmp(second, "KVM", 3) == 0 || strncmp(second, "Xen", 3) == 0)) {
        memcpy(c.vendor, second, sizeof second);
        from += 0x100;
    }
    __cpuid(from + 1, c.features, r[1], r[2], r[3]);
    return c;
}

#else

static inline struct cpuid cpuid_read(void)
{
    return (struct cpuid){ 0 };
}

#endif
#endif
