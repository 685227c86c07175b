#include "probes/net/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static const volatile sig_atomic_t never = 0;
static const struct scan_terms terms = { .timeout_ns = 2 * (uint64_t)CLK_NS_PER_S, .udp_asks = 1 };

static const union peer_sockaddr loopback = {
    .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007F}  /* 127.0.0.1 */
};

/* A socket at any port of the loopback, its port in *port. */
static int socket_at(int type, uint16_t *port)
{
    union peer_sockaddr at = loopback;
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &at.any, sizeof at.v4), 0);
    assert_int_equal(getsockname(fd, &at.any, &size), 0);
    *port = peer_sockaddr_port(&at);
    return fd;
}

static uint16_t closed_port(int type)
{
    uint16_t port;
    close(socket_at(type, &port));
    return port;
}

static void said(const struct scan *s, enum door d, const char *want)
{
    AUTO(buf) struct buf words = { 0 };
    scan_words(s, d, &words);
    assert_string_equal(buf_text(&words), want);
}

static void ports_say_what_they_are(void **state)
{
    struct service services[] = {
        {.between = true },
        { .between = true},
        { .between = true, .udp = true },
        { .between = true,               .udp = true },
        { .port = 1}, /* not between nodes: not asked */
        { .port = 0      },
    };
    char want[16];
    struct scan s;
    (void)state;
    int tcp = socket_at(SOCK_STREAM, &services[0].port);
    int udp = socket_at(SOCK_DGRAM, &services[2].port);
    assert_int_equal(listen(tcp, 8), 0);
    services[1].port = closed_port(SOCK_STREAM);
    services[3].port = closed_port(SOCK_DGRAM);
    scan_open(&s, &loopback, services);
    assert_int_equal(s.count, 4);
    scan_run(&s, 1, &terms, clk_now_ns() + 5 * (uint64_t)CLK_NS_PER_S, &never);
    (void)snprintf(want, sizeof want, "%u", services[0].port);
    said(&s, DOOR_OPEN, want);
    assert_int_equal(scan_tally(&s, DOOR_REFUSED), 2);
    (void)snprintf(want, sizeof want, "%u/udp", services[2].port);
    said(&s, DOOR_SILENT, want); /* it listens, and that cannot be seen */
    assert_int_equal(scan_tally(&s, DOOR_UNASKED), 0);
    assert_true(s.alive);
    scan_release(&s);
    scan_release(&s);
    close(tcp);
    close(udp);
}

static void without_time_nothing_is_said(void **state)
{
    struct scan s;
    (void)state;
    scan_open(&s, &loopback, services_all);
    scan_run(&s, 1, &terms, clk_now_ns(), &never);
    assert_int_equal(scan_tally(&s, DOOR_UNASKED), s.count);
    assert_false(s.alive);
    scan_release(&s);
}

static void told_to_stop_it_does(void **state)
{
    static const volatile sig_atomic_t now = 1;
    struct scan s;
    (void)state;
    scan_open(&s, &loopback, services_all);
    scan_run(&s, 1, &terms, UINT64_MAX, &now);
    assert_int_equal(scan_tally(&s, DOOR_UNASKED), s.count);
    scan_release(&s);
}

static void cost_is_the_table_s(void **state)
{
    struct scan_terms twice = { .udp_asks = 2 };
    (void)state;
    uint64_t udp = scan_packets(&twice) - scan_packets(&terms);
    assert_in_range(udp, 1, SERVICES_MAX);
    assert_true(scan_packets(&terms) > udp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_say_what_they_are),
        cmocka_unit_test(without_time_nothing_is_said),
        cmocka_unit_test(told_to_stop_it_does),
        cmocka_unit_test(cost_is_the_table_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
