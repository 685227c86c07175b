#include "probes/kit/inquest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/glimpse.h"

#define MS UINT64_C(1000000)

static void the_sentence_names_the_largest_first(void **state)
{
    (void)state;
    char text[160];
    struct inquest_blame b = { 0 };
    inquest_tell(&b, text, sizeof text);
    assert_string_equal(text, "");
    b.lost_ns[CAUSE_INTERRUPTS] = 20;
    b.lost_ns[CAUSE_UNREPORTED] = 975;
    b.lost_ns[CAUSE_UNKNOWN] = 5;
    inquest_tell(&b, text, sizeof text);
    assert_string_equal(text, "hypervisor, unreported 98 %, interrupts 2 %");
    char small[24];
    inquest_tell(&b, small, sizeof small);
    assert_int_equal(strlen(small), sizeof small - 1);
}

static void this_host_is_looked_at(void **state)
{
    (void)state;
    struct err e;
    AUTO_CLOSE int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_CLOSE int sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct inquest_site site = { .proc_fd = proc, .sys_fd = sys, .host = { .tick_ns = 10 * MS } };
    struct inquest *q = inquest_open(&site, &e);
    assert_non_null(q);
    assert_true(inquest_last(q)->all.present);
    struct episode episode = {
        .at_ns = clk_now_ns(), .length_ns = 25 * MS, .cpu = 0, .count = 1, .sleeps = 1
    };
    inquest_add(q, &episode);
    inquest_look(q);
    inquest_close(q);
    assert_int_equal(inquest_blame(q, INQUEST_ALL)->count[CAUSE_HALTED] +
                         inquest_blame(q, INQUEST_ALL)->count[CAUSE_QUOTA],
                     1);
    struct inquest_case one;
    assert_int_equal(inquest_worst(q, &one, 1), 1);
    assert_int_equal(one.episode.length_ns, 25 * MS);
    assert_int_equal(inquest_crowded(q), 0);
    inquest_free(q);
    inquest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sentence_names_the_largest_first),
        cmocka_unit_test(this_host_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
