#include "probes/net/reflector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/net/arrival.h"
#include "probes/net/stamp.h"
#include "tests/unit/probes/net/loop.h"

static int dial(const union peer_sockaddr *to)
{
    int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to->any, peer_sockaddr_size(to)), 0);
    return fd;
}

static const struct stamp_request a_request = {
    .sequence = 7, .sent = 0x1112131415161718, .sent_error = 0x0101, .ssid = 0x2122
};

static void check_answer(int fd, size_t size)
{
    uint8_t packet[STAMP_BYTES];
    struct stamp_reply r;
    assert_int_equal(recv(fd, packet, sizeof packet, MSG_DONTWAIT), (ssize_t)size);
    assert_int_equal(stamp_get_reply(packet, size, NULL, &r), 0);
    assert_int_equal(r.sequence, 7);
    assert_int_equal(r.request.sequence, 7);
    assert_true(r.request.sent == a_request.sent);
    assert_int_equal(r.ssid, 0x2122);
    assert_true(r.reflected >= r.received);
    assert_true(r.request_ttl > 0);
    uint64_t now_ns = clk_realtime_ns();
    uint64_t t2_ns = stamp_unix_ns(r.received, r.reflected_error, now_ns);
    assert_true(t2_ns <= now_ns && now_ns - t2_ns < 60 * (uint64_t)CLK_NS_PER_S);
}

static void reflects_at(const char *host, const char *asked)
{
    struct reflector r;
    uint8_t packet[STAMP_BYTES];
    loop_reflector(&r, host);
    struct peer to = { .port = peer_sockaddr_port(&r.at) };
    struct peer_addresses all;
    struct err e = { 0 };
    (void)snprintf(to.host, sizeof to.host, "%s", asked);
    assert_int_equal(peer_resolve(&to, false, &all, &e), 0);
    int fd = dial(&all.items[0]); /* connected: an answer from another address does not come */
    stamp_put_request(&a_request, NULL, packet);
    assert_int_equal(send(fd, packet, sizeof packet, 0), sizeof packet);
    loop_serve(&r, 1);
    assert_int_equal(r.counts.by_kind[ANSWER_GIVEN], 1);
    assert_int_equal(r.counts.unsent, 0);
    check_answer(fd, sizeof packet);
    (void)close(fd);
    reflector_release(&r);
    reflector_release(&r);
}

static void reflects_over_ipv4(void **state)
{
    (void)state;
    reflects_at("127.0.0.1", "127.0.0.1");
}

static void reflects_over_ipv6(void **state)
{
    (void)state;
    reflects_at("::1", "::1");
}

static void one_socket_serves_every_address_of_both_kinds(void **state)
{
    (void)state;
    reflects_at("", "127.0.0.1");
}

static void answer_leaves_from_the_address_that_was_asked(void **state)
{
    (void)state;
    reflects_at("", "127.5.6.7"); /* all of 127.0.0.0/8 is this host */
    reflects_at("0.0.0.0", "127.5.6.7");
}

static void batch_of_many_and_sizes_of_all_kinds(void **state)
{
    (void)state;

    enum {
        LONGEST = 9300,
        ROUNDS = 15
    };

    static const size_t sizes[] = { 0, 13, 14, 41, 44, 45, 1500, 9216, 9217, LONGEST };
    static uint8_t packet[LONGEST];
    const unsigned kinds = sizeof sizes / sizeof sizes[0];
    struct reflector r;
    loop_reflector(&r, "127.0.0.1");
    int fd = dial(&r.at);
    stamp_put_request(&a_request, NULL, packet);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned i = 0; i < kinds; i++)
            assert_int_equal(send(fd, packet, sizes[i], 0), (ssize_t)sizes[i]);
        loop_serve(&r, round * kinds);
        for (unsigned i = 2; i < kinds - 2; i++)
            assert_int_equal(recv(fd, packet, sizeof packet, MSG_DONTWAIT), (ssize_t)sizes[i]);
        assert_int_equal(recv(fd, packet, sizeof packet, MSG_DONTWAIT), -1);
        stamp_put_request(&a_request, NULL, packet);
    }
    assert_int_equal(r.counts.by_kind[ANSWER_GIVEN], ROUNDS * (kinds - 4));
    assert_int_equal(r.counts.by_kind[ANSWER_SHORT], ROUNDS * 2);
    assert_int_equal(r.counts.by_kind[ANSWER_LONG], ROUNDS * 2);
    (void)close(fd);
    reflector_release(&r);
}

