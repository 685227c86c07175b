#include "probes/kit/steal.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/limits.h"

static int recorded(const char *tree)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "tests/unit/probes/kit/fixtures/%s", tree);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        fail_msg("open '%s' (run from the root of the sources)", path);
    }
    return fd;
}

static void parsed(const char *text, struct steal *s)
{
    struct err e;
    if (steal_parse(text, s, &e) != 0) {
        fail_msg("%s", e.msg);
    }
}

static void every_column_counts_once_and_guest_time_not_again(void **state)
{
    (void)state;
    AUTO_CLOSE int proc = recorded("proc-guest");
    AUTO(steal) struct steal s = { 0 };
    struct err e;
    assert_int_equal(steal_read(proc, &s, &e), 0);
    assert_true(s.reported);
    assert_int_equal(s.all.steal_ticks, 371);
    assert_int_equal(s.all.idle_ticks, 767924 + 4227);
    assert_int_equal(s.all.total_ticks, 37664 + 12 + 36371 + 767924 + 4227 + 0 + 658 + 371);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.cpus[1].cpu, 1);
    assert_int_equal(s.cpus[1].steal_ticks, 181);
}

static void kernel_without_the_steal_column_is_read_and_says_so(void **state)
{
    (void)state;
    AUTO_CLOSE int proc = recorded("proc-old");
    AUTO(steal) struct steal s = { 0 };
    struct err e;
    assert_int_equal(steal_read(proc, &s, &e), 0);
    assert_false(s.reported);
    assert_int_equal(s.all.steal_ticks, 0);
    assert_int_equal(s.all.total_ticks, 2255 + 34 + 2290 + 22625563 + 6290 + 127 + 456);
    parsed("cpu  1 2 3 4\ncpu0 1 2 3 4\n", &s);
    assert_false(s.reported);
    assert_int_equal(s.all.total_ticks, 10);
    assert_int_equal(s.all.idle_ticks, 4);
}

static void offline_cpus_are_absent_and_the_others_keep_their_numbers(void **state)
{
    (void)state;
    AUTO(steal) struct steal before = { 0 };
    AUTO(steal) struct steal after = { 0 };
    uint32_t cpu = 99;
    parsed("cpu  0 0 0 0 0 0 0 0\ncpu0 0 0 0 100 0 0 0 0\ncpu1 0 0 0 100 0 0 0 0\n"
           "cpu3 0 0 0 100 0 0 0 0\n",
           &before);
    parsed("cpu  0 0 0 0 0 0 0 0\ncpu0 0 0 0 190 0 0 0 10\ncpu2 0 0 0 0 0 0 0 300\n"
           "cpu3 0 0 0 150 0 0 0 50\n",
           &after);
    assert_int_equal(after.count, 3);
    assert_int_equal(after.cpus[1].cpu, 2);
    /* CPU 2 came meanwhile: it has no share of the time between. */
    assert_true(fabs(steal_worst_ratio(&before, &after, &cpu) - 0.5) < 1e-12);
    assert_int_equal(cpu, 3);
}

static void many_cpus_are_read_into_the_same_memory(void **state)
{
    (void)state;
    AUTO(buf) struct buf text = { 0 };
    AUTO(steal) struct steal s = { 0 };
    buf_adds(&text, "cpu  0 0 0 0 0 0 0 0 0 0\n");
    for (unsigned i = 0; i < 256; i++) {
        buf_addf(&text, "cpu%u 1 2 3 4 5 6 7 %u 0 0\n", i, i);
    }
    parsed(buf_text(&text), &s);
    assert_int_equal(s.count, 256);
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(s.cpus[i].cpu, i);
        assert_int_equal(s.cpus[i].steal_ticks, i);
        assert_int_equal(s.cpus[i].total_ticks, 28 + i);
    }
    struct steal_cpu *memory = s.cpus;
    parsed(buf_text(&text), &s);
    assert_ptr_equal(s.cpus, memory);
    assert_int_equal(s.count, 256);
}

