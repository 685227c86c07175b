#include "reports/thief.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/reports/made.h"

static void started(struct document *d)
{
    (void)snprintf(d->started, sizeof d->started, "2026-11-28T23:59:50Z");
    d->duration_ns = 60 * MADE_S;
}

static void says(const struct document *d, enum thief_finding finding, const char *sentence)
{
    struct thief thief;
    AUTO(buf) struct buf words = { 0 };
    thief_find(d, &thief);
    thief_tell(d, &thief, &words);
    assert_string_equal(buf_text(&words), sentence);
    assert_int_equal(thief.finding, finding);
}

static void a_run_without_noise_says_nothing(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    says(&d, THIEF_NOT_ASKED, "");
    made_share(made_probe(&d, "disk.wal", ""), "disk.wal.rate", 5000, NAN, NAN);
    says(&d, THIEF_NOT_ASKED, "");
}

static void a_document_without_causes_has_the_kernels_word(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_share(stall, "noise.stall", 1, NAN, NAN);
    made_share(stall, "noise.steal", 0.137, 0.111, 0.162);
    says(&d, THIEF_REPORTED,
         "Of the CPU time 13.7 % (11.1 % to 16.2 %) is reported as stolen by the hypervisor in 6 s "
         "of quiet; who else took any was not looked for.");
    made_witness(&d);
    made_share(&d.witness, "witness.steal", 0, NAN, NAN);
    assert_int_equal(facts_set_text(&d.host, "host.steal.reported", "no", "Hyper-V has none"), 0);
    says(&d, THIEF_REPORTED,
         "Of the CPU time 13.7 % (11.1 % to 16.2 %) is reported as stolen by the hypervisor in 6 s "
         "of quiet, 0 % over the whole run of 6 s; who else took any was not looked for. This "
         "platform does not report steal: Hyper-V has none.");
}

static void the_hypervisor_that_hides_it_is_named_with_figures(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    started(&d);
    assert_int_equal(facts_set_number(&d.host, "host.cpus", 2, UNIT_COUNT, NULL), 0);
    assert_int_equal(facts_set_text(&d.host, "host.hostname", "vm-7", NULL), 0);
    assert_int_equal(facts_set_text(&d.host, "host.steal.reported", "no", "QEMU TCG has none"), 0);
    struct result *gap = made_probe(&d, "noise.gap", "");
    made_share(gap, "noise.gap.lost", 0.503, 0.49, 0.51);
    made_share(gap, "noise.gap.hypervisor", 0, 0, 0);
    made_share(gap, "noise.gap.unreported", 0.501, 0.49, 0.512);
    made_share(gap, "noise.gap.interrupts", 0.002, 0.001, 0.003);
    made_event(gap, 2 * MADE_S, 4 * MADE_MS, "gap of 4 ms", "unreported", 0);
    made_event(gap, 3 * MADE_S, 4 * MADE_MS, "gap of 4 ms", "unreported", 1);
    made_event(gap, 12 * MADE_S, 9 * MADE_MS, "gap of 9 ms", "unreported", 1);
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_share(stall, "noise.stall", 1, NAN, NAN);
    made_share(stall, "noise.stall.unreported", 0.25, NAN, NAN);
    made_share(stall, "noise.steal", 0, 0, 0);
    says(&d, THIEF_FOUND,
         "The hypervisor took 50.1 % (49 % to 51.2 %) of the CPU time in 6 s of spinning, 25 % in "
         "6 s of quiet, most of it on CPU 1, and did not report it; the longest lasted 9 ms on "
         "CPU 1 (at 12 s, 2026-11-29T00:00:02Z). The steal column of /proc/stat shows 0 % in 6 s "
         "of quiet. This platform does not report steal: QEMU TCG has none. Take this to the "
         "provider, with the name of this guest (vm-7) and the time (2026-11-28T23:59:50Z): other "
         "guests or a limit of the host had this share of its CPUs.");
}

static void reported_and_unreported_theft_are_one_hypervisors(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *gap = made_probe(&d, "noise.gap", "");
    made_share(gap, "noise.gap.lost", 0.1, NAN, NAN);
    made_share(gap, "noise.gap.hypervisor", 0.06, 0.05, 0.07);
    made_share(gap, "noise.gap.unreported", 0.01, 0, 0.02);
    made_share(gap, "noise.gap.others", 0.065, 0.05, 0.07);
    made_share(made_probe(&d, "noise.speed", ""), "noise.steal.busy", 0.06, NAN, NAN);
    made_witness(&d);
    made_share(&d.witness, "witness.steal", 0.055, NAN, NAN);
    says(&d, THIEF_FOUND,
         "The hypervisor took 7 % of the CPU time in 6 s of spinning. Besides: this guest's other "
         "processes up to 6.50 %. The steal column of /proc/stat shows 5.50 % over the whole run "
         "of 6 s and 6 % with all CPUs busy. Take this to the provider, with the name of this "
         "guest (this host) and the time (): other guests or a limit of the host had this share "
         "of its CPUs.");
}

