#include "probes/net/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

#define US         ((uint64_t)CLK_NS_PER_US)
#define MS         ((uint64_t)CLK_NS_PER_MS)
#define S          ((uint64_t)CLK_NS_PER_S)
#define MONO_START (1000 * S)
#define REAL_START (UINT64_C(1790000000) * S)

enum {
    SSID = 0x1234,
    PACKETS = 2000
};

/*
 * A network in which everything is said: when a packet leaves, how long it takes each way, how long
 * the reflector holds it, how far its clock is ahead, how far ours was stepped.
 */
struct stage {
    struct session session;
    uint8_t packets[PACKETS][STAMP_BYTES];
    uint64_t left_ns[PACKETS]; /* since MONO_START */
    unsigned count;
    int64_t ahead_ns; /* the reflector's clock before ours */
    int64_t step_ns;  /* added to our wall clock from now on */
    unsigned told;    /* samples */
    struct session_sample last;
};

static struct session_time at(const struct stage *t, uint64_t ns)
{
    return (struct session_time){ .mono_ns = MONO_START + ns,
                                  .real_ns = REAL_START + ns + (uint64_t)t->step_ns };
}

static void tell(void *arg, const struct session_sample *sample)
{
    struct stage *t = arg;
    t->told++;
    t->last = *sample;
}

static int open_stage(void **state)
{
    static struct stage t;
    static const struct session_terms terms = {
        .ssid = SSID,
        .interval_ns = 10 * MS,
        .tmax_ns = 3 * S,
        .sink = {.sample = tell, .arg = &t}
    };
    struct err e;
    memset(&t, 0, sizeof t);
    *state = &t;
    return session_open(&t.session, &terms, &e);
}

static int close_stage(void **state)
{
    struct stage *t = *state;
    session_release(&t->session);
    session_release(&t->session);
    return 0;
}

static unsigned leave(struct stage *t, uint64_t when_ns)
{
    unsigned i = t->count++;
    t->left_ns[i] = when_ns;
    assert_int_equal(session_send(&t->session, at(t, when_ns), 0x0101, t->packets[i]), 0);
    return i;
}

/* Takes a packet of which the kernel says nothing. */
static enum session_kind receive(struct stage *t, const uint8_t *packet, size_t size,
                                 struct session_time now, struct session_sample *sample)
{
    struct session_arrival came = { .read = now };
    enum session_kind kind = session_receive(&t->session, packet, size, &came);
    *sample = t->last;
    return kind;
}

struct way {
    uint64_t there_ns, held_ns, back_ns;
};

static void reflect(const struct stage *t, unsigned i, struct way way, uint8_t *packet)
{
    struct stamp_request request;
    assert_int_equal(stamp_get_request(t->packets[i], STAMP_BYTES, false, &request), 0);
    uint64_t t2 = REAL_START + t->left_ns[i] + way.there_ns + (uint64_t)t->ahead_ns;
    struct stamp_reply reply = { .sequence = request.sequence,
                                 .reflected = stamp_ntp_of_ns(t2 + way.held_ns),
                                 .reflected_error = 0x0101,
                                 .ssid = request.ssid,
                                 .received = stamp_ntp_of_ns(t2),
                                 .request = request,
                                 .request_ttl = 60 };
    stamp_put_reply(&reply, false, packet, STAMP_BYTES);
}

/* Packet i goes there and back. */
static enum session_kind arrive(struct stage *t, unsigned i, struct way way,
                                struct session_sample *sample)
{
    uint8_t packet[STAMP_BYTES];
    reflect(t, i, way, packet);
    uint64_t when_ns = t->left_ns[i] + way.there_ns + way.held_ns + way.back_ns;
    return receive(t, packet, sizeof packet, at(t, when_ns), sample);
}

static const struct way usual = { .there_ns = 100 * US, .held_ns = 30 * US, .back_ns = 140 * US };

static void round_trip_leaves_out_the_residence(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    unsigned i = leave(t, 0);
    assert_int_equal(arrive(t, i, usual, &sample), SESSION_SAMPLE);
    assert_true(sample.rtt_ns == 240 * US);
    assert_int_equal(sample.request_ttl, 60);
    assert_int_equal(sample.ipdv_count, 0);
    session_settle(&t->session, MONO_START + MS);
    assert_int_equal(t->session.counts.settled, 1);
    assert_int_equal(t->session.counts.lost, 0);
    assert_int_equal(session_unsettled(&t->session), 0);
}