static void more_cpus_than_believable_are_refused(void **state)
{
    (void)state;
    AUTO(buf) struct buf text = { 0 };
    AUTO(steal) struct steal s = { 0 };
    struct err e;
    for (unsigned i = 0; i <= LIMITS_CPUS; i++) {
        buf_addf(&text, "cpu%u 1 2 3 4\n", i);
    }
    assert_int_equal(steal_parse(buf_text(&text), &s, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
}

static void text_that_is_cut_is_an_error_not_a_figure(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "cp",
                                         "cpu",
                                         "cpu ",
                                         "cpu  1 2 3",
                                         "cpu0\n",
                                         "cpu  1 2 3 4\ncpu0 1 2",
                                         "cpu  a b c d\n",
                                         "cpu  -1 2 3 4\n",
                                         "intr 1 2 3 4\n" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        AUTO(steal) struct steal s = { 0 };
        struct err e;
        assert_int_equal(steal_parse(texts[i], &s, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
        assert_non_null(strstr(e.msg, "/proc/stat"));
    }
}

static void ratio_is_the_stolen_share(void **state)
{
    (void)state;
    struct steal_cpu before = { .steal_ticks = 5, .total_ticks = 100 };
    struct steal_cpu after = { .steal_ticks = 30, .total_ticks = 200 };
    assert_true(steal_ratio(&before, &after) == 0.25);
}

static void ratio_without_a_tick_is_not_a_number(void **state)
{
    (void)state;
    struct steal_cpu one = { .steal_ticks = 5, .total_ticks = 100 };
    assert_true(isnan(steal_ratio(&one, &one)));
}

static void counters_that_ran_backwards_count_as_none(void **state)
{
    (void)state;
    struct steal_cpu before = { .steal_ticks = 50, .total_ticks = 1000 };
    struct steal_cpu less_stolen = { .steal_ticks = 49, .total_ticks = 1100 };
    struct steal_cpu less_time = { .steal_ticks = 60, .total_ticks = 900 };
    struct steal_cpu idle_went_back = { .steal_ticks = 60, .total_ticks = 1004 };
    assert_true(steal_ratio(&before, &less_stolen) == 0);
    assert_true(isnan(steal_ratio(&before, &less_time)));
    /* Ten ticks stolen in four: idle time ran backwards and hides the others. */
    assert_true(steal_ratio(&before, &idle_went_back) == 1);
}

static void worst_of_no_common_cpu_is_not_a_number(void **state)
{
    (void)state;
    AUTO(steal) struct steal none = { 0 };
    AUTO(steal) struct steal one = { 0 };
    parsed("cpu  1 2 3 4\ncpu7 1 2 3 4 5 6 7 8\n", &one);
    assert_true(isnan(steal_worst_ratio(&none, &one, NULL)));
    assert_true(isnan(steal_worst_ratio(&one, &none, NULL)));
    assert_true(isnan(steal_worst_ratio(&one, &one, NULL)));
}

static void missing_stat_is_an_error_and_release_twice_harmless(void **state)
{
    (void)state;
    AUTO_CLOSE int nowhere = recorded("proc-guest/pressure");
    struct steal s = { 0 };
    struct err e;
    assert_int_equal(steal_read(nowhere, &s, &e), -1);
    steal_release(&s);
    steal_release(&s);
}

/* CPU 1 lost half, CPU 3 a tenth, CPU 2 nothing, and CPU 4 is new. */
static void the_worst_cpus_come_first_and_spared_ones_not_at_all(void **state)
{
    (void)state;
    AUTO(steal) struct steal before = { 0 };
    AUTO(steal) struct steal after = { 0 };
    struct steal_share worst[3];
    parsed("cpu 0 0 0 0 0 0 0 0\ncpu1 0 0 0 10 0 0 0 0\ncpu2 0 0 0 10 0 0 0 5\n"
           "cpu3 0 0 0 10 0 0 0 0\n",
           &before);
    parsed("cpu 0 0 0 0 0 0 0 90\ncpu1 0 0 0 60 0 0 0 50\ncpu2 0 0 0 90 0 0 0 5\n"
           "cpu3 0 0 0 100 0 0 0 10\ncpu4 0 0 0 0 0 0 0 90\n",
           &after);
    assert_int_equal(steal_worst(&before, &after, worst, 3), 2);
    assert_int_equal(worst[0].cpu, 1);
    assert_true(worst[0].ratio == 0.5);
    assert_int_equal(worst[1].cpu, 3);
    assert_true(fabs(worst[1].ratio - 0.1) < 1e-12);
    assert_int_equal(steal_worst(&before, &after, worst, 1), 1);
    assert_int_equal(worst[0].cpu, 1);
    assert_int_equal(steal_worst(&after, &before, worst, 3), 0);
    assert_int_equal(steal_worst(&before, &after, worst, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_counts_once_and_guest_time_not_again),
        cmocka_unit_test(kernel_without_the_steal_column_is_read_and_says_so),
        cmocka_unit_test(offline_cpus_are_absent_and_the_others_keep_their_numbers),
        cmocka_unit_test(many_cpus_are_read_into_the_same_memory),
        cmocka_unit_test(more_cpus_than_believable_are_refused),
        cmocka_unit_test(text_that_is_cut_is_an_error_not_a_figure),
        cmocka_unit_test(the_worst_cpus_come_first_and_spared_ones_not_at_all),
        cmocka_unit_test(ratio_is_the_stolen_share),
        cmocka_unit_test(ratio_without_a_tick_is_not_a_number),
        cmocka_unit_test(counters_that_ran_backwards_count_as_none),
        cmocka_unit_test(worst_of_no_common_cpu_is_not_a_number),
        cmocka_unit_test(missing_stat_is_an_error_and_release_twice_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
