#include "probes/net/dial.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

static int listener(union peer_sockaddr *at, int backlog)
{
    socklen_t size = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (union peer_sockaddr){
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}
    };
    assert_int_equal(bind(fd, &at->any, sizeof at->v4), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, &at->any, &size), 0);
    return fd;
}

/* Until the outcome is there. */
static void finish(struct dial *d, struct dial_outcome *out)
{
    for (int i = 0; i < 100; i++) {
        struct pollfd p = { .fd = d->fd, .events = dial_events(d) };
        (void)poll(&p, 1, 1000);
        if (dial_step(d, clk_now_ns(), out))
            return;
    }
    fail_msg("no outcome");
}

static void a_connection_is_timed_and_ends_without_a_reset(void **state)
{
    union peer_sockaddr at;
    struct dial d = DIAL_CLOSED;
    struct dial_outcome out = { 0 };
    char byte;
    (void)state;
    int fd = listener(&at, 8);
    if (!dial_begin(&d, &at, CLK_NS_PER_S, &out))
        finish(&d, &out);
    assert_int_equal(out.door, DOOR_OPEN);
    assert_int_equal(out.code, 0);
    assert_in_range(out.took_ns, 1, CLK_NS_PER_S);
    assert_true(out.kernel_ns > 0);
    assert_int_equal(d.phase, DIAL_CLOSING);
    int other = accept(fd, NULL, NULL);
    /* A service that greets first: what it says is taken, or its kernel would be sent a reset. */
    assert_int_equal(send(other, "hello", 5, MSG_NOSIGNAL), 5);
    assert_int_equal(recv(other, &byte, 1, 0), 0); /* the end, and not ECONNRESET */
    close(other);
    for (int i = 0; i < 1000 && d.phase != DIAL_IDLE; i++) {
        struct pollfd p = { .fd = d.fd, .events = dial_events(&d) };
        (void)poll(&p, 1, 100);
        assert_false(dial_step(&d, clk_now_ns(), &out));
    }
    assert_int_equal(d.phase, DIAL_IDLE);
    assert_int_equal(d.fd, -1);
    close(fd);
}

static void a_peer_that_does_not_end_is_left(void **state)
{
    union peer_sockaddr at;
    struct dial d = DIAL_CLOSED;
    struct dial_outcome out = { 0 };
    (void)state;
    int fd = listener(&at, 8);
    if (!dial_begin(&d, &at, CLK_NS_PER_S, &out))
        finish(&d, &out);
    (void)dial_step(&d, clk_now_ns(), &out);
    assert_int_equal(d.phase, DIAL_CLOSING);
    (void)dial_step(&d, d.limit_ns, &out);
    assert_int_equal(d.phase, DIAL_IDLE);
    close(fd);
}

static void a_closed_port_refuses(void **state)
{
    union peer_sockaddr at;
    struct dial d = DIAL_CLOSED;
    struct dial_outcome out = { 0 };
    (void)state;
    close(listener(&at, 8));
    if (!dial_begin(&d, &at, CLK_NS_PER_S, &out))
        finish(&d, &out);
    assert_int_equal(out.door, DOOR_REFUSED);
    assert_int_equal(out.code, ECONNREFUSED);
    assert_int_equal(d.phase, DIAL_IDLE);
}

/* A full backlog drops SYNs: silence. */
static void silence_is_a_filter_when_the_limit_has_passed(void **state)
{
    union peer_sockaddr at;
    struct dial full[8];
    struct dial_outcome out = { 0 };
    struct dial *waiting = NULL;
    (void)state;
    int fd = listener(&at, 0);
    for (int i = 0; i < 8; i++) {
        full[i] = DIAL_CLOSED;
        if (dial_begin(&full[i], &at, CLK_NS_PER_S, &out))
            continue;
        struct pollfd p = { .fd = full[i].fd, .events = POLLOUT };
        if (poll(&p, 1, 20) == 0)
            waiting = &full[i];
    }
    if (waiting) {
        assert_false(dial_step(waiting, waiting->limit_ns - 1, &out));
        assert_true(dial_step(waiting, waiting->limit_ns, &out));
        assert_int_equal(out.door, DOOR_FILTERED);
        assert_int_equal(out.code, ETIMEDOUT);
    }
    for (int i = 0; i < 8; i++)
        dial_release(&full[i]);
    close(fd);
    assert_non_null(waiting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_timed_and_ends_without_a_reset),
        cmocka_unit_test(a_peer_that_does_not_end_is_left),
        cmocka_unit_test(a_closed_port_refuses),
        cmocka_unit_test(silence_is_a_filter_when_the_limit_has_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
