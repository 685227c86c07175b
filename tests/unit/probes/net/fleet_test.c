#include "probes/net/fleet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/probes/net/loop.h"

/* One packet a run: the interval is never reached. */
#define HOUR_NS (3600 * (uint64_t)CLK_NS_PER_S)

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

static void open_fleet(struct fleet *f, unsigned room)
{
    struct err e = { 0 };
    struct fleet_terms terms = { .room = room, .interval_ns = HOUR_NS };
    assert_int_equal(fleet_open(f, &terms, &e), 0);
}

static void enlist(struct fleet *f, const union peer_sockaddr *at, uint16_t ssid, struct taken *t)
{
    struct err e = { 0 };
    struct session_terms terms = {
        .ssid = ssid,
        .tmax_ns = 3 * (uint64_t)CLK_NS_PER_S,
        .sink = {.sample = t ? take : NULL, .arg = t}
    };
    assert_int_equal(fleet_add(f, at, &terms, &e), 0);
}

/* One packet to the first member; the others' slots are far away, where there are any. */
static void send_one(struct fleet *f)
{
    const struct session_counts *c = &f->members[0].session.counts;
    uint64_t sent = c->sent;
    for (int i = 0; i < LOOP_TRIES && c->sent == sent; i++)
        fleet_run(f, clk_now_ns() + CLK_NS_PER_MS, &loop_never);
    assert_int_equal(c->sent, sent + 1);
}

static void drain(struct fleet *f)
{
    fleet_drain(f, clk_now_ns() + 10 * (uint64_t)CLK_NS_PER_S, &loop_never);
}

static void round_trips_over(const char *host)
{
    struct reflector r;
    struct fleet f;
    struct taken t = { 0 };
    loop_reflector(&r, host);
    open_fleet(&f, 1);
    enlist(&f, &r.at, 0x77, &t);
    const struct fleet_member *m = &f.members[0];
    for (unsigned i = 1; i <= 3; i++) {
        send_one(&f);
        loop_serve(&r, i);
        drain(&f);
        assert_int_equal(t.count, i);
        assert_int_equal(session_unsettled(&m->session), 0);
    }
    assert_true(t.last.felt_ns >= t.last.rtt_ns + t.last.residence_ns);
    assert_int_equal(t.last.request_ttl, 255);
    assert_int_equal(m->session.counts.lost, 0);
    assert_int_equal(m->counts.taken, 3);
    assert_int_equal(f.foreign, 0);
    fleet_release(&f);
    fleet_release(&f);
    reflector_release(&r);
}

static void kernel_tells_when_packets_left_and_came(void **state)
{
    (void)state;
    struct reflector r;
    struct fleet f;
    struct taken t = { 0 };
    loop_reflector(&r, "127.0.0.1");
    open_fleet(&f, 1);
    enlist(&f, &r.at, 0x77, &t);
    if (!f.roads[0].stamped)
        skip();
    send_one(&f);
    loop_serve(&r, 1);
    drain(&f);
    assert_true(t.last.sent_stamped);
    assert_true(t.last.arrival_stamped);
    assert_int_equal(t.last.rtt_ns + t.last.residence_ns + t.last.send_ns + t.last.wake_ns,
                     t.last.felt_ns);
    fleet_release(&f);
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
    struct fleet f;
    struct taken t = { 0 };
    uint8_t packet[STAMP_BYTES] = { 0 };
    loop_reflector(&r, "127.0.0.1");
    open_fleet(&f, 1);
    enlist(&f, &r.at, 0x77, &t);
    send_one(&f);
    union peer_sockaddr us;
    socklen_t size = sizeof us;
    assert_int_equal(getsockname(f.roads[0].fd, &us.any, &size), 0);
    us.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(fd, packet, sizeof packet, 0, &us.any, size), sizeof packet);
    loop_serve(&r, 1);
    drain(&f);
    assert_int_equal(f.foreign, 1);
    assert_int_equal(t.count, 1);
    (void)close(fd);
    fleet_release(&f);
    reflector_release(&r);
}

static void hostile_answers_of_the_peer_are_survived(void **state)
{
    (void)state;
    struct fleet f;
    struct taken t = { 0 };
    union peer_sockaddr at = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}
    };
    union peer_sockaddr us;
    socklen_t size = sizeof at.v4;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &at.any, size), 0);
    assert_int_equal(getsockname(fd, &at.any, &size), 0);
    open_fleet(&f, 1);
    enlist(&f, &at, 0x77, &t);
    send_one(&f);
    size = sizeof us;
    uint8_t packet[2000] = { 0 };
    assert_int_equal(recvfrom(fd, packet, sizeof packet, 0, &us.any, &size), STAMP_BYTES);
    assert_int_equal(sendto(fd, packet, 0, 0, &us.any, size), 0);
    assert_int_equal(sendto(fd, packet, 13, 0, &us.any, size), 13);
    assert_int_equal(sendto(fd, packet, sizeof packet, 0, &us.any, size), sizeof packet);
    assert_int_equal(sendto(fd, packet, STAMP_BYTES, 0, &us.any, size), STAMP_BYTES);
    fleet_drain(&f, clk_now_ns() + CLK_NS_PER_MS, &loop_never);
    const uint64_t *by_kind = f.members[0].session.counts.received;
    assert_int_equal(by_kind[SESSION_TRUNCATED], 2);
    assert_int_equal(by_kind[SESSION_OVERSIZED], 1);
    /* Echoed as it was: it lacks what a reflector adds. */
    assert_int_equal(by_kind[SESSION_UNKNOWN], 1);
    assert_int_equal(t.count, 0);
    (void)close(fd);
    fleet_release(&f);
}

