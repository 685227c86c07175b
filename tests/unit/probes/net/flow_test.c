#include "probes/net/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct flow_table table;
    struct ackrtt_pool pool;
};

static int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct err e;
    *state = r;
    return flow_table_open(&r->table, 42, &e) || ackrtt_pool_open(&r->pool, &e);
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    flow_table_release(&r->table);
    flow_table_release(&r->table);
    ackrtt_pool_release(&r->pool);
    free(r);
    return 0;
}

/* From 10.x.x.x:40000 to 192.0.2.2:2379. */
static struct dissect_segment from(uint32_t host)
{
    struct dissect_segment s = { .version = 4 };
    s.from = (struct dissect_end){
        {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host},
        40000
    };
    s.to = (struct dissect_end){
        {192, 0, 2, 2},
        2379
    };
    return s;
}

static struct dissect_segment turned(struct dissect_segment s)
{
    struct dissect_end end = s.from;
    s.from = s.to;
    s.to = end;
    return s;
}

static struct flow *find(struct rig *r, struct dissect_segment s, unsigned *side)
{
    return flow_find(&r->table, &r->pool, &s, side);
}

static void both_directions_are_one_connection(void **state)
{
    struct rig *r = *state;
    unsigned there;
    unsigned back;
    struct flow *f = find(r, from(1), &there);
    assert_ptr_equal(find(r, turned(from(1)), &back), f);
    assert_int_equal(there + back, 1);
    assert_int_equal(f->ends[there].port, 40000);
    assert_ptr_not_equal(find(r, from(2), &there), f);
    struct dissect_segment other = from(1);
    other.from.port++;
    assert_ptr_not_equal(find(r, other, &there), f);
    other = from(1);
    other.version = 6;
    assert_ptr_not_equal(find(r, other, &there), f);
    assert_int_equal(r->table.count, 4);
}

static void the_server_is_who_was_called_else_the_lower_port(void **state)
{
    struct rig *r = *state;
    unsigned side;
    struct flow *f = find(r, from(1), &side);
    assert_int_equal(f->ends[flow_server(f)].port, 2379);
    f->track.caller = 1 - side; /* 2379 called 40000 */
    assert_int_equal(flow_server(f), side);
}

static void the_longest_silent_makes_room(void **state)
{
    struct rig *r = *state;
    unsigned side;
    for (uint32_t i = 0; i < FLOW_MAX; i++)
        find(r, from(i), &side)->segments = i + 1;
    assert_int_equal(find(r, from(0), &side)->segments, 1); /* heard again */
    assert_int_equal(find(r, from(FLOW_MAX), &side)->segments, 0);
    assert_int_equal(r->table.evicted, 1);
    assert_int_equal(find(r, from(0), &side)->segments, 1);
    assert_int_equal(find(r, from(2), &side)->segments, 3);
    assert_int_equal(find(r, from(1), &side)->segments, 0); /* it was this one */
    for (uint32_t i = 0; i < 3 * FLOW_MAX; i++)
        find(r, from(100000 + i), &side);
    assert_int_equal(r->table.count, FLOW_MAX);
    assert_int_equal(r->table.evicted, 2 + 3 * FLOW_MAX);
}

static void give(struct flow *f, unsigned samples, uint64_t ns)
{
    for (unsigned i = 0; i < samples; i++)
        sketch_record(&f->rtts[i % 2], ns);
}

static void the_board_holds_those_with_most_samples_also_evicted_ones(void **state)
{
    struct rig *r = *state;
    unsigned side;
    for (uint32_t i = 0; i < 2 * FLOW_MAX; i++)
        give(find(r, from(i), &side), i == 7 ? 500 : 1 + (i * 7919) % 300, 1000000);
    flow_table_close(&r->table);
    assert_int_equal(r->table.board_count, FLOW_BOARD);
    assert_int_equal(r->table.board[0].rtts[0].n + r->table.board[0].rtts[1].n, 500);
    for (unsigned i = 1; i < FLOW_BOARD; i++) {
        const struct flow_row *row = &r->table.board[i];
        assert_int_equal(row->rtts[0].n + row->rtts[1].n, 300);
        assert_true(row->rtts[0].p50_ns > 980000 && row->rtts[0].p50_ns < 1020000);
    }
    assert_int_equal(r->table.one_sided, 2 * FLOW_MAX);
}

static void an_evicted_one_gives_its_room_back(void **state)
{
    struct rig *r = *state;
    for (uint32_t i = 0; i < 2 * FLOW_MAX; i++) {
        struct track_found found;
        unsigned side;
        struct dissect_segment s = from(i);
        s.payload_bytes = 100;
        struct flow *f = find(r, s, &side);
        track_take(&f->track, &r->pool, &s, side, i + 1, &found);
    }
    assert_int_equal(r->pool.used, FLOW_MAX);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(both_directions_are_one_connection),
        T(the_server_is_who_was_called_else_the_lower_port),
        T(the_longest_silent_makes_room),
        T(the_board_holds_those_with_most_samples_also_evicted_ones),
        T(an_evicted_one_gives_its_room_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
