/* Sockets on the loopback for the tests of this folder: nothing leaves the host. */
#ifndef TESTS_UNIT_PROBES_NET_LOOP_H
#define TESTS_UNIT_PROBES_NET_LOOP_H

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "probes/kit/clk.h"
#include "probes/net/reflector.h"

enum {
    LOOP_TRIES = 2000
};

static const volatile sig_atomic_t loop_never = 0;

/* A reflector on any free port; skips the test where the host has no such address. */
static inline void loop_reflector(struct reflector *r, const char *host)
{
    struct peer at = { .port = 0 };
    struct err e = { 0 };
    (void)snprintf(at.host, sizeof at.host, "%s", host);
    if (reflector_open(r, &at, &e)) {
        reflector_release(r);
        print_message("%s\n", e.msg);
        skip();
    }
}

/* Lets it work until so many packets came. */
static inline void loop_serve(struct reflector *r, uint64_t packets)
{
    struct err e = { 0 };
    for (int i = 0; i < LOOP_TRIES && reflector_received(r) < packets; i++)
        assert_int_equal(reflector_run(r, clk_now_ns() + CLK_NS_PER_MS, &loop_never, &e), 0);
    assert_int_equal(reflector_received(r), packets);
}

#endif