static void closed_port_is_told_of_that_peer_alone(void **state)
{
    (void)state;
    struct reflector r;
    struct reflector gone;
    struct fleet f;
    struct taken t = { 0 };
    loop_reflector(&r, "127.0.0.1");
    loop_reflector(&gone, "127.0.0.1");
    union peer_sockaddr dead = gone.at;
    reflector_release(&gone);
    open_fleet(&f, 2);
    enlist(&f, &dead, 1, NULL);
    enlist(&f, &r.at, 2, &t);
    f.terms.interval_ns = CLK_NS_PER_MS; /* one group: both at once */
    f.groups = 1;
    for (int i = 0; i < LOOP_TRIES && f.members[0].counts.refused < 3; i++)
        fleet_run(&f, clk_now_ns() + CLK_NS_PER_MS, &loop_never);
    loop_serve(&r, f.members[1].session.counts.sent);
    fleet_drain(&f, clk_now_ns() + CLK_NS_PER_MS, &loop_never);
    assert_true(f.members[0].counts.refused >= 3);
    assert_int_equal(f.members[0].counts.last_errno, ECONNREFUSED);
    assert_int_equal(f.members[1].counts.refused, 0);
    assert_int_equal(f.members[1].counts.unsent, 0);
    assert_int_equal(t.count, f.members[1].session.counts.sent);
    fleet_release(&f);
    reflector_release(&r);
}

static void packet_that_cannot_leave_is_counted(void **state)
{
    (void)state;
    struct fleet f;
    /* The broadcast address needs a permission that this socket has not. */
    union peer_sockaddr many = {
        .v4 = {.sin_family = AF_INET,
               .sin_port = htons(9),
               .sin_addr.s_addr = htonl(INADDR_BROADCAST)}
    };
    open_fleet(&f, 1);
    enlist(&f, &many, 1, NULL);
    send_one(&f);
    assert_int_equal(f.members[0].counts.unsent, 1);
    assert_int_not_equal(f.members[0].counts.last_errno, 0);
    fleet_release(&f);
}

static void sessions_with_one_address_are_told_apart_by_ssid(void **state)
{
    (void)state;
    struct reflector r;
    struct fleet f;
    struct taken t[3] = { { 0 } };
    loop_reflector(&r, "127.0.0.1");
    open_fleet(&f, 3);
    for (uint16_t i = 0; i < 3; i++)
        enlist(&f, &r.at, (uint16_t)(i + 1), &t[i]);
    f.groups = 1;
    send_one(&f);
    loop_serve(&r, 3);
    drain(&f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(t[i].count, 1);
    fleet_release(&f);
    reflector_release(&r);
}

enum {
    MANY = 200
};

/* More than a batch and more than the room for one, each from an address of its own. */
static void many_peers_share_a_socket(void **state)
{
    (void)state;
    struct reflector r;
    struct fleet f;
    static struct taken t[MANY];
    memset(t, 0, sizeof t);
    loop_reflector(&r, "0.0.0.0");
    open_fleet(&f, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        union peer_sockaddr at = r.at;
        at.v4.sin_addr.s_addr = htonl(0x7f010001 + i);
        enlist(&f, &at, (uint16_t)(i + 1), &t[i]);
    }
    f.groups = 1;
    send_one(&f);
    loop_serve(&r, MANY);
    drain(&f);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(t[i].count, 1);
    assert_int_equal(f.foreign, 0);
    struct err e = { 0 };
    struct session_terms terms = { .ssid = 1 };
    assert_int_equal(fleet_add(&f, &r.at, &terms, &e), -1);
    fleet_release(&f);
    reflector_release(&r);
}

static void stop_ends_it(void **state)
{
    (void)state;
    struct reflector r;
    struct fleet f;
    volatile sig_atomic_t stop = 1;
    loop_reflector(&r, "127.0.0.1");
    open_fleet(&f, 1);
    enlist(&f, &r.at, 1, NULL);
    fleet_run(&f, UINT64_MAX, &stop);
    fleet_drain(&f, UINT64_MAX, &stop);
    assert_int_equal(f.members[0].session.counts.sent, 0);
    fleet_release(&f);
    reflector_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips_over_ipv4),
        cmocka_unit_test(round_trips_over_ipv6),
        cmocka_unit_test(kernel_tells_when_packets_left_and_came),
        cmocka_unit_test(answers_from_elsewhere_are_counted_and_ignored),
        cmocka_unit_test(hostile_answers_of_the_peer_are_survived),
        cmocka_unit_test(closed_port_is_told_of_that_peer_alone),
        cmocka_unit_test(packet_that_cannot_leave_is_counted),
        cmocka_unit_test(sessions_with_one_address_are_told_apart_by_ssid),
        cmocka_unit_test(many_peers_share_a_socket),
        cmocka_unit_test(stop_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
