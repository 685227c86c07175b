#include "probes/host/oversell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

static struct facts stated;

static void state_rows(const struct tree_row *rows, size_t count, const char *virt,
                       double counter_rate)
{
    struct tree t;
    assert_int_equal(tree_make(&t, rows, count), 0);
    struct oversell_host h = { .proc_fd = t.fd,
                               .sys_fd = t.fd,
                               .page_bytes = 4096,
                               .virt = virt,
                               .counter_rate = counter_rate };
    facts_release(&stated);
    oversell_state(&h, &stated);
    tree_remove(&t);
}

#define STATE(rows, virt, rate) state_rows(rows, sizeof(rows) / sizeof((rows)[0]), virt, rate)

static void check_text(const char *name, const char *want, const char *reason)
{
    const struct fact *fact = facts_find(&stated, name);
    assert_non_null(fact);
    assert_int_equal(fact->kind, FACT_TEXT);
    assert_string_equal(fact->text, want);
    if (reason)
        assert_true(fact->reason && strstr(fact->reason, reason));
    else
        assert_null(fact->reason);
}

static void check_number(const char *name, double want)
{
    const struct fact *fact = facts_find(&stated, name);
    assert_non_null(fact);
    assert_int_equal(fact->kind, FACT_NUMBER);
    assert_true(fact->number == want);
}

static void check_unknown(const char *name, const char *reason)
{
    const struct fact *fact = facts_find(&stated, name);
    assert_non_null(fact);
    assert_int_equal(fact->kind, FACT_UNKNOWN);
    assert_non_null(strstr(fact->reason, reason));
}

static void check_model(const char *model, const char *want)
{
    const char *why = "?";
    assert_string_equal(oversell_disclosed(model, &why), want);
    assert_int_equal(why == NULL, strcmp(want, "yes") == 0);
}

static void names_that_hide_the_processor(void **state)
{
    (void)state;
    check_model("QEMU Virtual CPU version 2.5+", "no");
    check_model("QEMU TCG CPU version 2.5+", "no");
    check_model("Common KVM processor", "no");
    check_model("Common 32-bit KVM processor", "no");
    check_model("DO-Regular Intel(R) CPU", "no");
    check_model("AMD EPYC", "no");
    check_model("Intel(R) Xeon(R) Processor @ 2.50GHz", "no");
    check_model("Intel(R) Xeon(R) CPU @ 2.20GHz", "no");
    check_model("Intel Xeon Processor (Skylake, IBRS)", "generation");
    check_model("AMD EPYC-Milan Processor", "generation");
    check_model("AMD EPYC Processor (with IBPB)", "generation");
}