static void more_than_a_batch_is_answered_whole(void **state)
{
    (void)state;

    enum {
        PACKETS = 150
    };

    uint8_t packet[STAMP_BYTES];
    struct reflector r;
    loop_reflector(&r, "127.0.0.1");
    int fd = dial(&r.at);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct stamp_request request = a_request;
        request.sequence = i;
        stamp_put_request(&request, NULL, packet);
        assert_int_equal(send(fd, packet, sizeof packet, 0), sizeof packet);
    }
    loop_serve(&r, PACKETS);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct stamp_reply reply = { 0 };
        assert_int_equal(recv(fd, packet, sizeof packet, MSG_DONTWAIT), sizeof packet);
        assert_int_equal(stamp_get_reply(packet, sizeof packet, NULL, &reply), 0);
        assert_int_equal(reply.request.sequence, i);
    }
    (void)close(fd);
    reflector_release(&r);
}

static void port_in_use_is_refused_with_a_remedy(void **state)
{
    (void)state;
    struct reflector r;
    struct reflector other;
    struct err e = { 0 };
    loop_reflector(&r, "127.0.0.1");
    struct peer at = { .host = "127.0.0.1", .port = peer_sockaddr_port(&r.at) };
    assert_int_equal(reflector_open(&other, &at, &e), -1);
    assert_non_null(strstr(e.msg, "127.0.0.1:"));
    assert_non_null(strstr(e.msg, "give another port"));
    reflector_release(&other);
    reflector_release(&r);
}

static void foreign_address_is_refused(void **state)
{
    (void)state;
    struct reflector r;
    struct err e = { 0 };
    struct peer at = { .host = "192.0.2.1", .port = 0 };
    assert_int_equal(reflector_open(&r, &at, &e), -1);
    assert_non_null(strstr(e.msg, "192.0.2.1"));
    reflector_release(&r);
}