static void offset_is_that_of_the_peer_less_half_the_asymmetry(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    t->ahead_ns = 7 * (int64_t)MS;
    (void)arrive(t, leave(t, 0), usual, &sample);
    assert_true(sample.offset_known);
    /* (100 us - 140 us) / 2 */
    assert_int_equal(sample.offset_ns, 7 * (int64_t)MS - 20 * (int64_t)US);
    t->ahead_ns = -500 * (int64_t)S;
    (void)arrive(t, leave(t, 10 * MS), usual, &sample);
    assert_int_equal(sample.offset_ns, -500 * (int64_t)S - 20 * (int64_t)US);
    assert_true(sample.rtt_ns == 240 * US);
}

static void ipdv_is_each_ways_change_between_neighbours(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    t->ahead_ns = 3 * (int64_t)S;
    (void)arrive(t, leave(t, 0), usual, &sample);
    unsigned i = leave(t, 10 * MS);
    (void)arrive(t, i, (struct way){ 150 * US, 5 * US, 120 * US }, &sample);
    assert_int_equal(sample.ipdv_count, 1);
    assert_int_equal(sample.ipdv_up_ns[0], 50 * US);
    assert_int_equal(sample.ipdv_down_ns[0], 20 * US);
}

static void ipdv_skips_what_was_lost(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    (void)arrive(t, leave(t, 0), usual, &sample);
    (void)leave(t, 10 * MS);
    (void)arrive(t, leave(t, 20 * MS), usual, &sample);
    assert_int_equal(sample.ipdv_count, 0);
}

static void answer_between_two_others_makes_both_pairs(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    unsigned a = leave(t, 0);
    unsigned b = leave(t, 10 * MS);
    unsigned c = leave(t, 20 * MS);
    (void)arrive(t, a, usual, &sample);
    (void)arrive(t, c, usual, &sample);
    assert_int_equal(sample.ipdv_count, 0);
    (void)arrive(t, b, (struct way){ 30 * MS, 0, 140 * US }, &sample);
    assert_int_equal(sample.ipdv_count, 2);
    assert_int_equal(sample.ipdv_up_ns[0], 30 * MS - 100 * US);
    assert_int_equal(sample.ipdv_down_ns[0], 0);
    assert_int_equal(sample.ipdv_up_ns[1], 30 * MS - 100 * US);
    assert_int_equal(t->session.order.reordered, 1);
}

static void every_tenth_packet_lost_is_a_tenth(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    for (unsigned k = 0; k < 1000; k++) {
        unsigned i = leave(t, k * 10 * MS);
        session_settle(&t->session, MONO_START + k * 10 * MS);
        if (k % 10 != 3)
            assert_int_equal(arrive(t, i, usual, &sample), SESSION_SAMPLE);
    }
    assert_true(t->session.counts.settled < 1000);
    session_settle(&t->session, MONO_START + 1000 * 10 * MS + 4 * S);
    assert_int_equal(t->session.counts.settled, 1000);
    assert_int_equal(t->session.counts.lost, 100);
    assert_int_equal(t->session.counts.received[SESSION_SAMPLE], 900);
}

struct given_up {
    unsigned count;
    uint32_t last;
};

static void give_up(void *arg, uint32_t sequence)
{
    struct given_up *g = arg;
    g->count++;
    g->last = sequence;
}

static void each_lost_packet_is_told_once(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    struct given_up g = { 0 };
    t->session.terms.sink = (struct session_sink){ .lost = give_up, .arg = &g };
    for (unsigned k = 0; k < 3; k++) {
        unsigned i = leave(t, k * 10 * MS);
        if (k != 1)
            (void)arrive(t, i, usual, &sample);
    }
    session_settle(&t->session, MONO_START + 4 * S);
    session_settle(&t->session, MONO_START + 5 * S);
    assert_int_equal(g.count, 1);
    assert_int_equal(g.last, 1);
}

