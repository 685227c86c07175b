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
    assert_true(session_gap_began(&t->session) == MONO_START + 490 * MS + 270 * US);
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
    assert_true(session_gap_began(&t->session) == MONO_START + 270 * US);
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

/* Times of one round trip, since MONO_START. */
struct trip {
    uint64_t sent_ns, left_ns, there_ns, back_ns, came_ns, read_ns;
};

/* The packet leaves, is reflected with that number, and its answer is read; no T1k yet. */
static enum session_kind travel(struct stage *t, const struct trip *p, uint32_t numbered)
{
    uint8_t packet[STAMP_BYTES];
    struct stamp_request request;
    unsigned i = leave(t, p->sent_ns);
    (void)stamp_get_request(t->packets[i], STAMP_BYTES, false, &request);
    struct stamp_reply reply = { .sequence = numbered,
                                 .reflected = stamp_ntp_of_ns(REAL_START + p->back_ns),
                                 .reflected_error = 0x0101,
                                 .ssid = request.ssid,
                                 .received = stamp_ntp_of_ns(REAL_START + p->there_ns),
                                 .request = request };
    stamp_put_reply(&reply, false, packet, sizeof packet);
    struct session_arrival came = { .read = at(t, p->read_ns),
                                    .stamp.real_ns = p->came_ns ? REAL_START + p->came_ns : 0 };
    return session_receive(&t->session, packet, sizeof packet, &came);
}

static void tell_left(struct stage *t, uint32_t sequence, uint64_t left_ns)
{
    struct session_stamp stamp = { .real_ns = REAL_START + left_ns };
    session_stamped(&t->session, sequence, &stamp);
}

/* 5 us to the driver, 20 us there, 30 us held, 25 us back, 9 us to wake up. */
static const struct trip split_trip = {
    .left_ns = 5000, .there_ns = 25000, .back_ns = 55000, .came_ns = 80000, .read_ns = 89000
};

static void assert_split(const struct session_sample *sample)
{
    assert_true(sample->sent_stamped);
    assert_true(sample->arrival_stamped);
    assert_int_equal(sample->send_ns, 5000);
    assert_int_equal(sample->rtt_ns, 45000);
    assert_int_equal(sample->residence_ns, 30000);
    assert_int_equal(sample->wake_ns, 9000);
    assert_int_equal(sample->felt_ns, 89000);
    assert_int_equal(sample->up_ns, 20000);
    assert_int_equal(sample->down_ns, 25000);
}

static void round_trip_falls_into_its_parts(void **state)
{
    struct stage *t = *state;
    t->session.terms.stamped = true;
    assert_int_equal(travel(t, &split_trip, 0), SESSION_SAMPLE);
    /* The stamp of sending comes after the answer. */
    assert_int_equal(t->told, 0);
    tell_left(t, 0, split_trip.left_ns);
    assert_int_equal(t->told, 1);
    assert_split(&t->last);
    tell_left(t, 0, split_trip.left_ns); /* told again */
    session_settle(&t->session, MONO_START + S);
    assert_int_equal(t->told, 1);
    assert_int_equal(t->session.counts.unstamped_sent, 0);
    assert_int_equal(t->session.counts.unstamped_taken, 0);
}

static void stamp_that_never_comes_is_replaced_and_counted(void **state)
{
    struct stage *t = *state;
    t->session.terms.stamped = true;
    assert_int_equal(travel(t, &split_trip, 0), SESSION_SAMPLE);
    session_settle(&t->session, MONO_START + 500 * MS);
    assert_int_equal(t->told, 0);
    assert_int_equal(t->session.counts.settled, 0);
    session_settle(&t->session, MONO_START + 500 * MS + 1);
    assert_int_equal(t->told, 1);
    assert_int_equal(t->session.counts.settled, 1);
    assert_false(t->last.sent_stamped);
    assert_int_equal(t->last.send_ns, 0);
    assert_int_equal(t->last.rtt_ns, 50000);
    assert_int_equal(t->session.counts.unstamped_sent, 1);
    tell_left(t, 0, split_trip.left_ns);
    assert_int_equal(t->told, 1);
}

static void stamp_that_cannot_be_is_not_used(void **state)
{
    struct stage *t = *state;
    static const int64_t wrong_ns[] = {
        -1,    /* before the packet was sent */
        60000, /* so late that the reflector's residence has no room */
        90000, /* after the answer */
    };
    t->session.terms.stamped = true;
    for (uint32_t i = 0; i < 3; i++) {
        struct trip p = split_trip;
        uint64_t start_ns = i * 10 * MS;
        p.sent_ns += start_ns;
        p.there_ns += start_ns;
        p.back_ns += start_ns;
        p.came_ns += start_ns;
        p.read_ns += start_ns;
        (void)travel(t, &p, i);
        tell_left(t, i, start_ns + (uint64_t)wrong_ns[i]);
        assert_int_equal(t->told, i + 1);
        assert_false(t->last.sent_stamped);
        assert_int_equal(t->last.rtt_ns, 50000);
    }
    assert_int_equal(t->session.counts.unstamped_sent, 3);
}

