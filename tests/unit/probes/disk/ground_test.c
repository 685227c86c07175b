#include "probes/disk/ground.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "tests/unit/probes/disk/rig.h"

#define S ((uint64_t)CLK_NS_PER_S)

enum {
    BLOCK = 8192,
    DEPTH = 4
};

static uint64_t file_at(uint64_t memory_mib, uint64_t free_mib, uint64_t slot_ns,
                        uint64_t file_bytes)
{
    struct place place = rig_place();
    place.free_bytes = free_mib * RIG_MIB;
    struct probe_site site = { .place = &place, .memory_bytes = memory_mib * RIG_MIB };
    struct ground_conf conf = { .engine = "auto", .file_bytes = file_bytes };
    return ground_file_bytes(&site, &conf, slot_ns);
}

static void the_file_follows_memory_time_and_space(void **state)
{
    (void)state;
    uint64_t roomy = 50 * 1024;
    assert_int_equal(file_at(256, roomy, 10 * S, 0), 32 * RIG_MIB);
    assert_int_equal(file_at(2048, roomy, 10 * S, 0), 256 * RIG_MIB);
    assert_int_equal(file_at(64 * 1024, roomy, 3 * S, 0), 192 * RIG_MIB);
    assert_int_equal(file_at(64 * 1024, roomy, 60 * S, 0), 512 * RIG_MIB);
    assert_int_equal(file_at(64 * 1024, roomy, S / 10, 0), 16 * RIG_MIB);
    /* 10 GiB of 100 GiB stay free: 100 MiB may be written, and half of that is taken. */
    assert_int_equal(file_at(2048, 10 * 1024 + 100, 10 * S, 0), 50 * RIG_MIB);
    assert_int_equal(file_at(2048, roomy, 10 * S, 3 * RIG_MIB), 8 * RIG_MIB);
    assert_int_equal(file_at(2048, roomy, 10 * S, 3000 * RIG_MIB + 1), 3000 * RIG_MIB);
}

/* Any probe with these options serves to lend its configuration. */
static struct rig *small(const char *engine)
{
    struct rig *r = rig_open(&disk_stream);
    rig_set(r, "file", "8MiB");
    rig_set(r, "engine", engine);
    if (ground_supported(&r->site, r->conf, &r->e)) {
        print_message("skipped: %s\n", r->e.msg);
        rig_close(r);
        skip();
    }
    r->run.write_budget_bytes = 9 * RIG_MIB;
    return r;
}

static int lay(struct ground *g, struct rig *r)
{
    struct ground_plan plan = ground_usual(&r->run, BLOCK, DEPTH);
    return ground_open(g, &r->run, &plan, &r->e);
}

static void what_is_written_counts_once_and_reads_do_not(void **state)
{
    (void)state;
    struct rig *r = small("auto");
    struct ground g;
    struct pattern pattern;
    struct drive_count count;
    assert_int_equal(lay(&g, r), 0);
    assert_int_equal(ground_written(&g), 8 * RIG_MIB);
    assert_int_equal(ground_left(&g, &r->run), RIG_MIB);
    pattern_init(&pattern, PATTERN_RANDOM, g.bed.bytes, BLOCK, 1);
    struct drive drive = { .pattern = &pattern,
                           .depth = ground_depth(&g, DEPTH),
                           .write_percent = 50,
                           .until_ns = UINT64_MAX,
                           .bytes_max = UINT64_C(64) * BLOCK };
    assert_int_equal(ground_drive(&g, &r->run, &drive, &count, &r->e), 0);
    assert_int_equal(count.completed, 64);
    assert_true(count.written_bytes > 0 && count.written_bytes < UINT64_C(64) * BLOCK);
    assert_int_equal(r->result.written_bytes, 8 * RIG_MIB + count.written_bytes);
    assert_int_equal(ground_left(&g, &r->run), RIG_MIB - count.written_bytes);
    ground_tell(&g, &r->run);
    assert_true(rig_noted(r, "I/O by "));
    assert_int_equal(r->result.status, STATUS_MEASURED);
    ground_release(&g);
    rig_close(r);
}

/* Whether that engine works here; what it opened is closed again. */
static bool works(const char *engine)
{
    struct rig *r = small(engine);
    struct ground g;
    bool opened = lay(&g, r) == 0;
    ground_release(&g);
    rig_close(r);
    return opened;
}

