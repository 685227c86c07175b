#include "probes/disk/workers.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "probes/kit/auto.h"

static void only_iou_wrk_threads_are_counted_and_their_ticks_summed(void **state)
{
    (void)state;
    struct workers w;
    AUTO_CLOSE int proc_fd =
        open("tests/unit/probes/disk/fixtures/proc-workers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(proc_fd >= 0);
    workers_read(proc_fd, &w);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.cpu_ticks, 2 + 30 + 1 + 4);
}

static void where_proc_says_nothing_there_are_none(void **state)
{
    (void)state;
    struct workers w = { .count = 5, .cpu_ticks = 5 };
    workers_read(-1, &w);
    assert_int_equal(w.count, 0);
    assert_int_equal(w.cpu_ticks, 0);
}

static void what_they_worked_since_is_noted(void **state)
{
    (void)state;
    struct err e;
    struct result result = { 0 };
    struct workers before = { .count = 2, .cpu_ticks = 37 };
    AUTO_CLOSE int proc_fd =
        open("tests/unit/probes/disk/fixtures/proc-workers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct probe_site site = { .proc_fd = proc_fd };
    struct probe_run run = { .site = &site, .result = &result };
    assert_int_equal(
        result_open(&result, disk_stream.name, disk_stream.title, disk_stream.metrics, &e), 0);
    workers_tell(&before, &run); /* 37 ticks are all there are */
    assert_int_equal(result.note_count, 0);
    before.cpu_ticks = 0;
    workers_tell(&before, &run);
    assert_int_equal(result.note_count, 1);
    assert_non_null(strstr(result.notes[0], "(2 iou-wrk threads, "));
    assert_non_null(strstr(result.notes[0], "--set disk.stream.engine=aio."));
    result_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_iou_wrk_threads_are_counted_and_their_ticks_summed),
        cmocka_unit_test(where_proc_says_nothing_there_are_none),
        cmocka_unit_test(what_they_worked_since_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