static void arrival_without_a_stamp_is_when_it_was_read(void **state)
{
    struct stage *t = *state;
    struct trip p = split_trip;
    p.came_ns = 0;
    (void)travel(t, &p, 0);
    assert_false(t->last.arrival_stamped);
    assert_int_equal(t->last.wake_ns, 0);
    assert_int_equal(t->last.rtt_ns, 59000);
    assert_int_equal(t->session.counts.unstamped_taken, 1);
    /* A stamp from before a step of the clock: 11 s ago. */
    struct trip q = { .sent_ns = 20 * S,
                      .there_ns = 20 * S + 25000,
                      .back_ns = 20 * S + 55000,
                      .came_ns = 9 * S,
                      .read_ns = 20 * S + 89000 };
    (void)travel(t, &q, 1);
    assert_false(t->last.arrival_stamped);
    assert_int_equal(t->session.counts.unstamped_taken, 2);
}

static void times_of_the_nic_are_preferred(void **state)
{
    struct stage *t = *state;
    struct stamp_request request;
    uint8_t packet[STAMP_BYTES];
    t->session.terms.stamped = true;
    unsigned i = leave(t, 0);
    /* Its clock shows anything; 41 us pass on it. */
    struct session_stamp left = { .real_ns = REAL_START + 5000, .nic_ns = 777000 };
    session_stamped(&t->session, i, &left);
    (void)stamp_get_request(t->packets[i], STAMP_BYTES, false, &request);
    struct stamp_reply reply = { .reflected = stamp_ntp_of_ns(REAL_START + 55000),
                                 .reflected_error = 0x0101,
                                 .received = stamp_ntp_of_ns(REAL_START + 25000),
                                 .request = request };
    stamp_put_reply(&reply, false, packet, sizeof packet);
    struct session_arrival came = {
        .read = at(t, 89000), .stamp = {REAL_START + 80000, 777000 + 71000}
    };
    (void)session_receive(&t->session, packet, sizeof packet, &came);
    assert_true(t->last.by_nic);
    assert_int_equal(t->last.rtt_ns, 41000);
    assert_int_equal(t->last.send_ns, 5000);
    assert_int_equal(t->last.wake_ns, 9000);
    assert_int_equal(t->session.counts.by_nic, 1);
}

static void kernels_times_are_remembered_for_the_wire(void **state)
{
    struct stage *t = *state;
    uint64_t real_ns;
    t->session.terms.stamped = true;
    assert_false(session_sent_at(&t->session, 0, &real_ns));
    (void)travel(t, &split_trip, 0);
    tell_left(t, 0, split_trip.left_ns);
    assert_true(session_sent_at(&t->session, 0, &real_ns));
    assert_true(real_ns == REAL_START + 5000);
    assert_true(session_taken_at(&t->session, 0, &real_ns));
    assert_true(real_ns == REAL_START + 80000);
    assert_false(session_sent_at(&t->session, 1, &real_ns));
}

static void jitter_is_the_filter_of_rfc_3550(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    /* Delays there 100, 148, 116 us: changes 48, 32. */
    static const uint64_t there_ns[] = { 100 * US, 148 * US, 116 * US };
    for (unsigned k = 0; k < 3; k++)
        (void)arrive(t, leave(t, k * 10 * MS), (struct way){ there_ns[k], 0, 140 * US }, &sample);
    /* 48 / 16 = 3, then 3 + (32 - 3) / 16 = 4.8125 us. */
    assert_true(t->session.jitter.up_ns > 4812.4 && t->session.jitter.up_ns < 4812.6);
    assert_true(t->session.jitter.down_ns < 0.1);
}

static void longest_loss_is_in_packets_and_time(void **state)
{
    struct stage *t = *state;
    struct session_sample sample;
    /* Lost: 2, 3 and 5 to 8, and 10 to the end. */
    for (unsigned k = 0; k < 12; k++) {
        unsigned i = leave(t, k * 10 * MS);
        if (k < 2 || k == 4 || k == 9)
            (void)arrive(t, i, usual, &sample);
    }
    session_settle(&t->session, MONO_START + 5 * S);
    assert_int_equal(t->session.counts.lost, 8);
    assert_int_equal(t->session.run_max.packets, 4);
    assert_int_equal(t->session.run_max.ns, 40 * MS);
}

