#include "probes/kit/glimpse.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"

#define TICK UINT64_C(10000000)

static uint64_t own_of_seven(void *arg)
{
    (void)arg;
    return 7;
}

/* A glimpse of a recorded /proc, with room for 4 CPUs. */
static struct glimpse taken(const char *tree)
{
    char path[160];
    struct glimpse_eye eye;
    struct glimpse g;
    struct err e;
    (void)snprintf(path, sizeof path, "tests/unit/probes/kit/fixtures/%s", tree);
    AUTO_CLOSE int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        fail_msg("open '%s' (run from the root of the sources)", path);
    struct glimpse_site site = {
        .proc_fd = proc, .sys_fd = proc, .counts_interrupts = true, .own_ns = own_of_seven
    };
    assert_int_equal(glimpse_open(&eye, &site, &e), 0);
    eye.tick_ns = TICK;
    assert_int_equal(glimpse_reserve(&g, 4, &e), 0);
    glimpse_take(&eye, &g);
    glimpse_eye_release(&eye);
    assert_true(g.until_ns >= g.at_ns);
    assert_int_equal(g.own_ns, 7);
    return g;
}

static void a_kvm_guest_is_read_column_by_column(void **state)
{
    (void)state;
    AUTO(glimpse) struct glimpse a = taken("glimpse-kvm/1");
    AUTO(glimpse) struct glimpse b = taken("glimpse-kvm/2");
    assert_true(a.all.present);
    assert_int_equal(a.cpus[0].steal_ns, 21100 * TICK);
    assert_false(a.cpus[2].present);
    assert_false(a.throttled_known);
    struct cause_window w = glimpse_window(&a, &b, 0);
    assert_true(w.cpu_known);
    assert_true(w.own_known);
    assert_int_equal(w.steal_ns, 4 * TICK);
    assert_int_equal(w.busy_ns, 3 * TICK);
    assert_int_equal(w.irq_ns, 1 * TICK);
    assert_int_equal(w.idle_ns, 2 * TICK);
    assert_int_equal(w.all_busy_ns, 4 * TICK);
    assert_int_equal(w.interrupts, 25);
    w = glimpse_window(&a, &b, 1);
    assert_int_equal(w.steal_ns, 0);
    assert_int_equal(w.idle_ns, 10 * TICK);
    assert_int_equal(w.interrupts, 60);
}

static void counters_that_run_backwards_count_nothing(void **state)
{
    (void)state;
    AUTO(glimpse) struct glimpse a = taken("glimpse-xen/1");
    AUTO(glimpse) struct glimpse b = taken("glimpse-xen/2");
    struct cause_window w = glimpse_window(&a, &b, 0);
    assert_int_equal(w.steal_ns, 6 * TICK);
    assert_true(w.cpu_known);
    w = glimpse_window(&a, &b, 1); /* unplugged and back: idle and steal began anew */
    assert_false(w.cpu_known);     /* else time would be missing, and a hypervisor accused of it */
    assert_int_equal(w.steal_ns, 0);
    assert_int_equal(w.idle_ns, 0);
    w = glimpse_window(&b, &a, 0);
    assert_int_equal(w.steal_ns, 0);
    assert_int_equal(w.length_ns, 0);
}

static void a_cpu_that_is_offline_or_out_of_reach_is_not_known(void **state)
{
    (void)state;
    AUTO(glimpse) struct glimpse a = taken("glimpse-offline");
    AUTO(glimpse) struct glimpse b = taken("glimpse-xen/2");
    assert_true(glimpse_window(&a, &a, 0).cpu_known);
    assert_false(glimpse_window(&a, &a, 1).cpu_known);
    assert_true(glimpse_window(&a, &a, 2).cpu_known);
    assert_int_equal(a.cpus[2].interrupts, 200); /* by the name of the column, not its place */
    assert_false(glimpse_window(&a, &b, 1).cpu_known); /* it came */
    assert_false(glimpse_window(&b, &a, 1).cpu_known); /* it went */
    assert_false(glimpse_window(&a, &a, 4000).cpu_known);
}

static void the_cpus_of_lxcfs_are_made_up_and_only_their_sum_counts(void **state)
{
    (void)state;
    AUTO(glimpse) struct glimpse g = taken("glimpse-lxcfs");
    assert_true(g.all.present);
    assert_int_equal(g.all.busy_ns, 1200 * TICK);
    assert_false(glimpse_window(&g, &g, 0).cpu_known);
    assert_false(glimpse_is_made_up("1 2 0:3 / /proc/stat rw - tmpfs lxcfs rw\n"));
    assert_false(glimpse_is_made_up(""));
}

static void a_proc_without_stat_leaves_all_unknown(void **state)
{
    (void)state;
    AUTO(glimpse) struct glimpse g = taken("throttle-v2");
    assert_false(g.all.present);
    assert_false(glimpse_window(&g, &g, 0).cpu_known);
    assert_false(glimpse_window(&g, &g, 0).own_known);
}

static void a_host_of_256_cpus_is_read_whole(void **state)
{
    (void)state;
    AUTO(buf) struct buf stat = { 0 };
    AUTO(buf) struct buf interrupts = { 0 };
    AUTO(steal) struct steal s = { 0 };
    AUTO(glimpse) struct glimpse g = { 0 };
    struct err e;
    buf_addf(&stat, "cpu  1 2 3 4 5 6 7 8 9 10\n");
    for (unsigned i = 0; i < 256; i++) {
        buf_addf(&stat, "cpu%u %u 0 0 0 0 0 0 %u 0 0\n", i, i, 2 * i);
        buf_addf(&interrupts, "%s CPU%u", i ? "      " : "           ", i);
    }
    buf_addf(&interrupts, "\nLOC:");
    for (unsigned i = 0; i < 256; i++)
        buf_addf(&interrupts, " %u", 1000 + i);
    buf_addf(&interrupts, "   Local timer interrupts\n");
    assert_int_equal(steal_parse(buf_text(&stat), &s, &e), 0);
    assert_int_equal(glimpse_reserve(&g, 200, &e), 0); /* 56 were plugged in since */
    glimpse_stat(&g, &s, TICK);
    glimpse_interrupts(&g, buf_text(&interrupts));
    assert_int_equal(g.cpus[199].busy_ns, 199 * TICK);
    assert_int_equal(g.cpus[199].steal_ns, 398 * TICK);
    assert_int_equal(g.cpus[199].interrupts, 1199);
}

static void torn_interrupts_count_what_is_there(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "\n",
                                         "CPU0",
                                         "   CPU0 CPU\n 1: 5",
                                         " CPU0\nLOC\n\n:\n",
                                         "x\n1: 4\n",
                                         " CPU70000 CPU99999999999\n 1: 4 5\n" };
    AUTO(glimpse) struct glimpse g = { 0 };
    struct err e;
    assert_int_equal(glimpse_reserve(&g, 2, &e), 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        glimpse_interrupts(&g, texts[i]);
    assert_int_equal(g.cpus[0].interrupts, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kvm_guest_is_read_column_by_column),
        cmocka_unit_test(counters_that_run_backwards_count_nothing),
        cmocka_unit_test(a_cpu_that_is_offline_or_out_of_reach_is_not_known),
        cmocka_unit_test(the_cpus_of_lxcfs_are_made_up_and_only_their_sum_counts),
        cmocka_unit_test(a_proc_without_stat_leaves_all_unknown),
        cmocka_unit_test(a_host_of_256_cpus_is_read_whole),
        cmocka_unit_test(torn_interrupts_count_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