static void packet_is_not_lost_before_tmax(void **state)
{
    struct stage *t = *state;
    (void)leave(t, 0);
    session_settle(&t->session, MONO_START + 3 * S);
    assert_int_equal(t->session.counts.lost, 0);
    session_settle(&t->session, MONO_START + 3 * S + 1);
    assert_int_equal(t->session.counts.lost, 1);
}

static void late_answer_stays_lost(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    static const struct way slow = { .there_ns = 100 * MS, .back_ns = 3 * S };
    unsigned i = leave(t, 0);
    unsigned k = leave(t, 10 * MS);
    session_settle(&t->session, MONO_START + 3 * S + 1);
    assert_int_equal(arrive(t, i, slow, &sample), SESSION_LATE); /* given up already */
    assert_int_equal(arrive(t, k, slow, &sample), SESSION_LATE); /* not given up yet */
    session_settle(&t->session, MONO_START + 5 * S);
    assert_int_equal(t->session.counts.lost, 2);
    assert_int_equal(t->session.counts.received[SESSION_LATE], 2);
}

static void second_answer_is_a_duplicate_and_no_sample(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    unsigned i = leave(t, 0);
    assert_int_equal(arrive(t, i, usual, &sample), SESSION_SAMPLE);
    assert_int_equal(arrive(t, i, usual, &sample), SESSION_DUPLICATE);
    session_settle(&t->session, MONO_START + S);
    assert_int_equal(arrive(t, i, usual, &sample), SESSION_DUPLICATE);
    assert_int_equal(t->session.counts.received[SESSION_DUPLICATE], 2);
    assert_int_equal(t->session.counts.settled, 1);
    assert_int_equal(t->session.order.reordered, 0);
}

static void reordering_counts_as_rfc_4737(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    /* 1 2 5 3 4 6: 3 and 4 are reordered. */
    static const unsigned order[] = { 0, 1, 4, 2, 3, 5 };
    for (unsigned k = 0; k < 6; k++)
        (void)leave(t, k * 10 * MS);
    for (unsigned k = 0; k < 6; k++)
        (void)arrive(t, order[k], (struct way){ 100 * MS, 0, 100 * MS }, &sample);
    assert_int_equal(t->session.order.reordered, 2);
    assert_int_equal(t->session.counts.received[SESSION_SAMPLE], 6);
}

static void gap_is_the_longest_time_between_answers(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    for (unsigned k = 0; k < 200; k++) {
        unsigned i = leave(t, k * 10 * MS);
        if (k < 50 || k >= 90) /* 40 are lost */
            (void)arrive(t, i, usual, &sample);
    }
    uint64_t gap_ns = session_take_gap(&t->session, MONO_START + 2 * S);
    assert_true(gap_ns == 410 * MS);
    for (unsigned k = 200; k < 300; k++)
        (void)arrive(t, leave(t, k * 10 * MS), usual, &sample);
    assert_true(session_take_gap(&t->session, MONO_START + 3 * S) == 10 * MS);
}

static void gap_that_has_not_ended_counts(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    (void)arrive(t, leave(t, 0), usual, &sample);
    for (unsigned k = 1; k < 100; k++)
        (void)leave(t, k * 10 * MS);
    assert_true(session_take_gap(&t->session, MONO_START + S) == S - 270 * US);
    /* And goes on. */
    assert_true(session_take_gap(&t->session, MONO_START + 2 * S) == 2 * S - 270 * US);
}

static void gap_of_a_peer_that_never_answers_is_the_whole_time(void **state)
{
    struct stage *t = *state;
    for (unsigned k = 0; k < 100; k++)
        (void)leave(t, k * 10 * MS);
    assert_true(session_take_gap(&t->session, MONO_START + S) == S);
}

static void senders_own_pause_is_no_gap(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    (void)arrive(t, leave(t, 0), usual, &sample);
    (void)arrive(t, leave(t, 700 * MS), usual, &sample);
    assert_true(session_take_gap(&t->session, MONO_START + S) == 10 * MS + 270 * US);
}

static void senders_own_pause_in_a_gap_is_left_out(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    (void)arrive(t, leave(t, 0), usual, &sample);
    (void)leave(t, 10 * MS); /* lost */
    session_skip(&t->session, 700 * MS);
    (void)arrive(t, leave(t, 720 * MS), usual, &sample);
    assert_true(session_take_gap(&t->session, MONO_START + S) == 20 * MS);
}