static void own_processes_and_quotas_are_not_the_providers_doing(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_share(stall, "noise.stall", 1, NAN, NAN);
    made_share(stall, "noise.stall.others", 0.4, 0.3, 0.5);
    made_share(stall, "noise.stall.own", 0.5, 0.3, 0.5);
    made_share(stall, "noise.stall.unknown", 0.45, 0.3, 0.5);
    assert_int_equal(facts_set_text(&d.host, "witness.others.process", "mysqld", "38 %"), 0);
    says(&d, THIEF_FOUND,
         "Other processes of this guest took 40 % (30 % to 50 %) of the CPU time in 6 s of quiet. "
         "The largest of them was 'mysqld' (38 %). Besides: unknown up to 45 %. This is not the "
         "provider's doing: see what else runs here (top, pidstat), and measure again without it.");
    made_share(stall, "noise.stall.quota", 0.5, 0.49, 0.51);
    made_event(stall, 5 * MADE_S, 50 * MADE_MS, "stall", "quota", 0);
    says(&d, THIEF_FOUND,
         "The CPU quota of our own control group took 50 % (49 % to 51 %) of the CPU time in 6 s "
         "of quiet, most of it on CPU 0; the longest lasted 50 ms on CPU 0 (at 5 s). Besides: this "
         "guest's other processes up to 40 %; unknown up to 45 %. This is not the hypervisor's "
         "doing: raise or remove the quota of this control group and of those above it (cpu.max, "
         "cpu.cfs_quota_us).");
}

static void what_nothing_explains_accuses_nobody(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_share(stall, "noise.stall", 1, NAN, NAN);
    made_share(stall, "noise.stall.unknown", 0.2, NAN, NAN);
    made_share(stall, "noise.stall.hypervisor", 0.001, NAN, NAN);
    says(&d, THIEF_FOUND,
         "Something unknown took 20 % of the CPU time in 6 s of quiet. No counter of the kernel "
         "explains it, so nobody is accused.");
}

static void one_long_piece_is_worth_a_name(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_share(stall, "noise.stall", 1, NAN, NAN);
    made_share(stall, "noise.stall.hypervisor", 0.001, NAN, NAN);
    made_share(stall, "noise.stall.interrupts", 0.03, NAN, NAN);
    made_event(stall, 5 * MADE_S, 10 * MADE_MS, "stall", "hypervisor", 0);
    says(&d, THIEF_FOUND,
         "The hypervisor took 0.100 % of the CPU time in 6 s of quiet, most of it on CPU 0; the "
         "longest lasted 10 ms on CPU 0 (at 5 s). That is little, but long in one piece: take it "
         "to the provider when it comes again.");
    stall->events[0].duration_ns--;
    says(&d, THIEF_NOBODY,
         "Nobody took the CPUs: at most 3.10 % of their time was lost in 6 s of quiet; no piece of "
         "10 ms or more in 6 s (< 1800/h).");
}

static void on_a_quiet_host_the_bound_is_said(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *gap = made_probe(&d, "noise.gap", "");
    made_share(gap, "noise.gap.lost", 0.001, 0, 0.002);
    made_share(gap, "noise.gap.interrupts", 0.001, 0, 0.002);
    made_share(gap, "noise.gap.unreported", 0.0005, 0, 0.001);
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_share(stall, "noise.stall", 1, NAN, NAN);
    made_share(stall, "noise.stall.hypervisor", 0, 0, 0);
    stall->metrics[0].observed_ns = 58 * MADE_S;
    assert_int_equal(facts_set_unknown(&d.host, "host.steal.reported", "no CPUID here"), 0);
    says(&d, THIEF_NOBODY,
         "Nobody took the CPUs: at most 0.300 % of their time was lost in 6 s of spinning, nothing "
         "in 58 s of quiet; no piece of 10 ms or more in 58 s (< 187/h). Whether this platform "
         "reports steal is not known: no CPUID here.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_without_noise_says_nothing),
        cmocka_unit_test(a_document_without_causes_has_the_kernels_word),
        cmocka_unit_test(the_hypervisor_that_hides_it_is_named_with_figures),
        cmocka_unit_test(reported_and_unreported_theft_are_one_hypervisors),
        cmocka_unit_test(own_processes_and_quotas_are_not_the_providers_doing),
        cmocka_unit_test(what_nothing_explains_accuses_nobody),
        cmocka_unit_test(one_long_piece_is_worth_a_name),
        cmocka_unit_test(on_a_quiet_host_the_bound_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
