#include "probes/noise/interrupts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

/* As of a guest with CPU 1 offline. */
static const char recorded[] =
    "           CPU0       CPU2       \n"
    " 24:          1         10  IO-APIC   5-edge      ACPI:Ged\n"
    " 31:          0       5418 PCI-MSIX-0000:00:01.0   3-edge    virtio0\n"
    "NMI:          0          0   Non-maskable interrupts\n"
    "LOC:        100        200   Local timer interrupts\n"
    "ERR:          7\n"
    "MIS:          9\n";

static void a_column_is_added_up_by_the_name_of_its_cpu(void **state)
{
    (void)state;
    assert_int_equal(interrupts_sum(recorded, 0), 101);
    assert_int_equal(interrupts_sum(recorded, 2), 5628);
}

static void a_cpu_that_is_not_there_has_none(void **state)
{
    (void)state;
    assert_int_equal(interrupts_sum(recorded, 1), 0);
    assert_int_equal(interrupts_sum(recorded, 20), 0);
}

static void what_is_no_table_has_none(void **state)
{
    (void)state;
    static const char *const others[] = { "",
                                          "\n",
                                          "CPU",
                                          "CPU0",
                                          "CPU0\n",
                                          "  1:   5  6\n",
                                          "CPUs\n 1: 5\n",
                                          "CPU0\n 1 5\n",
                                          "CPU0\n 1: x\n",
                                          "CPU1 CPU0\n 1: 5\n" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(interrupts_sum(others[i], 0), 0);
}

static void the_last_line_may_be_cut(void **state)
{
    (void)state;
    assert_int_equal(interrupts_sum("CPU0 CPU1\n 1: 5 6\n 2: 7", 0), 12);
    assert_int_equal(interrupts_sum("CPU0 CPU1\n 1: 5 6\n 2: 7", 1), 6);
}

static void a_host_without_the_file_counts_none(void **state)
{
    (void)state;
    AUTO_CLOSE int dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct interrupts i;
    assert_false(interrupts_open(&i, dev));
    assert_int_equal(interrupts_read(&i, 0), 0);
    interrupts_release(&i);
    interrupts_release(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_is_added_up_by_the_name_of_its_cpu),
        cmocka_unit_test(a_cpu_that_is_not_there_has_none),
        cmocka_unit_test(what_is_no_table_has_none),
        cmocka_unit_test(the_last_line_may_be_cut),
        cmocka_unit_test(a_host_without_the_file_counts_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
