#include "probes/net/sender.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/probes/net/loop.h"

/* One packet a run: the interval is never reached. */
static const struct session_terms terms = { .ssid = 0x77,
                                            .interval_ns = 3600 * (uint64_t)CLK_NS_PER_S,
                                            .tmax_ns = 3 * (uint64_t)CLK_NS_PER_S };

struct taken {
    unsigned count;
    struct session_sample last;
};

static void take(void *arg, const struct session_sample *sample)
{
    struct taken *t = arg;
    t->count++;
    t->last = *sample;
}

static void send_one(struct sender *s, const struct sender_sink *sink)
{
    uint64_t sent = s->session.counts.sent;
    for (int i = 0; i < LOOP_TRIES && s->session.counts.sent == sent; i++)
        sender_run(s, clk_now_ns() + CLK_NS_PER_MS, &loop_never, sink);
    assert_int_equal(s->session.counts.sent, sent + 1);
}

static void round_trips_over(const char *host)
{
    struct reflector r;
    struct sender s;
    struct taken t = { 0 };
    struct sender_sink sink = { take, &t };
    struct err e = { 0 };
    loop_reflector(&r, host);
    assert_int_equal(sender_open(&s, &r.at, &terms, &e), 0);
    for (unsigned i = 1; i <= 3; i++) {
        send_one(&s, &sink);
        loop_serve(&r, i);
        sender_drain(&s, clk_now_ns() + 10 * (uint64_t)CLK_NS_PER_S, &loop_never, &sink);
        assert_int_equal(t.count, i);
        assert_int_equal(session_unsettled(&s.session), 0);
    }
    assert_true(t.last.rtt_ns > 0);
    assert_int_equal(t.last.request_ttl, 255);
    assert_int_equal(s.session.counts.lost, 0);
    assert_int_equal(s.counts.taken, 3);
    assert_int_equal(s.counts.foreign, 0);
    sender_release(&s);
    sender_release(&s);
    reflector_release(&r);
}

static void round_trips_over_ipv4(void **state)
{
    (void)state;
    round_trips_over("127.0.0.1");
}

static void round_trips_over_ipv6(void **state)
{
    (void)state;
    round_trips_over("::1");
}

static void answers_from_elsewhere_are_counted_and_ignored(void **state)
{
    (void)state;
    struct reflector r;
    struct sender s;
    struct taken t = { 0 };
    struct sender_sink sink = { take, &t };
    struct err e = { 0 };
    uint8_t packet[STAMP_BYTES] = { 0 };
    loop_reflector(&r, "127.0.0.1");
    assert_int_equal(sender_open(&s, &r.at, &terms, &e), 0);
    send_one(&s, &sink);
    union peer_sockaddr us;
    socklen_t size = sizeof us;
    assert_int_equal(getsockname(s.fd, &us.any, &size), 0);
    us.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(fd, packet, sizeof packet, 0, &us.any, size), sizeof packet);
    loop_serve(&r, 1);
    sender_drain(&s, clk_now_ns() + 10 * (uint64_t)CLK_NS_PER_S, &loop_never, &sink);
    assert_int_equal(s.counts.foreign, 1);
    assert_int_equal(t.count, 1);
    (void)close(fd);
    sender_release(&s);
    reflector_release(&r);
}

static void hostile_answers_of_the_peer_are_survived(void **state)
{
    (void)state;
    struct sender s;
    struct taken t = { 0 };
    struct sender_sink sink = { take, &t };
    struct err e = { 0 };
    union peer_sockaddr at = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}
    };
    union peer_sockaddr us;
    socklen_t size = sizeof at.v4;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &at.any, size), 0);
    assert_int_equal(getsockname(fd, &at.any, &size), 0);
    assert_int_equal(sender_open(&s, &at, &terms, &e), 0);
    send_one(&s, &sink);
    size = sizeof us;
    uint8_t packet[2000] = { 0 };
    assert_int_equal(recvfrom(fd, packet, sizeof packet, 0, &us.any, &size), STAMP_BYTES);
    assert_int_equal(sendto(fd, packet, 0, 0, &us.any, size), 0);
    assert_int_equal(sendto(fd, packet, 13, 0, &us.any, size), 13);
    assert_int_equal(sendto(fd, packet, sizeof packet, 0, &us.any, size), sizeof packet);
    assert_int_equal(sendto(fd, packet, STAMP_BYTES, 0, &us.any, size), STAMP_BYTES);
    sender_drain(&s, clk_now_ns() + CLK_NS_PER_MS, &loop_never, &sink);
    const uint64_t *by_kind = s.session.counts.received;
    assert_int_equal(by_kind[SESSION_TRUNCATED], 2);
    assert_int_equal(by_kind[SESSION_OVERSIZED], 1);
    /* Echoed as it was: it lacks what a reflector adds. */
    assert_int_equal(by_kind[SESSION_UNKNOWN], 1);
    assert_int_equal(t.count, 0);
    (void)close(fd);
    sender_release(&s);
}

static void closed_port_is_told(void **state)
{
    (void)state;
    struct reflector r;
    struct sender s;
    struct err e = { 0 };
    loop_reflector(&r, "127.0.0.1");
    union peer_sockaddr gone = r.at;
    reflector_release(&r);
    assert_int_equal(sender_open(&s, &gone, &terms, &e), 0);
    for (int i = 0; i < LOOP_TRIES && !s.counts.refused; i++)
        sender_run(&s, clk_now_ns() + CLK_NS_PER_MS, &loop_never, NULL);
    assert_true(s.counts.refused > 0);
    assert_int_equal(s.counts.last_errno, ECONNREFUSED);
    sender_release(&s);
}

static void packet_that_cannot_leave_is_counted(void **state)
{
    (void)state;
    struct sender s;
    struct err e = { 0 };
    /* The broadcast address needs a permission that this socket has not. */
    union peer_sockaddr many = {
        .v4 = {.sin_family = AF_INET,
               .sin_port = htons(9),
               .sin_addr.s_addr = htonl(INADDR_BROADCAST)}
    };
    assert_int_equal(sender_open(&s, &many, &terms, &e), 0);
    send_one(&s, NULL);
    assert_int_equal(s.counts.unsent, 1);
    assert_int_not_equal(s.counts.last_errno, 0);
    sender_release(&s);
}

static void stop_ends_it(void **state)
{
    (void)state;
    struct reflector r;
    struct sender s;
    struct err e = { 0 };
    volatile sig_atomic_t stop = 1;
    loop_reflector(&r, "127.0.0.1");
    assert_int_equal(sender_open(&s, &r.at, &terms, &e), 0);
    sender_run(&s, UINT64_MAX, &stop, NULL);
    sender_drain(&s, UINT64_MAX, &stop, NULL);
    assert_int_equal(s.session.counts.sent, 0);
    sender_release(&s);
    reflector_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips_over_ipv4),
        cmocka_unit_test(round_trips_over_ipv6),
        cmocka_unit_test(answers_from_elsewhere_are_counted_and_ignored),
        cmocka_unit_test(hostile_answers_of_the_peer_are_survived),
        cmocka_unit_test(closed_port_is_told),
        cmocka_unit_test(packet_that_cannot_leave_is_counted),
        cmocka_unit_test(stop_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
