#include "probes/host/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static void check_model(const char *cpuinfo, const char *want)
{
    char model[CPU_MODEL_BYTES];
    assert_int_equal(cpu_parse_model(cpuinfo, model), want[0] ? 0 : -1);
    assert_string_equal(model, want);
}

static void models_of_several_processors(void **state)
{
    (void)state;
    check_model("processor\t: 0\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R)  Xeon \n",
                "Intel(R) Xeon");
    check_model("processor\t: 0\ncpu\t\t: POWER9 (architected)\nclock: 1\n",
                "POWER9 (architected)");
    check_model("Processor\t: ARMv7 rev 3\nprocessor : 0\n", "ARMv7 rev 3");
    check_model("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "ARM implementer 0x41 part 0xd0c");
    check_model("hart\t: 0\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc");
}

static void a_cpuinfo_without_a_model_has_none(void **state)
{
    (void)state;
    check_model("", "");
    check_model("model name\t:\nbogomips : 4\n", "");
    check_model("CPU part\t: 0xd0c\n", "");
    check_model("model name", "");
}

static void a_model_of_endless_length_is_cut(void **state)
{
    (void)state;
    char cpuinfo[2048] = "model name : ";
    char model[CPU_MODEL_BYTES];
    memset(cpuinfo + 13, 'x', sizeof cpuinfo - 14);
    assert_int_equal(cpu_parse_model(cpuinfo, model), 0);
    assert_in_range(strlen(model), CPU_MODEL_BYTES - 4, CPU_MODEL_BYTES - 1);
}

static void lists_of_cpus_are_counted(void **state)
{
    (void)state;
    assert_int_equal(cpu_count_list("0"), 1);
    assert_int_equal(cpu_count_list("0-3,8"), 5);
    assert_int_equal(cpu_count_list("0-1,4-5,9"), 5);
    assert_int_equal(cpu_count_list("0-4095"), 4096);
    assert_int_equal(cpu_count_list(""), 0);
    assert_int_equal(cpu_count_list("3-1"), 0);
    assert_int_equal(cpu_count_list("0-99999999999999999999"), 0);
    assert_int_equal(cpu_count_list("a-b"), 0);
    assert_int_equal(cpu_count_list("0-"), 0);
}

static void check_count(const char *tree, unsigned usable, double want, bool reasoned)
{
    struct facts f = { 0 };
    struct trees t = trees_open(tree);
    cpu_state(t.proc_fd, t.sys_fd, usable, &f);
    const struct fact *cpus = facts_find(&f, "host.cpus");
    assert_non_null(cpus);
    assert_int_equal(cpus->kind, FACT_NUMBER);
    assert_true(cpus->number == want);
    assert_int_equal(cpus->reason != NULL, reasoned);
    facts_release(&f);
    trees_close(&t);
}

static void forbidden_cpus_do_not_count(void **state)
{
    (void)state;
    check_count("metal", 5, 5, false);
    check_count("metal", 2, 2, true);
    check_count("metal", 0, 5, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_of_several_processors),
        cmocka_unit_test(a_cpuinfo_without_a_model_has_none),
        cmocka_unit_test(a_model_of_endless_length_is_cut),
        cmocka_unit_test(lists_of_cpus_are_counted),
        cmocka_unit_test(forbidden_cpus_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
