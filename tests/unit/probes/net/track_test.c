#include "probes/net/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    CLIENT,
    SERVER,
    MS = 1000000
};

/* One connection, its clock in milliseconds. Sequence numbers begin near the wrap. */
struct rig {
    struct ackrtt_pool pool;
    struct track track;
    struct track_found found;
    struct dissect_segment next; /* template: timestamps, window, id */
    uint32_t base[2];
};

static int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct err e;
    r->base[CLIENT] = UINT32_MAX - 1000;
    r->base[SERVER] = UINT32_MAX - 5;
    r->next.window = 1000;
    *state = r;
    return ackrtt_pool_open(&r->pool, &e);
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    ackrtt_pool_release(&r->pool);
    free(r);
    return 0;
}

static void take(struct rig *r, double ms, unsigned side, struct dissect_segment s)
{
    s.window = s.window ? s.window : r->next.window;
    track_take(&r->track, &r->pool, &s, side, (uint64_t)(ms * MS) + 1, &r->found);
}

/* Octets from..to of a side's stream, counted from 1 behind the SYN. */
static void data(struct rig *r, double ms, unsigned side, uint32_t from, uint32_t to)
{
    struct dissect_segment s = r->next;
    s.seq = r->base[side] + from;
    s.payload_bytes = to - from;
    take(r, ms, side, s);
}

/* That side acknowledges the other's octets below `to`. */
static void ack(struct rig *r, double ms, unsigned side, uint32_t to)
{
    struct dissect_segment s = r->next;
    s.flags = DISSECT_ACK;
    s.seq = r->track.sides[side].sent.begun ? r->track.sides[side].sent.next : r->base[side] + 1;
    s.ack = r->base[1 - side] + to;
    take(r, ms, side, s);
}

static void syn(struct rig *r, double ms)
{
    struct dissect_segment s = r->next;
    s.flags = DISSECT_SYN;
    s.seq = r->base[CLIENT];
    take(r, ms, CLIENT, s);
}

static void syn_ack(struct rig *r, double ms)
{
    struct dissect_segment s = r->next;
    s.flags = DISSECT_SYN | DISSECT_ACK;
    s.seq = r->base[SERVER];
    s.ack = r->base[CLIENT] + 1;
    take(r, ms, SERVER, s);
}

static void shake(struct rig *r)
{
    syn(r, 0);
    syn_ack(r, 10);
    ack(r, 11, CLIENT, 1);
}

static void assert_rtt(const struct rig *r, double ms)
{
    assert_int_equal(r->found.ack.answer, ACKRTT_SAMPLE);
    assert_int_equal(r->found.ack.rtt_ns, (uint64_t)(ms * MS));
}

static void assert_path(const struct rig *r, double ms)
{
    assert_true(r->found.ack.is_path);
    assert_int_equal(r->found.ack.path_ns, (uint64_t)(ms * MS));
}

static void handshake_gives_both_halves_and_the_whole(void **state)
{
    struct rig *r = *state;
    syn(r, 0);
    assert_true(r->found.fresh);
    assert_int_equal(r->found.sent, ACKRTT_NEW);
    syn_ack(r, 10);
    assert_rtt(r, 10);
    assert_int_equal(r->found.to, SERVER);
    assert_false(r->found.shaken);
    ack(r, 11, CLIENT, 1);
    assert_rtt(r, 1);
    assert_int_equal(r->found.to, CLIENT);
    assert_true(r->found.shaken);
    assert_int_equal(r->found.handshake_ns, 11 * MS);
    assert_int_equal(r->track.caller, CLIENT);
    ack(r, 12, CLIENT, 1);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    assert_false(r->found.shaken);
}

static void a_syn_sent_again_gives_no_handshake(void **state)
{
    struct rig *r = *state;
    syn(r, 0);
    syn(r, 1000);
    assert_false(r->found.fresh);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
    syn_ack(r, 1010);
    assert_int_equal(r->found.ack.answer, ACKRTT_AMBIGUOUS);
    ack(r, 1011, CLIENT, 1);
    assert_rtt(r, 1);
    assert_false(r->found.shaken);
}

static void a_syn_ack_sent_again_gives_no_handshake(void **state)
{
    struct rig *r = *state;
    syn(r, 0);
    syn_ack(r, 10);
    syn_ack(r, 1010);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
    ack(r, 1011, CLIENT, 1);
    assert_int_equal(r->found.ack.answer, ACKRTT_AMBIGUOUS);
    assert_false(r->found.shaken);
}

