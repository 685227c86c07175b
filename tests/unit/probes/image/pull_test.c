#include "probes/image/pull.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/kit/clk.h"
#include "tests/unit/probes/image/forge.h"

struct quay {
    char path[64];
    int dir;
    struct forge *forge;
    struct oci_image image;
    struct runtime runtime;
    struct pull pull;
    struct pull_took took;
    volatile sig_atomic_t stopping;
    struct err e;
};

static int setup(void **state)
{
    struct quay *q = calloc(1, sizeof *q);
    *state = q;
    q->dir = fake_dir(q->path);
    q->forge = forge_open();
    forge_image(q->forge, &q->image);
    return 0;
}

static int teardown(void **state)
{
    struct quay *q = *state;
    assert_int_equal(pull_remove(&q->pull, UINT64_MAX, &q->e), 0);
    assert_int_equal(pull_remove(&q->pull, UINT64_MAX, &q->e), 0); /* may be called again */
    assert_int_equal(fake_names(q->path), 0);
    pull_release(&q->pull);
    pull_release(&q->pull);
    oci_close(&q->image);
    forge_close(q->forge);
    fake_dir_remove(q->dir, q->path);
    free(q);
    return 0;
}

static void open_pull(struct quay *q, uint64_t budget_bytes)
{
    q->runtime = (struct runtime){ .major = 2, .decoder = RUNTIME_OWN, .kib_ns = 2000 };
    q->runtime.costs = costs_of(2, 0);
    const struct pull_conf conf = { .image = &q->image,
                                    .runtime = &q->runtime,
                                    .dir_fd = q->dir,
                                    .budget_bytes = budget_bytes,
                                    .stopping = &q->stopping };
    assert_int_equal(pull_open(&q->pull, &conf, &q->e), 0);
}

static void each_repetition_goes_to_fresh_directories_that_stay(void **state)
{
    struct quay *q = *state;
    struct stat st;
    open_pull(q, UINT64_MAX);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), 0);
        assert_int_equal(q->took.stream_bytes, q->image.tar_bytes);
        assert_int_equal(q->took.entries, q->image.entries);
        assert_int_equal(q->took.layers, q->image.count);
        assert_true(q->took.wall_ns > 0 && q->took.cpu_ns > 0);
        assert_int_equal(q->pull.whole, i);
        assert_int_equal(fake_names(q->path), i);
    }
    assert_int_equal(fstatat(q->dir, "pull-2/1/fs/usr/lib", &st, 0), 0);
    assert_int_equal(q->pull.count.written_bytes, 3 * q->image.file_bytes);
    assert_int_equal(pull_written_bytes(&q->pull), 3 * pull_bytes(&q->image));
    assert_true(q->took.modelled_ns > 0);
    assert_int_equal(q->took.beside_ns, 0);
}

static void a_layer_that_is_not_the_one_of_the_config_is_refused(void **state)
{
    struct quay *q = *state;
    open_pull(q, UINT64_MAX);
    q->image.layers[2].diff_id[0] ^= 1;
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), -1);
    assert_int_equal(q->e.kind, ERR_DATA);
    assert_int_equal(q->took.layers, 2);
    assert_non_null(strstr(q->e.msg, "layer 3 of 3"));
    assert_non_null(strstr(q->e.msg, "config"));
}

static void the_last_repetition_can_be_removed_and_timed(void **state)
{
    struct quay *q = *state;
    uint64_t took_ns = 0;
    open_pull(q, UINT64_MAX);
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), 0);
    q->pull.is_durable = true;
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), 0);
    assert_int_equal(pull_remove_last(&q->pull, 0, &took_ns, &q->e), 0);
    assert_true(took_ns > 0);
    assert_int_equal(fake_names(q->path), 1);
}

static void the_budget_is_kept_to_the_byte(void **state)
{
    struct quay *q = *state;
    open_pull(q, 2 * pull_bytes(&q->image));
    assert_true(pull_may(&q->pull));
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), 0);
    assert_true(pull_may(&q->pull));
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), 0);
    assert_false(pull_may(&q->pull));
}

static void the_number_of_repetitions_is_bounded(void **state)
{
    struct quay *q = *state;
    open_pull(q, UINT64_MAX);
    q->pull.begun = PULL_MAX - 1;
    assert_true(pull_may(&q->pull));
    q->pull.begun = PULL_MAX;
    assert_false(pull_may(&q->pull));
    q->pull.begun = 0;
}

static void removing_stops_at_its_deadline_and_goes_on_later(void **state)
{
    struct quay *q = *state;
    open_pull(q, UINT64_MAX);
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), 0);
    assert_int_equal(pull_remove(&q->pull, 0, &q->e), 0);
    assert_int_equal(fake_names(q->path), 1);
}

static void a_stop_leaves_what_was_done_to_be_removed(void **state)
{
    struct quay *q = *state;
    open_pull(q, UINT64_MAX);
    q->stopping = 1;
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), -1);
    assert_int_equal(q->e.kind, ERR_INTERRUPTED);
    assert_int_equal(q->pull.whole, 0);
    assert_int_equal(q->pull.begun, 1);
    assert_true(fake_names(q->path) > 0);
}

static void a_deadline_says_which_layer_was_not_finished(void **state)
{
    struct quay *q = *state;
    open_pull(q, UINT64_MAX);
    assert_int_equal(pull_once(&q->pull, 1, &q->took, &q->e), -1);
    assert_int_equal(q->e.kind, ERR_TIMEOUT);
    assert_int_equal(q->took.layers, 0);
    assert_non_null(strstr(q->e.msg, "layer 1 of 3"));
}

static void a_failure_names_layer_and_entry(void **state)
{
    struct quay *q = *state;
    open_pull(q, UINT64_MAX);
    q->image.layers[1].source.size /= 2;
    assert_int_equal(pull_once(&q->pull, 0, &q->took, &q->e), -1);
    assert_int_equal(q->e.kind, ERR_DATA);
    assert_int_equal(q->took.layers, 1);
    assert_non_null(strstr(q->e.msg, "layer 2 of 3: entry '"));
    assert_non_null(strstr(q->e.msg, "truncated"));
}

static void what_was_left_out_is_noted_by_name(void **state)
{
    struct quay *q = *state;
    struct result r;
    open_pull(q, UINT64_MAX);
    assert_int_equal(result_open(&r, "image.runtime", "x", NULL, &q->e), 0);
    pull_note_skips(&q->pull, &r);
    assert_int_equal(r.note_count, 0);
    q->pull.count.skipped[RULES_OWNER] = 7;
    pull_note_skips(&q->pull, &r);
    assert_int_equal(r.note_count, 1);
    assert_non_null(strstr(r.notes[0], "owners (7"));
    result_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_repetition_goes_to_fresh_directories_that_stay, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_layer_that_is_not_the_one_of_the_config_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_last_repetition_can_be_removed_and_timed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_budget_is_kept_to_the_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(the_number_of_repetitions_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(removing_stops_at_its_deadline_and_goes_on_later, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stop_leaves_what_was_done_to_be_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deadline_says_which_layer_was_not_finished, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_failure_names_layer_and_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_left_out_is_noted_by_name, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