static void step_of_our_clock_moves_no_round_trip(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    (void)arrive(t, leave(t, 0), usual, &sample);
    unsigned i = leave(t, 10 * MS);
    t->step_ns = -5 * (int64_t)S;
    assert_int_equal(arrive(t, i, usual, &sample), SESSION_SAMPLE);
    assert_true(sample.rtt_ns == 240 * US);
    assert_false(sample.clocks_steady);
    assert_false(sample.offset_known);
    assert_int_equal(sample.ipdv_count, 0);
    assert_int_equal(t->session.counts.steps, 1);
    /* The next has no steady neighbour, the one after has. */
    t->ahead_ns = -5 * (int64_t)S;
    (void)arrive(t, leave(t, 20 * MS), usual, &sample);
    assert_true(sample.clocks_steady);
    assert_int_equal(sample.ipdv_count, 0);
    (void)arrive(t, leave(t, 30 * MS), usual, &sample);
    assert_int_equal(sample.ipdv_count, 1);
    assert_int_equal(sample.ipdv_up_ns[0], 0);
}

static void slewed_clock_is_no_step(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    unsigned i = leave(t, 0);
    t->step_ns = (int64_t)MS;
    assert_int_equal(arrive(t, i, usual, &sample), SESSION_SAMPLE);
    assert_true(sample.clocks_steady);
}

static void times_that_cannot_be_are_no_sample_and_no_loss(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    uint8_t packet[STAMP_BYTES];
    unsigned i = leave(t, 0);
    unsigned k = leave(t, 10 * MS);
    reflect(t, i, (struct way){ 100 * US, 2 * S, 0 }, packet); /* held longer than it was away */
    assert_int_equal(receive(t, packet, sizeof packet, at(t, MS), &sample), SESSION_IMPLAUSIBLE);
    reflect(t, k, (struct way){ 100 * US, (uint64_t) - (int64_t)US, 0 }, packet); /* T3 < T2 */
    assert_int_equal(receive(t, packet, sizeof packet, at(t, 11 * MS), &sample),
                     SESSION_IMPLAUSIBLE);
    session_settle(&t->session, MONO_START + 5 * S);
    assert_int_equal(t->session.counts.settled, 2);
    assert_int_equal(t->session.counts.lost, 0);
}

static void ptp_reflector_gives_round_trips_but_no_offset(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    uint8_t packet[STAMP_BYTES];
    struct stamp_request request;
    unsigned i = leave(t, 0);
    (void)stamp_get_request(t->packets[i], STAMP_BYTES, false, &request);
    uint64_t tai_s = REAL_START / S + 37;
    struct stamp_reply reply = { .reflected = tai_s << 32 | 130000,
                                 .reflected_error = 0x4101,
                                 .received = tai_s << 32 | 100000,
                                 .request = request };
    stamp_put_reply(&reply, false, packet, sizeof packet);
    assert_int_equal(receive(t, packet, sizeof packet, at(t, 270 * US), &sample), SESSION_SAMPLE);
    assert_true(sample.rtt_ns == 240 * US);
    assert_false(sample.offset_known);
}

static void what_is_not_ours_is_told_apart(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    uint8_t good[STAMP_BYTES + 1] = { 0 };
    uint8_t bad[STAMP_BYTES];
    reflect(t, leave(t, 0), usual, good);
    struct session_time now = at(t, MS);
    for (size_t size = 0; size < STAMP_REFLECTED_BYTES; size++)
        assert_int_equal(receive(t, good, size, now, &sample), SESSION_TRUNCATED);
    assert_int_equal(receive(t, good, sizeof good, now, &sample), SESSION_OVERSIZED);
    memcpy(bad, good, sizeof bad);
    bad[15] ^= 1; /* SSID */
    assert_int_equal(receive(t, bad, sizeof bad, now, &sample), SESSION_FOREIGN);
    memcpy(bad, good, sizeof bad);
    bad[27] ^= 1; /* our sequence: not sent yet */
    assert_int_equal(receive(t, bad, sizeof bad, now, &sample), SESSION_UNKNOWN);
    memcpy(bad, good, sizeof bad);
    bad[35] ^= 1; /* our timestamp */
    assert_int_equal(receive(t, bad, sizeof bad, now, &sample), SESSION_UNKNOWN);
    /* None of them spoilt the answer. */
    assert_int_equal(receive(t, good, STAMP_BYTES, now, &sample), SESSION_SAMPLE);
}