static void data_and_its_ack_match_both_ways_and_over_the_wrap(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 901);
    data(r, 21, CLIENT, 901, 1101); /* over the wrap */
    ack(r, 30, SERVER, 901);
    assert_rtt(r, 10);
    ack(r, 33, SERVER, 1101);
    assert_rtt(r, 12);
    data(r, 40, SERVER, 1, 101);
    ack(r, 40.5, CLIENT, 101);
    assert_rtt(r, 0.5);
    assert_int_equal(r->found.to, CLIENT);
}

static void delayed_ack_of_two_counts_from_the_second(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    data(r, 25, CLIENT, 101, 201);
    ack(r, 35, SERVER, 201);
    assert_rtt(r, 10);
    data(r, 50, CLIENT, 201, 301);
    ack(r, 100, SERVER, 301); /* held back: no one can see that */
    assert_rtt(r, 50);
}

static void dup_acks_and_window_updates_give_none(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    ack(r, 30, SERVER, 101);
    assert_rtt(r, 10);
    for (unsigned i = 0; i < 3; i++) {
        ack(r, 31 + i, SERVER, 101);
        assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    }
    ack(r, 40, SERVER, 51); /* an older one, overtaken */
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
}

/* A large segment that the NIC cuts: its parts are acknowledged, its RTT is that of its end. */
static void a_segment_larger_than_the_mtu_counts_to_its_end(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 65161);
    ack(r, 30, SERVER, 2897);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    ack(r, 31, SERVER, 5793);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    ack(r, 35, SERVER, 65161);
    assert_rtt(r, 15);
}

static void karn_leaves_out_what_was_sent_again(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    data(r, 220, CLIENT, 1, 101);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
    ack(r, 230, SERVER, 101);
    assert_int_equal(r->found.ack.answer, ACKRTT_AMBIGUOUS);
    data(r, 240, CLIENT, 101, 201);
    ack(r, 250, SERVER, 201);
    assert_rtt(r, 10);
}

static void timestamps_tell_which_copy_was_answered(void **state)
{
    struct rig *r = *state;
    shake(r);
    r->next.stamped = true;
    for (unsigned answered = 0; answered < 2; answered++) {
        uint32_t from = 1 + 100 * answered;
        double at = 1000 * (answered + 1);
        r->next.tsval = 500 + 1000 * answered;
        data(r, at, CLIENT, from, from + 100);
        r->next.tsval = 700 + 1000 * answered;
        data(r, at + 200, CLIENT, from, from + 100);
        r->next.tsecr = (answered ? 700 : 500) + 1000 * answered;
        ack(r, at + 210, SERVER, from + 100);
        assert_path(r, answered ? 10 : 210);
        assert_int_equal(r->found.ack.answer, answered ? ACKRTT_AMBIGUOUS : ACKRTT_SAMPLE);
        assert_true(r->found.ack.is_any);
        assert_int_equal(r->found.ack.any_ns, 210 * MS);
    }
    r->next.tsval = 3000;
    data(r, 5000, CLIENT, 201, 301);
    data(r, 5001, CLIENT, 201, 301); /* within one tick of its clock */
    r->next.tsecr = 3000;
    ack(r, 5010, SERVER, 301);
    assert_int_equal(r->found.ack.answer, ACKRTT_AMBIGUOUS);
    assert_false(r->found.ack.is_path);
}

/* 2 is lost, 3 and 4 wait at the receiver, which says so in SACKs; 2 comes again. */
static void what_waits_behind_a_hole_is_no_path(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    data(r, 21, CLIENT, 101, 201);
    data(r, 22, CLIENT, 201, 301);
    data(r, 23, CLIENT, 301, 401);
    ack(r, 30, SERVER, 101);
    assert_rtt(r, 10);
    ack(r, 32, SERVER, 101);
    ack(r, 33, SERVER, 101);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    data(r, 40, CLIENT, 101, 201);
    ack(r, 50, SERVER, 401);
    assert_rtt(r, 27);
    assert_false(r->found.ack.is_path);
}

/* The same captured at the receiver, which never saw the first 2. */
static void the_filler_of_a_hole_is_what_the_ack_answers(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    data(r, 21, CLIENT, 201, 301);
    assert_int_equal(r->found.sent, ACKRTT_NEW);
    data(r, 220, CLIENT, 101, 201);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
    ack(r, 220.5, SERVER, 301);
    assert_rtt(r, 199.5);
    assert_path(r, 0.5);
}

static void a_hole_filled_within_an_rtt_is_disorder(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    data(r, 21, CLIENT, 201, 301);
    data(r, 25, CLIENT, 101, 201);
    assert_int_equal(r->found.sent, ACKRTT_REORDERED);
    ack(r, 26, SERVER, 301);
    assert_rtt(r, 5);
    assert_path(r, 1);
}

