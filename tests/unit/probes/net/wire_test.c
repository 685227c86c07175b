#include "probes/net/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/probes/net/loop.h"

struct told {
    unsigned sent, received;
    int64_t sent_ns, received_ns; /* the last */
};

static void sent(void *arg, unsigned member, int64_t diff_ns)
{
    struct told *t = arg;
    assert_int_equal(member, 0);
    t->sent++;
    t->sent_ns = diff_ns;
}

static void received(void *arg, unsigned member, int64_t diff_ns)
{
    struct told *t = arg;
    assert_int_equal(member, 0);
    t->received++;
    t->received_ns = diff_ns;
}

static int open_fleet(struct fleet *f, const union peer_sockaddr *at, struct err *e)
{
    struct fleet_terms terms = { .room = 1, .interval_ns = 3600 * (uint64_t)CLK_NS_PER_S };
    struct session_terms session = { .ssid = 0x4242, .tmax_ns = 3 * (uint64_t)CLK_NS_PER_S };
    return fleet_open(f, &terms, e) || fleet_add(f, at, &session, e);
}

/* Needs the right to capture. */
static void every_packet_is_seen_on_the_loopback(void **state)
{
    (void)state;
    struct reflector r;
    struct fleet f;
    struct wire w;
    struct told t = { 0 };
    struct wire_sink sink = { sent, received, &t };
    struct err e = { 0 };
    loop_reflector(&r, "127.0.0.1");
    assert_int_equal(open_fleet(&f, &r.at, &e), 0);
    if (wire_open(&w, &f, &sink, &e)) {
        print_message("%s\n", e.msg);
        fleet_release(&f);
        reflector_release(&r);
        skip();
    }
    assert_string_equal(w.interface, "lo");
    for (unsigned i = 1; i <= 3; i++) {
        while (f.members[0].session.counts.sent < i)
            fleet_run(&f, clk_now_ns() + CLK_NS_PER_MS, &loop_never);
        loop_serve(&r, i);
        fleet_drain(&f, clk_now_ns() + 10 * (uint64_t)CLK_NS_PER_S, &loop_never);
    }
    wire_finish(&w, &loop_never);
    assert_int_equal(t.sent, 3);
    assert_int_equal(t.received, 3);
    assert_int_equal(w.counts.seen, 6);
    assert_int_equal(w.counts.unmatched, 0);
    /* The capture takes the kernel's own stamp of an arrival. */
    assert_int_equal(t.received_ns, 0);
    wire_release(&w);
    wire_release(&w);
    fleet_release(&f);
    reflector_release(&r);
}

static void without_a_peer_there_is_no_interface(void **state)
{
    (void)state;
    struct fleet f;
    struct wire w;
    struct err e = { 0 };
    struct wire_sink sink = { sent, received, NULL };
    struct fleet_terms terms = { .room = 1, .interval_ns = CLK_NS_PER_S };
    assert_int_equal(fleet_open(&f, &terms, &e), 0);
    assert_int_equal(wire_open(&w, &f, &sink, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    wire_release(&w);
    fleet_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_is_seen_on_the_loopback),
        cmocka_unit_test(without_a_peer_there_is_no_interface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
