#include "probes/image/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probes/image/crate.h"

/* A lane with the crate's archive on its way to the crate's directory; the first block is made. */
struct road {
    struct crate *crate;
    struct oci_layer layer;
    struct lane lane;
    volatile sig_atomic_t stopping;
};

static struct road *road_open(void)
{
    struct road *r = calloc(1, sizeof *r);
    r->crate = crate_open();
    r->crate->limits.stopping = &r->stopping;
    assert_int_equal(lane_open(&r->lane, &r->crate->e), 0);
    return r;
}

static void road_close(struct road *r)
{
    lane_release(&r->lane);
    lane_release(&r->lane); /* may be called again */
    crate_close(r->crate);
    free(r);
}

static int road_do(struct road *r, enum lane_stage stage)
{
    r->crate->e = (struct err){ 0 };
    int failed = lane_do(&r->lane, stage, &r->crate->e);
    r->lane.done[stage]++;
    return failed;
}

static void road_start(struct road *r)
{
    const struct placer_site site = { .below = 1 };
    struct crate *c = r->crate;
    crate_end(c);
    r->layer.source = (struct stream_source){ .fd = c->fd, .size = c->size, .form = STREAM_PLAIN };
    assert_int_equal(lane_start(&r->lane, &r->layer, &site, dup(c->dir), &c->limits, &c->e), 0);
    assert_int_equal(road_do(r, LANE_EXPAND), 0);
}

static void a_stop_and_a_deadline_end_it_within_a_block(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct road *r = road_open();
        crate_add(r->crate, TAR_FILE, "a", "x");
        r->crate->limits.until_ns = i;
        r->stopping = !i;
        road_start(r);
        assert_int_equal(road_do(r, LANE_PLACE), -1);
        assert_int_equal(r->crate->e.kind, i ? ERR_TIMEOUT : ERR_INTERRUPTED);
        assert_int_equal(fake_names(r->crate->path), 0);
        road_close(r);
    }
}

static void a_stop_and_a_deadline_end_the_waiting_for_the_sync(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct road *r = road_open();
        r->crate->limits.until_ns = i == 1;
        r->stopping = i == 0;
        r->lane.syncs = true;
        road_start(r);
        assert_int_equal(road_do(r, LANE_PLACE), 0);
        assert_int_equal(road_do(r, LANE_EXPAND), 0);
        assert_int_equal(road_do(r, LANE_PLACE), i < 2 ? -1 : 0);
        if (i < 2)
            assert_int_equal(r->crate->e.kind, i ? ERR_TIMEOUT : ERR_INTERRUPTED);
        assert_true(r->lane.sync_ns > 0);
        road_close(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_and_a_deadline_end_it_within_a_block),
        cmocka_unit_test(a_stop_and_a_deadline_end_the_waiting_for_the_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