static void reflector_without_ssid_is_accepted(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    uint8_t packet[STAMP_BYTES];
    reflect(t, leave(t, 0), usual, packet);
    packet[14] = packet[15] = 0;
    assert_int_equal(receive(t, packet, STAMP_REFLECTED_BYTES, at(t, MS), &sample), SESSION_SAMPLE);
}

static void answer_before_it_was_asked_is_stale(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    uint8_t packet[STAMP_BYTES];
    reflect(t, leave(t, 5 * MS), usual, packet);
    assert_int_equal(receive(t, packet, sizeof packet, at(t, MS), &sample), SESSION_UNKNOWN);
}

static void ring_full_of_open_packets_refuses_another(void **state)
{
    (void)state;
    struct session s;
    struct err e;
    uint8_t packet[STAMP_BYTES];
    static const struct session_terms terms = { .ssid = 1, .interval_ns = S, .tmax_ns = 3 * S };
    assert_int_equal(session_open(&s, &terms, &e), 0);
    unsigned taken = 0;
    while (taken < 1000 &&
           session_send(&s, (struct session_time){ taken + 1, taken + 1 }, 1, packet) == 0)
        taken++;
    assert_true(taken >= 5 && taken < 1000);
    assert_int_equal(s.counts.sent, taken);
    session_settle(&s, 10 * S);
    assert_int_equal(s.counts.lost, taken);
    assert_int_equal(session_send(&s, (struct session_time){ 10 * S, 10 * S }, 1, packet), 0);
    session_release(&s);
}

static void interval_that_needs_too_much_memory_is_refused(void **state)
{
    (void)state;
    struct session s;
    struct err e = { 0 };
    struct session_terms terms = { .ssid = 1, .interval_ns = 1, .tmax_ns = 3 * S };
    assert_int_equal(session_open(&s, &terms, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    terms.interval_ns = 0;
    assert_int_equal(session_open(&s, &terms, &e), -1);
    session_release(&s);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)
    const struct CMUnitTest tests[] = {
        ON_STAGE(round_trip_leaves_out_the_residence),
        ON_STAGE(offset_is_that_of_the_peer_less_half_the_asymmetry),
        ON_STAGE(ipdv_is_each_ways_change_between_neighbours),
        ON_STAGE(ipdv_skips_what_was_lost),
        ON_STAGE(answer_between_two_others_makes_both_pairs),
        ON_STAGE(every_tenth_packet_lost_is_a_tenth),
        ON_STAGE(each_lost_packet_is_told_once),
        ON_STAGE(packet_is_not_lost_before_tmax),
        ON_STAGE(late_answer_stays_lost),
        ON_STAGE(second_answer_is_a_duplicate_and_no_sample),
        ON_STAGE(reordering_counts_as_rfc_4737),
        ON_STAGE(gap_is_the_longest_time_between_answers),
        ON_STAGE(gap_that_has_not_ended_counts),
        ON_STAGE(gap_of_a_peer_that_never_answers_is_the_whole_time),
        ON_STAGE(senders_own_pause_is_no_gap),
        ON_STAGE(senders_own_pause_in_a_gap_is_left_out),
        ON_STAGE(step_of_our_clock_moves_no_round_trip),
        ON_STAGE(slewed_clock_is_no_step),
        ON_STAGE(times_that_cannot_be_are_no_sample_and_no_loss),
        ON_STAGE(ptp_reflector_gives_round_trips_but_no_offset),
        ON_STAGE(what_is_not_ours_is_told_apart),
        ON_STAGE(reflector_without_ssid_is_accepted),
        ON_STAGE(answer_before_it_was_asked_is_stale),
        cmocka_unit_test(ring_full_of_open_packets_refuses_another),
        cmocka_unit_test(interval_that_needs_too_much_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