static void stateful_reflector_tells_the_way_of_a_loss(void **state)
{
    struct stage *t = *state;
    /* 0 and back; 1 lost there; 2 is numbered 1 and lost back; 3 is numbered 2. */
    struct trip p = split_trip;
    (void)travel(t, &p, 0);
    assert_false(t->session.stateful);
    (void)leave(t, 10 * MS);
    (void)leave(t, 20 * MS);
    p = (struct trip){ 30 * MS, 0, 30 * MS + 25000, 30 * MS + 55000, 0, 30 * MS + 89000 };
    (void)travel(t, &p, 2);
    assert_true(t->session.stateful);
    struct ways_sum sum = ways_total(&t->session.ways);
    assert_int_equal(sum.asked, 4);
    assert_int_equal(sum.arrived, 3);
    assert_int_equal(sum.answered, 2);
}

static void stateful_reflector_is_known_from_the_first_number(void **state)
{
    (void)state;
    static struct stage t;
    struct err e;
    struct session_terms terms = {
        .ssid = SSID, .first = 1000, .interval_ns = 10 * MS, .tmax_ns = 3 * S
    };
    memset(&t, 0, sizeof t);
    assert_int_equal(session_open(&t.session, &terms, &e), 0);
    (void)travel(&t, &split_trip, 0);
    assert_true(t.session.stateful);
    assert_int_equal(t.session.order.reordered, 0);
    session_release(&t.session);
    assert_int_equal(session_open(&t.session, &terms, &e), 0);
    (void)travel(&t, &split_trip, 1000);
    assert_false(t.session.stateful);
    session_release(&t.session);
}

static void answer_with_a_wrong_hmac_is_forged(void **state)
{
    (void)state;
    struct session s;
    struct err e;
    struct auth_key key;
    struct auth_key other;
    uint8_t packet[STAMP_AUTHENTICATED_BYTES];
    struct stamp_request request;
    auth_key_set(&key, (const uint8_t *)"0123456789abcdef", 16);
    auth_key_set(&other, (const uint8_t *)"fedcba9876543210", 16);
    struct session_terms terms = {
        .ssid = SSID, .interval_ns = 10 * MS, .tmax_ns = 3 * S, .key = &key
    };
    assert_int_equal(session_open(&s, &terms, &e), 0);
    assert_int_equal(s.packet_bytes, STAMP_AUTHENTICATED_BYTES);
    struct session_time t1 = { MONO_START, REAL_START };
    assert_int_equal(session_send(&s, t1, 0x0101, packet), 0);
    assert_true(stamp_is_genuine(packet, &key));
    (void)stamp_get_request(packet, sizeof packet, true, &request);
    struct stamp_reply reply = { .reflected_error = 0x0101,
                                 .ssid = SSID,
                                 .received = stamp_ntp_of_ns(REAL_START + 100 * US),
                                 .request = request };
    struct session_arrival came = {
        .read = {MONO_START + MS, REAL_START + MS}
    };
    stamp_put_reply(&reply, true, packet, sizeof packet);
    stamp_put_reflected(packet, &other, REAL_START + 110 * US);
    assert_int_equal(session_receive(&s, packet, sizeof packet, &came), SESSION_FORGED);
    stamp_put_reflected(packet, &key, REAL_START + 110 * US);
    assert_int_equal(session_receive(&s, packet, sizeof packet - 1, &came), SESSION_TRUNCATED);
    assert_int_equal(session_receive(&s, packet, sizeof packet, &came), SESSION_SAMPLE);
    session_release(&s);
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
        ON_STAGE(round_trip_falls_into_its_parts),
        ON_STAGE(stamp_that_never_comes_is_replaced_and_counted),
        ON_STAGE(stamp_that_cannot_be_is_not_used),
        ON_STAGE(arrival_without_a_stamp_is_when_it_was_read),
        ON_STAGE(times_of_the_nic_are_preferred),
        ON_STAGE(kernels_times_are_remembered_for_the_wire),
        ON_STAGE(jitter_is_the_filter_of_rfc_3550),
        ON_STAGE(longest_loss_is_in_packets_and_time),
        ON_STAGE(stateful_reflector_tells_the_way_of_a_loss),
        cmocka_unit_test(stateful_reflector_is_known_from_the_first_number),
        cmocka_unit_test(answer_with_a_wrong_hmac_is_forged),
        cmocka_unit_test(ring_full_of_open_packets_refuses_another),
        cmocka_unit_test(interval_that_needs_too_much_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
