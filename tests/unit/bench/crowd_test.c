#include "bench/crowd.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static int recorded(unsigned number)
{
    char path[64];
    (void)snprintf(path, sizeof path, "tests/unit/bench/fixtures/crowd/%u", number);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("open '%s' (run from the root of the sources)", path);
    return fd;
}

static void a_name_may_hold_anything(void **state)
{
    (void)state;
    struct crowd_process p;
    assert_int_equal(crowd_parse_stat("42 (a) b) c\x01) R 7 1 1 0 -1 4 100 0 0 0 11 12 13 14 20 0 "
                                      "1 0 555 1000\n",
                                      &p),
                     0);
    assert_int_equal(p.pid, 42);
    assert_int_equal(p.parent, 7);
    assert_int_equal(p.own_ticks, 23);
    assert_int_equal(p.waited_ticks, 27);
    assert_int_equal(p.start_ticks, 555);
    assert_string_equal(p.name, "a) b) c ");
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",       "42",         "42 (a",
        "42 (a)", "42 (a) R",   "x (a) R 1 2 3",
        ")(",     "42 )a( R 1", "42 (a) R 7 1 1 0 -1 4 100 0 0 0 11 12 13 14 20 0 1 0\n"
    };
    struct crowd_process p;
    uint64_t bytes = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(crowd_parse_stat(texts[i], &p), -1);
        assert_int_equal(crowd_parse_io(texts[i], &bytes), -1);
        assert_int_equal(crowd_parse_vmstat(texts[i], &bytes), -1);
    }
}

static void what_was_written_and_thrown_away_is_not_io(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_int_equal(crowd_parse_io("rchar: 9\nread_bytes: 100\nwrite_bytes: 50\n"
                                    "cancelled_write_bytes: 20\n",
                                    &bytes),
                     0);
    assert_int_equal(bytes, 130);
    assert_int_equal(crowd_parse_vmstat("pgpgin 3\npgpgout 4\npgpgoutx 9\n", &bytes), 0);
    assert_int_equal(bytes, 7 * 1024);
}

static void io_of_ours_is_told_from_that_of_all(void **state)
{
    (void)state;
    struct crowd c;
    struct err e;
    uint64_t ours = 0;
    uint64_t all = 0;
    AUTO_CLOSE int proc = recorded(1);
    assert_int_equal(crowd_open(&c, proc, 500, 1, &e), 0);
    assert_int_equal(crowd_io(&c, &ours, &all), 0);
    assert_int_equal(ours, 4096 + 8192 - 4096 + 1048576);
    assert_int_equal(all, (2100 + 5000) * 1024);
    c.root = 400; /* a kernel that lists no children */
    assert_int_equal(crowd_io(&c, &ours, &all), -1);
    assert_true(crowd_family_ns(&c) == UINT64_MAX);
    crowd_release(&c);
    crowd_release(&c);
}

static void scanned(struct crowd *c, unsigned number, uint64_t now_ns, struct crowd_largest *l)
{
    AUTO_CLOSE int proc = recorded(number);
    c->proc_fd = proc;
    crowd_scan(c, now_ns, l);
    c->proc_fd = -1;
}

static void the_busiest_is_found_with_what_it_started_and_never_ours(void **state)
{
    (void)state;
    struct crowd c;
    struct crowd_largest l;
    struct err e;
    uint64_t now_ns = 3600 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(crowd_open(&c, -1, 500, 0, &e), 0);
    c.tick_ns = 10000000;
    c.cpus = 2;
    scanned(&c, 1, now_ns, &l);
    assert_true(isnan(l.cpu_ratio)); /* nothing to compare with */
    assert_string_equal(l.name, "");
    /* The probe used 240 ticks and is ours; make's compiler, of 310 ticks then, ended and was
     * waited for: 150 ticks are new. */
    scanned(&c, 2, now_ns + 2 * (uint64_t)CLK_NS_PER_S, &l);
    assert_string_equal(l.name, "make");
    assert_true(fabs(l.cpu_ratio - 0.755) < 1e-9);
    crowd_release(&c);
}

static void scans_stop_when_they_cost_too_much(void **state)
{
    (void)state;
    struct crowd c;
    struct crowd_largest l;
    struct err e;
    uint64_t second = CLK_NS_PER_S;
    assert_int_equal(crowd_open(&c, -1, 500, second, &e), 0);
    scanned(&c, 1, second, &l);
    assert_int_equal(c.scanned_ns, second);
    c.spent_ns = 30 * 1000000;
    scanned(&c, 2, 49 * second, &l); /* 48 s pay for 24 ms, and 5 are given in advance */
    assert_int_equal(c.scanned_ns, second);
    assert_true(isnan(l.cpu_ratio));
    scanned(&c, 2, 52 * second, &l);
    assert_int_equal(c.scanned_ns, 52 * second);
    assert_true(!isnan(l.cpu_ratio));
    crowd_release(&c);
}

static void scans_that_are_too_near_are_one(void **state)
{
    (void)state;
    struct crowd c;
    struct crowd_largest l;
    struct err e;
    uint64_t second = CLK_NS_PER_S;
    assert_int_equal(crowd_open(&c, -1, 500, second, &e), 0);
    c.tick_ns = 10000000;
    scanned(&c, 1, 100 * second, &l);
    scanned(&c, 2, 100 * second + CROWD_SCAN_NS_MIN - 1, &l); /* 150 ticks would be 7 CPUs */
    assert_true(isnan(l.cpu_ratio));
    assert_string_equal(l.name, "");
    assert_int_equal(c.scanned_ns, 100 * second);
    c.cpus = 2;
    scanned(&c, 2, 102 * second, &l); /* and nothing of it is forgotten */
    assert_string_equal(l.name, "make");
    assert_true(fabs(l.cpu_ratio - 0.755) < 1e-9);
    crowd_release(&c);
}

static void nobody_did_more_than_all_cpus_can(void **state)
{
    (void)state;
    struct crowd c;
    struct crowd_largest l;
    struct err e;
    uint64_t second = CLK_NS_PER_S;
    assert_int_equal(crowd_open(&c, -1, 500, second, &e), 0);
    c.tick_ns = 10000000;
    c.cpus = 1;
    scanned(&c, 1, 100 * second, &l);
    scanned(&c, 2, 101 * second, &l); /* make's 151 ticks are no second of one CPU */
    assert_true(l.cpu_ratio <= 1.01);
    assert_string_not_equal(l.name, "make");
    crowd_release(&c);
}

static void our_own_time_only_grows(void **state)
{
    (void)state;
    struct crowd c;
    struct err e;
    AUTO_CLOSE int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(crowd_open(&c, proc, getpid(), clk_now_ns(), &e), 0);
    uint64_t before_ns = crowd_family_ns(&c);
    (void)clk_cost_ns();
    for (unsigned i = 0; i < 2 * CROWD_LOOKS; i++) {
        uint64_t now_ns = crowd_family_ns(&c);
        assert_true(now_ns >= before_ns);
        before_ns = now_ns;
    }
    crowd_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_hold_anything),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(what_was_written_and_thrown_away_is_not_io),
        cmocka_unit_test(io_of_ours_is_told_from_that_of_all),
        cmocka_unit_test(the_busiest_is_found_with_what_it_started_and_never_ours),
        cmocka_unit_test(scans_stop_when_they_cost_too_much),
        cmocka_unit_test(scans_that_are_too_near_are_one),
        cmocka_unit_test(nobody_did_more_than_all_cpus_can),
        cmocka_unit_test(our_own_time_only_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
