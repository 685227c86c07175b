#include "probes/noise/gap_tell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static char text[LIMITS_TEXT_BYTES];

static void the_sentence_names_the_thief(void **state)
{
    (void)state;
    struct hunt_cpu c = { .cpu = 1, .turns = 8, .spun_ns = 5200 * MS, .longest_ns = 9 * MS };
    struct inquest_blame b = { .observed_ns = c.spun_ns };
    c.gaps = 638;
    c.lost_ns = 638 * 41 * MS / 10;
    c.octaves[12] = (struct spin_octave){ 638, c.lost_ns };
    b.lost_ns[CAUSE_UNREPORTED] = 630 * 41 * MS / 10;
    b.lost_ns[CAUSE_INTERRUPTS] = 8 * 41 * MS / 10;
    gap_tell_sentence("CPU 1", &c, &b, text, sizeof text);
    assert_string_equal(text, "CPU 1 lost 50.3 % of its time in 638 gaps, mostly of 4.10 ms, the "
                              "longest 9 ms: hypervisor, unreported 99 %, interrupts 1 %.");
}

static void a_cpu_without_gaps_is_said_to_have_none(void **state)
{
    (void)state;
    struct hunt_cpu c = { .cpu = 0, .turns = 1, .spun_ns = 250 * MS };
    struct inquest_blame b = { .observed_ns = c.spun_ns };
    gap_tell_sentence("CPU 0", &c, &b, text, sizeof text);
    assert_string_equal(text, "CPU 0 lost nothing in 0.2 s.");
}

static void a_cpu_that_was_not_looked_at_is_not_told_of(void **state)
{
    (void)state;
    struct hunt_cpu c = { .cpu = 0 };
    struct inquest_blame b = { .observed_ns = 0 };
    gap_tell_sentence("CPU 0", &c, &b, text, sizeof text);
    assert_string_equal(text, "");
}

/* One gap that is longer than all the time that was looked. */
static void nobody_loses_more_than_all(void **state)
{
    (void)state;
    struct hunt_cpu c = { .turns = 1, .spun_ns = 250 * MS, .gaps = 1, .lost_ns = 900 * MS };
    struct inquest_blame b = { .observed_ns = c.spun_ns };
    c.longest_ns = c.lost_ns;
    gap_tell_sentence("CPU 0", &c, &b, text, sizeof text);
    assert_non_null(strstr(text, "lost 100 % of its time in 1 gap, of 900 ms"));
}

static void notes_begin_with_the_worst_and_say_what_is_missing(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct hunt h = { .queued_ns = 0 };
    struct inquest_site site = { .proc_fd = -1, .sys_fd = -1 };
    struct result r = { 0 };
    struct hunt_cpu loose = { 0 };
    struct hunt_cpu cpus[12];
    for (uint32_t i = 0; i < 12; i++) {
        cpus[i] = (struct hunt_cpu){ .cpu = i, .turns = i < 9, .spun_ns = i < 9 ? 250 * MS : 0 };
        cpus[i].gaps = cpus[i].turns;
        cpus[i].lost_ns = cpus[i].longest_ns = i < 9 ? i * MS : 0;
    }
    cpus[11].refused = true;
    h.inquest = inquest_open(&site, &e);
    assert_non_null(h.inquest);
    assert_int_equal(result_open(&r, "noise.gap", "Gaps", NULL, &e), 0);
    struct gap_tell t = { .hunt = &h, .cpus = cpus, .count = 12, .loose = &loose };
    t.no_interrupts = true;
    gap_tell_all(&t, &r);
    assert_int_equal(strncmp(r.notes[0], "CPU 8 lost 3.20 %", 17), 0);
    assert_int_equal(strncmp(r.notes[5], "CPU 3 lost 1.20 %", 17), 0);
    assert_string_equal(r.notes[6], "The 3 other CPUs lost 0.800 % of their time at most.");
    assert_non_null(strstr(r.notes[7], "1 CPU could not be looked at"));
    assert_non_null(strstr(r.notes[8], "no time to look at 2 CPUs"));
    assert_non_null(strstr(r.notes[9], "interrupts of each CPU were not counted"));
    assert_int_equal(r.note_count, 10);
    result_release(&r);
    inquest_free(h.inquest);
}

static void a_loop_that_no_cpu_takes_says_so(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct hunt h = { .queued_ns = 0 };
    struct inquest_site site = { .proc_fd = -1, .sys_fd = -1 };
    struct result r = { 0 };
    struct hunt_cpu cpu = { .cpu = 0, .refused = true };
    struct hunt_cpu loose = { .cpu = 0, .loose = true, .turns = 1, .spun_ns = 250 * MS };
    h.inquest = inquest_open(&site, &e);
    assert_int_equal(result_open(&r, "noise.gap", "Gaps", NULL, &e), 0);
    struct gap_tell t = { .hunt = &h, .cpus = &cpu, .count = 1, .loose = &loose };
    gap_tell_all(&t, &r);
    assert_string_equal(r.notes[0], "The loop lost nothing in 0.2 s.");
    assert_non_null(strstr(r.notes[1], "ran where the scheduler put it"));
    result_release(&r);
    inquest_free(h.inquest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sentence_names_the_thief),
        cmocka_unit_test(a_cpu_without_gaps_is_said_to_have_none),
        cmocka_unit_test(a_cpu_that_was_not_looked_at_is_not_told_of),
        cmocka_unit_test(nobody_loses_more_than_all),
        cmocka_unit_test(notes_begin_with_the_worst_and_say_what_is_missing),
        cmocka_unit_test(a_loop_that_no_cpu_takes_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