static void the_stamp_of_a_filler_tells_disorder_from_loss(void **state)
{
    struct rig *r = *state;
    shake(r);
    r->next.stamped = true;
    r->next.tsval = 100;
    data(r, 20, CLIENT, 1, 101);
    r->next.tsval = 105;
    data(r, 21, CLIENT, 201, 301);
    r->next.tsval = 104;
    data(r, 90, CLIENT, 101, 201); /* late, but sent before what overtook it */
    assert_int_equal(r->found.sent, ACKRTT_REORDERED);
    r->next.tsval = 200;
    data(r, 100, CLIENT, 401, 501);
    r->next.tsval = 202;
    data(r, 102, CLIENT, 301, 401); /* soon, but sent after it */
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
}

static void old_and_new_in_one_segment_counts_from_the_new(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    data(r, 30, CLIENT, 1, 201);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
    ack(r, 40, SERVER, 201);
    assert_rtt(r, 10);
}

static void what_was_acknowledged_already_is_sent_again(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    ack(r, 30, SERVER, 101);
    data(r, 31, CLIENT, 1, 101);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
    ack(r, 32, SERVER, 101); /* at once, for it needs none */
    assert_int_equal(r->found.ack.answer, ACKRTT_AMBIGUOUS);
    assert_true(r->found.ack.is_any && !r->found.ack.is_path);
    assert_int_equal(r->found.ack.any_ns, MS);
    ack(r, 33, SERVER, 101);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
}

static void keep_alives_and_probes_are_no_data(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    ack(r, 30, SERVER, 101);
    data(r, 5000, CLIENT, 100, 100);
    assert_int_equal(r->found.sent, ACKRTT_KEEPALIVE);
    data(r, 6000, CLIENT, 100, 101);
    assert_int_equal(r->found.sent, ACKRTT_KEEPALIVE);
    ack(r, 6010, SERVER, 101);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    struct dissect_segment closed = { .flags = DISSECT_ACK,
                                      .seq = r->base[SERVER] + 1,
                                      .ack = r->base[CLIENT] + 101 };
    r->next.window = 0;
    take(r, 6020, SERVER, closed);
    data(r, 6500, CLIENT, 101, 102);
    assert_int_equal(r->found.sent, ACKRTT_PROBE);
    ack(r, 6600, SERVER, 101);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    r->next.window = 1000;
    ack(r, 6700, SERVER, 101);
    data(r, 7000, CLIENT, 101, 301);
    assert_int_equal(r->found.sent, ACKRTT_NEW);
    ack(r, 7010, SERVER, 301);
    assert_rtt(r, 10);
}

static void one_octet_sent_again_is_no_keep_alive(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 2);
    data(r, 220, CLIENT, 1, 2);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
}

static void fin_is_answered_like_data(void **state)
{
    struct rig *r = *state;
    shake(r);
    struct dissect_segment fin = { .flags = DISSECT_FIN | DISSECT_ACK,
                                   .seq = r->base[CLIENT] + 1,
                                   .ack = r->base[SERVER] + 1 };
    take(r, 20, CLIENT, fin);
    assert_int_equal(r->found.sent, ACKRTT_NEW);
    ack(r, 30, SERVER, 2);
    assert_rtt(r, 10);
}

static void one_direction_alone_gives_nothing_and_holds_little(void **state)
{
    struct rig *r = *state;
    for (uint32_t i = 0; i < 10000; i++) {
        data(r, i, CLIENT, 1 + i * 100, 101 + i * 100);
        assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    }
    assert_true(r->track.sides[CLIENT].sent.count <= ACKRTT_DEPTH_FIRST);
    assert_false(r->track.sides[SERVER].seen);
}

static void a_capture_that_begins_in_the_middle_matches_what_it_saw(void **state)
{
    struct rig *r = *state;
    ack(r, 1, SERVER, 501); /* of data before the capture */
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    data(r, 20, CLIENT, 501, 601);
    ack(r, 30, SERVER, 601);
    assert_rtt(r, 10);
    assert_int_equal(r->track.caller, TRACK_CALLER_UNKNOWN);
}

static void acks_of_what_was_not_captured_are_counted_and_passed(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    ack(r, 30, SERVER, 301);
    assert_int_equal(r->found.ack.answer, ACKRTT_GAP);
    data(r, 31, CLIENT, 101, 301); /* captured after its ACK */
    assert_int_equal(r->found.sent, ACKRTT_UNSEEN);
    ack(r, 32, SERVER, 301);
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    data(r, 40, CLIENT, 301, 401);
    ack(r, 50, SERVER, 401);
    assert_rtt(r, 10);
}

static void a_clock_that_went_back_gives_none(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 50, CLIENT, 1, 101);
    ack(r, 40, SERVER, 101);
    assert_int_equal(r->found.ack.answer, ACKRTT_BACKWARDS);
}