static void engines_race_where_the_slot_has_the_time_and_none_is_named(void **state)
{
    (void)state;

    static const struct {
        const char *engine;
        uint64_t slot_ns;
        bool races;
    } cases[] = {
        {"auto",  8 * S, true },
        { "auto", 2 * S, true },
        { "auto", S,     false},
        { "aio",  8 * S, false},
    };

    if (!works("uring") || !works("aio")) {
        print_message("skipped: there are no two engines with a queue\n");
        skip();
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = small(cases[i].engine);
        struct ground g;
        r->run.slot_ns = cases[i].slot_ns;
        assert_int_equal(lay(&g, r), 0);
        assert_int_equal(strstr(buf_text(&g.why), ": an I/O takes ") != NULL, cases[i].races);
        ground_release(&g);
        rig_close(r);
    }
}

static uint64_t setup_of(const struct probe *probe, const char *engine, uint64_t slot_ns)
{
    struct rig *r = rig_open(probe);
    struct probe_cost cost = { 0 };
    rig_set(r, "engine", engine);
    assert_int_equal(probe->estimate(&r->site, r->conf, slot_ns, &cost, &r->e), 0);
    rig_close(r);
    return cost.setup_ns;
}

static void comparing_engines_is_part_of_the_preparation(void **state)
{
    (void)state;
    static const struct probe *const probes[] = { &disk_read, &disk_write, &disk_stream,
                                                  &disk_mixed, &disk_burst };
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        assert_int_equal(setup_of(probes[i], "auto", 30 * S) - setup_of(probes[i], "aio", 30 * S),
                         2 * S);
    }
    assert_int_equal(setup_of(&disk_stream, "auto", S), setup_of(&disk_stream, "aio", S));
}

static void the_engine_goes_without_what_is_switched_off(void **state)
{
    (void)state;
    for (unsigned slot_s = 1; slot_s <= 8; slot_s += 7) {
        struct rig *r = small("auto");
        struct ground g;
        r->run.slot_ns = slot_s * S;
        rig_set(r, "no-fixed-file", "yes");
        assert_int_equal(lay(&g, r), 0);
        assert_true(g.engine.conf.without.fixed_file);
        assert_false(g.engine.conf.without.fixed_buffers);
        ground_release(&g);
        rig_close(r);
    }
}

static void the_clock_is_told_and_a_drift_is_not_believed(void **state)
{
    (void)state;
    struct rig *r = small("sync");
    struct ground g;
    r->result.parameters = opt_parameters(r->probe->opts, r->conf);
    assert_int_equal(lay(&g, r), 0);
    g.tick.counting = true;
    g.tick.drift_ppm = 2 * TICK_DRIFT_PPM;
    ground_tell(&g, &r->run);
    assert_true(rig_noted(r, "Clock: "));
    assert_non_null(json_object_get(r->result.parameters, "clock"));
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    ground_release(&g);
    rig_close(r);
}

static void an_engine_without_a_queue_has_depth_1(void **state)
{
    (void)state;
    struct rig *r = small("sync");
    struct ground g;
    assert_int_equal(lay(&g, r), 0);
    assert_int_equal(ground_depth(&g, DEPTH), 1);
    ground_release(&g);
    rig_close(r);
}

static void the_null_engine_is_never_believed(void **state)
{
    (void)state;
    struct rig *r = small("null");
    struct ground g;
    assert_int_equal(lay(&g, r), 0);
    ground_tell(&g, &r->run);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "our own cost"));
    ground_release(&g);
    rig_close(r);
}

static void a_budget_below_the_least_file_is_an_error_and_kept(void **state)
{
    (void)state;
    struct rig *r = small("auto");
    struct ground g;
    r->run.write_budget_bytes = 7 * RIG_MIB;
    assert_int_equal(lay(&g, r), -1);
    assert_true(r->result.written_bytes <= 7 * RIG_MIB);
    ground_release(&g);
    ground_release(&g);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_follows_memory_time_and_space),
        cmocka_unit_test(what_is_written_counts_once_and_reads_do_not),
        cmocka_unit_test(engines_race_where_the_slot_has_the_time_and_none_is_named),
        cmocka_unit_test(comparing_engines_is_part_of_the_preparation),
        cmocka_unit_test(the_engine_goes_without_what_is_switched_off),
        cmocka_unit_test(the_clock_is_told_and_a_drift_is_not_believed),
        cmocka_unit_test(an_engine_without_a_queue_has_depth_1),
        cmocka_unit_test(the_null_engine_is_never_believed),
        cmocka_unit_test(a_budget_below_the_least_file_is_an_error_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