static void no_descriptor_left_is_refused_with_a_remedy(void **state)
{
    (void)state;
    struct reflector r;
    struct err e = { 0 };
    struct rlimit old;
    struct peer at = { .host = "127.0.0.1" };
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit none = { .rlim_cur = 3, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int failed = reflector_open(&r, &at, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    reflector_release(&r);
    assert_int_equal(failed, -1);
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
    assert_non_null(strstr(e.msg, "raise 'ulimit -n'"));
}

static void stop_ends_it(void **state)
{
    (void)state;
    struct reflector r;
    struct err e = { 0 };
    volatile sig_atomic_t stop = 1;
    loop_reflector(&r, "127.0.0.1");
    assert_int_equal(reflector_run(&r, UINT64_MAX, &stop, &e), 0);
    reflector_release(&r);
}

static void govern(struct reflector *r, const struct reflector_rules *rules)
{
    struct err e = { 0 };
    assert_int_equal(reflector_govern(r, rules, &e), 0);
}

/* Sends so many with sequence 7; how many were answered, the last answer in packet. */
static unsigned exchange(struct reflector *r, int fd, unsigned count, uint8_t packet[STAMP_BYTES])
{
    uint64_t before = reflector_received(r);
    unsigned answered = 0;
    for (unsigned i = 0; i < count; i++) {
        stamp_put_request(&a_request, NULL, packet);
        assert_int_equal(send(fd, packet, STAMP_BYTES, 0), STAMP_BYTES);
    }
    loop_serve(r, before + count);
    while (recv(fd, packet, STAMP_BYTES, MSG_DONTWAIT) == STAMP_BYTES)
        answered++;
    return answered;
}

static void only_who_is_allowed_is_answered(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    struct reflector r;
    struct err e = { 0 };
    struct reflector_rules rules = { 0 };
    assert_int_equal(cidr_list_add(&rules.allow, "10.0.0.0/8", &e), 0);
    loop_reflector(&r, "127.0.0.1");
    govern(&r, &rules);
    int fd = dial(&r.at);
    assert_int_equal(exchange(&r, fd, 3, packet), 0);
    assert_true(r.counts.disallowed == 3 && r.counts.by_kind[ANSWER_GIVEN] == 0);
    assert_true(distinct_count(&r.refused) == 1);
    assert_true(r.last_ns == 0); /* --once has not begun */
    assert_int_equal(cidr_list_add(&r.allow, "127.0.0.0/8", &e), 0);
    assert_int_equal(exchange(&r, fd, 3, packet), 3);
    assert_true(r.last_ns != 0);
    (void)close(fd);
    reflector_release(&r);
}

static void more_than_the_rate_is_not_answered(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    struct reflector r;
    loop_reflector(&r, "127.0.0.1");
    govern(&r, &(struct reflector_rules){ .rate = 1 });
    int fd = dial(&r.at);
    /* One more may pass for each second that this takes. */
    unsigned answered = exchange(&r, fd, 100, packet);
    assert_in_range(answered, BUCKET_DEPTH_MIN, 99);
    assert_true(r.counts.limited == 100 - answered);
    (void)close(fd);
    reflector_release(&r);
}

static void own_sequence_numbers_are_by_session(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    struct reflector r;
    struct stamp_reply reply = { 0 };
    loop_reflector(&r, "127.0.0.1");
    govern(&r, &(struct reflector_rules){ .stateful = true });
    for (int session = 0; session < 2; session++) {
        int fd = dial(&r.at);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(exchange(&r, fd, 1, packet), 1);
            assert_int_equal(stamp_get_reply(packet, sizeof packet, NULL, &reply), STAMP_FINE);
            assert_int_equal(reply.sequence, i);
            assert_int_equal(reply.request.sequence, 7);
        }
        (void)close(fd);
    }
    assert_true(r.sessions.begun == 2);
    reflector_release(&r);
}

static void time_from_t3_to_the_driver_is_measured(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    struct reflector r;
    loop_reflector(&r, "127.0.0.1");
    int fd = dial(&r.at);
    assert_int_equal(exchange(&r, fd, 1, packet), 1);
    struct err e = { 0 };
    for (int i = 0; i < LOOP_TRIES && r.departure.took_ns.total == 0; i++)
        assert_int_equal(reflector_run(&r, clk_now_ns() + CLK_NS_PER_MS, &loop_never, &e), 0);
    assert_true(r.departure.took_ns.total == 1);
    assert_true(r.departure.took_ns.max > 0);
    (void)close(fd);
    reflector_release(&r);
}

static void step_of_the_clock_is_counted(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    struct reflector r;
    loop_reflector(&r, "127.0.0.1");
    int fd = dial(&r.at);
    (void)exchange(&r, fd, 1, packet);
    assert_true(r.counts.clock_steps == 0);
    r.realtime_ahead_ns += 20 * (uint64_t)CLK_NS_PER_MS; /* as if it had been set back */
    for (int i = 0; i < LOOP_TRIES && r.counts.clock_steps == 0; i++)
        (void)exchange(&r, fd, 1, packet);
    assert_true(r.counts.clock_steps == 1);
    (void)close(fd);
    reflector_release(&r);
}

/* Whoever asked is gone: what comes back must not end the reflector. */
static void closed_port_of_a_sender_is_survived(void **state)
{
    (void)state;
    uint8_t packet[STAMP_BYTES];
    struct reflector r;
    loop_reflector(&r, "127.0.0.1");
    for (unsigned i = 0; i < 5; i++) {
        int gone = dial(&r.at);
        stamp_put_request(&a_request, NULL, packet);
        assert_int_equal(send(gone, packet, STAMP_BYTES, 0), STAMP_BYTES);
        (void)close(gone);
        loop_serve(&r, 2 * i + 1);
        int fd = dial(&r.at);
        assert_int_equal(exchange(&r, fd, 1, packet), 1);
        (void)close(fd);
    }
    reflector_release(&r);
}

static void class_of_service_comes_back(void **state)
{
    (void)state;
    static const int tos = 0xb8; /* EF */
    static const int on = 1;
    _Alignas(struct cmsghdr) char control[ARRIVAL_CONTROL_BYTES];
    uint8_t packet[STAMP_BYTES];
    struct arrival a;
    struct reflector r;
    loop_reflector(&r, "");
    struct peer to = { .host = "127.0.0.1", .port = peer_sockaddr_port(&r.at) };
    struct peer_addresses all;
    struct err e = { 0 };
    assert_int_equal(peer_resolve(&to, false, &all, &e), 0);
    int fd = dial(&all.items[0]);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on), 0);
    stamp_put_request(&a_request, NULL, packet);
    assert_int_equal(send(fd, packet, STAMP_BYTES, 0), STAMP_BYTES);
    loop_serve(&r, 1);
    struct iovec iov = { packet, sizeof packet };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    assert_int_equal(recvmsg(fd, &m, MSG_DONTWAIT), STAMP_BYTES);
    arrival_read(&m, &a);
    assert_true(a.tos_known && (a.tos & 0xfc) == 0xb8);
    (void)close(fd);
    reflector_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reflects_over_ipv4),
        cmocka_unit_test(reflects_over_ipv6),
        cmocka_unit_test(one_socket_serves_every_address_of_both_kinds),
        cmocka_unit_test(answer_leaves_from_the_address_that_was_asked),
        cmocka_unit_test(batch_of_many_and_sizes_of_all_kinds),
        cmocka_unit_test(more_than_a_batch_is_answered_whole),
        cmocka_unit_test(port_in_use_is_refused_with_a_remedy),
        cmocka_unit_test(foreign_address_is_refused),
        cmocka_unit_test(no_descriptor_left_is_refused_with_a_remedy),
        cmocka_unit_test(stop_ends_it),
        cmocka_unit_test(only_who_is_allowed_is_answered),
        cmocka_unit_test(more_than_the_rate_is_not_answered),
        cmocka_unit_test(own_sequence_numbers_are_by_session),
        cmocka_unit_test(time_from_t3_to_the_driver_is_measured),
        cmocka_unit_test(step_of_the_clock_is_counted),
        cmocka_unit_test(closed_port_of_a_sender_is_survived),
        cmocka_unit_test(class_of_service_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