static void ports_used_again_are_another_connection(void **state)
{
    struct rig *r = *state;
    shake(r);
    data(r, 20, CLIENT, 1, 101);
    r->base[CLIENT] += 77777;
    r->base[SERVER] += 999999;
    syn(r, 1000);
    assert_true(r->found.fresh);
    syn_ack(r, 1010);
    assert_rtt(r, 10);
    ack(r, 1011, CLIENT, 1);
    assert_true(r->found.shaken);
    data(r, 1020, CLIENT, 1, 101);
    assert_int_equal(r->found.sent, ACKRTT_NEW);
}

static void a_refused_call_is_answered_all_the_same(void **state)
{
    struct rig *r = *state;
    syn(r, 0);
    struct dissect_segment rst = { .flags = DISSECT_RST | DISSECT_ACK, .ack = r->base[CLIENT] + 1 };
    take(r, 10, SERVER, rst);
    assert_rtt(r, 10);
}

static void one_packet_at_two_interfaces_is_not_sent_again(void **state)
{
    struct rig *r = *state;
    shake(r);
    r->next.id = 4711;
    data(r, 20, CLIENT, 1, 101);
    data(r, 20.02, CLIENT, 1, 101);
    assert_int_equal(r->found.sent, ACKRTT_COPY);
    ack(r, 30, SERVER, 101);
    assert_rtt(r, 10);
    data(r, 40, CLIENT, 101, 201);
    r->next.id = 4712; /* Linux numbers each packet that it sends */
    data(r, 40.02, CLIENT, 101, 201);
    assert_int_equal(r->found.sent, ACKRTT_AGAIN);
}

static void what_finds_no_room_gives_none_and_later_ones_do(void **state)
{
    struct rig *r = *state;
    shake(r);
    uint32_t to = 1;
    for (uint32_t i = 0; i < ACKRTT_DEPTH + 100; i++, to += 10)
        data(r, 20, CLIENT, to, to + 10);
    assert_int_equal(r->track.sides[CLIENT].sent.count, ACKRTT_DEPTH);
    ack(r, 30, SERVER, 11);
    assert_rtt(r, 10);
    ack(r, 31, SERVER, to); /* its segment found no room */
    assert_int_equal(r->found.ack.answer, ACKRTT_NONE);
    data(r, 40, CLIENT, to, to + 10);
    ack(r, 50, SERVER, to + 10);
    assert_rtt(r, 10);
}

static unsigned free_nodes(const struct ackrtt_pool *p)
{
    unsigned count = ACKRTT_POOL - p->used;
    for (uint32_t i = p->free; i; i = p->nodes[i].next)
        count++;
    return count;
}

static void all_room_comes_back(void **state)
{
    struct rig *r = *state;
    unsigned before = free_nodes(&r->pool);
    shake(r);
    for (uint32_t i = 0; i < 500; i++)
        data(r, 20 + i, CLIENT, 1 + (i * 7919) % 5000, 101 + (i * 7919) % 5000);
    assert_true(free_nodes(&r->pool) < before);
    track_reset(&r->track, &r->pool);
    assert_int_equal(free_nodes(&r->pool), before);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(handshake_gives_both_halves_and_the_whole),
        T(a_syn_sent_again_gives_no_handshake),
        T(a_syn_ack_sent_again_gives_no_handshake),
        T(data_and_its_ack_match_both_ways_and_over_the_wrap),
        T(delayed_ack_of_two_counts_from_the_second),
        T(dup_acks_and_window_updates_give_none),
        T(a_segment_larger_than_the_mtu_counts_to_its_end),
        T(karn_leaves_out_what_was_sent_again),
        T(timestamps_tell_which_copy_was_answered),
        T(what_waits_behind_a_hole_is_no_path),
        T(the_filler_of_a_hole_is_what_the_ack_answers),
        T(a_hole_filled_within_an_rtt_is_disorder),
        T(the_stamp_of_a_filler_tells_disorder_from_loss),
        T(old_and_new_in_one_segment_counts_from_the_new),
        T(what_was_acknowledged_already_is_sent_again),
        T(keep_alives_and_probes_are_no_data),
        T(one_octet_sent_again_is_no_keep_alive),
        T(fin_is_answered_like_data),
        T(one_direction_alone_gives_nothing_and_holds_little),
        T(a_capture_that_begins_in_the_middle_matches_what_it_saw),
        T(acks_of_what_was_not_captured_are_counted_and_passed),
        T(a_clock_that_went_back_gives_none),
        T(ports_used_again_are_another_connection),
        T(a_refused_call_is_answered_all_the_same),
        T(one_packet_at_two_interfaces_is_not_sent_again),
        T(what_finds_no_room_gives_none_and_later_ones_do),
        T(all_room_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