static void names_that_tell_the_processor(void **state)
{
    (void)state;
    check_model("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "yes");
    check_model("Intel(R) Xeon(R) CPU E5-2676 v3 @ 2.40GHz", "yes");
    check_model("AMD EPYC 7R13 Processor", "yes");
    check_model("ARM implementer 0x41 part 0xd0c", "yes");
    check_model("", "yes");
}

static void pages_in_the_balloon(void **state)
{
    uint64_t pages = 0;
    (void)state;
    assert_int_equal(
        oversell_parse_balloon("nr_free 1\nballoon_inflate 900\nballoon_deflate 100\n", &pages), 0);
    assert_int_equal(pages, 800);
    assert_int_equal(oversell_parse_balloon(
                         "nr_balloon_pages 7\nballoon_inflate 9\nballoon_deflate 1\n", &pages),
                     0);
    assert_int_equal(pages, 7);
    assert_int_equal(oversell_parse_balloon("balloon_inflate 1\nballoon_deflate 5\n", &pages), 0);
    assert_int_equal(pages, 0);
    assert_int_equal(oversell_parse_balloon("balloon_inflate 1\n", &pages), -1);
    assert_int_equal(oversell_parse_balloon("balloon_inflate x\nballoon_deflate 5", &pages), -1);
    assert_int_equal(oversell_parse_balloon("", &pages), -1);
}

static void flags_are_whole_words(void **state)
{
    bool has;
    (void)state;
    assert_int_equal(oversell_has_flag("flags\t\t: fpu hypervisor lm\n", "hypervisor", &has), 0);
    assert_true(has);
    assert_int_equal(oversell_has_flag("flags\t\t: fpu hypervisors lm\n", "hypervisor", &has), 0);
    assert_false(has);
    assert_int_equal(oversell_has_flag("Features\t: fp asimd\n", "hypervisor", &has), -1);
}

/* A KVM guest of which a gigabyte was taken. */
static void a_guest_with_a_balloon(void **state)
{
    static const struct tree_row rows[] = {
        {"bus/virtio/drivers/virtio_balloon/virtio3",              "-> ../../devices/virtio3"                       },
        { "bus/virtio/drivers/virtio_balloon/module",              "-> ../../module/virtio_balloon"                 },
        { "vmstat",                                                "balloon_inflate 300000\nballoon_deflate 37856\n"},
        { "kernel/mm/ksm/run",                                     "1\n"                                            },
        { "kernel/mm/ksm/pages_sharing",                           "2560\n"                                         },
        { "devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n"                                            },
        { "cpuinfo",                                               "model name\t: QEMU Virtual CPU version 2.5+\n"
                     "cpu MHz\t\t: 2400.000\n"
                     "flags\t\t: fpu hypervisor\n"                                              },
    };
    (void)state;
    STATE(rows, "kvm", 2.4e9);
    check_text("host.balloon", "virtio_balloon", "take memory back");
    check_number("host.balloon.taken", 262144.0 * 4096);
    check_text("host.ksm", "running", "10 MiB");
    check_text("host.cpu.disclosed", "no", "stand-in");
    check_text("host.cpu.clock", "agrees", "2400 MHz");
    check_text("host.cpu.hypervisor", "yes", NULL);
    check_number("host.cpu.threads", 1);
    assert_non_null(facts_find(&stated, "host.cpu.threads")->reason);
    STATE(rows, "none", 3.1e9);
    check_text("host.cpu.clock", "differs", "load");
    check_text("host.cpu.hypervisor", "yes", "hides");
    STATE(rows, NULL, 0);
    check_text("host.cpu.hypervisor", "yes", NULL);
    check_unknown("host.cpu.clock", "no counter");
}

static void a_driver_without_a_device_is_no_balloon(void **state)
{
    static const struct tree_row rows[] = {
        {"bus/virtio/drivers/virtio_balloon/bind",    ""                                                    },
        { "bus/virtio/drivers/virtio_balloon/module", "-> ../../module/virtio_balloon"                      },
        { "vmstat",                                   "balloon_inflate 5\n"                                 },
        { "kernel/mm/ksm/run",                        "0\n"                                                 },
        { "cpuinfo",                                  "model name\t: AMD EPYC 7R13 Processor\nflags : fpu\n"},
    };
    (void)state;
    STATE(rows, "kvm", 1);
    check_text("host.balloon", "none", "no device");
    check_number("host.balloon.taken", 0);
    check_text("host.ksm", "stopped", NULL);
    check_text("host.cpu.hypervisor", "no", "hidden");
    check_text("host.cpu.disclosed", "yes", NULL);
    check_unknown("host.cpu.clock", "no frequency");
    check_unknown("host.cpu.threads", "topology");
}

static void balloons_of_other_hypervisors(void **state)
{
    static const struct tree_row vmware[] = {
        {"module/vmw_balloon/refcnt", "0\n"                                   },
        { "vmstat",                   "balloon_inflate 9\nballoon_deflate 0\n"},
    };
    static const struct tree_row hyperv[] = {
        {"bus/vmbus/drivers/hv_balloon/1eccfd72-4b41-45ef-b73a-4a6e44c12924",
         "-> ../../devices/x"},
    };
    static const struct tree_row xen[] = {
        {"devices/system/xen_memory/xen_memory0/target_kb", "1048576\n"},
        { "bus/virtio/drivers/virtio_balloon/bind",         ""         },
    };
    (void)state;
    STATE(vmware, "vmware", 0);
    check_text("host.balloon", "vmw_balloon", "take memory back");
    check_unknown("host.balloon.taken", "vmstat"); /* its pages are not those counted there */
    STATE(hyperv, "microsoft", 0);
    check_text("host.balloon", "hv_balloon", "take memory back");
    check_unknown("host.balloon.taken", "vmstat");
    STATE(xen, "xen", 0);
    check_text("host.balloon", "xen_balloon", "take memory back");
}

static void where_nothing_is_told_the_reason_is(void **state)
{
    static const struct tree_row rows[] = {
        {"kernel/mm/ksm/run", "7\n"},
    };
    (void)state;
    STATE(rows, "none", 0);
    check_unknown("host.balloon", "no drivers");
    check_unknown("host.balloon.taken", "not known");
    check_unknown("host.ksm", "not known");
    check_unknown("host.cpu.disclosed", "cpuinfo");
    check_unknown("host.cpu.clock", "cpuinfo");
    check_unknown("host.cpu.hypervisor", "cpuinfo");
    check_unknown("host.cpu.threads", "topology");
    facts_release(&stated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_hide_the_processor),
        cmocka_unit_test(names_that_tell_the_processor),
        cmocka_unit_test(pages_in_the_balloon),
        cmocka_unit_test(flags_are_whole_words),
        cmocka_unit_test(a_guest_with_a_balloon),
        cmocka_unit_test(a_driver_without_a_device_is_no_balloon),
        cmocka_unit_test(balloons_of_other_hypervisors),
        cmocka_unit_test(where_nothing_is_told_the_reason_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
