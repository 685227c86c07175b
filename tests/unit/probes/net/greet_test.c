#include "probes/net/greet.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/probes/net/loop.h"

struct server {
    struct reflector reflector;
    pthread_t thread;
    volatile sig_atomic_t stop;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    struct err e = { 0 };
    (void)reflector_run(&s->reflector, UINT64_MAX, &s->stop, &e);
    return NULL;
}

static void open_server(struct server *s, bool stateful)
{
    struct err e = { 0 };
    struct reflector_rules rules = { .stateful = stateful };
    *s = (struct server){ .stop = 0 };
    loop_reflector(&s->reflector, "127.0.0.1");
    assert_int_equal(reflector_govern(&s->reflector, &rules, &e), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void close_server(struct server *s)
{
    s->stop = 1;
    (void)pthread_join(s->thread, NULL);
    reflector_release(&s->reflector);
}

/* A port of this host at which no one listens. */
static union peer_sockaddr nobody(void)
{
    struct reflector r;
    loop_reflector(&r, "127.0.0.1");
    union peer_sockaddr at = r.at;
    reflector_release(&r);
    return at;
}

static const struct greet_terms terms = { .wait_ns = 10 * (uint64_t)CLK_NS_PER_S };

static void first_address_that_answers_is_chosen(void **state)
{
    (void)state;
    struct server s;
    struct err e = { 0 };
    struct greet_peer peers[3] = { { .all.count = 0 } };
    open_server(&s, false);
    peers[0].all = (struct peer_addresses){
        .items = {nobody(), s.reflector.at},
          .count = 2
    };
    peers[1].all = (struct peer_addresses){ .items = { s.reflector.at }, .count = 1 };
    assert_int_equal(greet_all(peers, 3, &terms, &loop_never, &e), 0);
    close_server(&s);
    for (int i = 0; i < 2; i++) {
        assert_true(peers[i].answered);
        assert_true(peer_same(&peers[i].at, &s.reflector.at));
        assert_false(peers[i].stateful);
    }
    assert_false(peers[2].answered); /* it had no address */
}

static void stateful_reflector_is_known(void **state)
{
    (void)state;
    struct server s;
    struct err e = { 0 };
    struct greet_peer peer = { .answered = false };
    open_server(&s, true);
    peer.all = (struct peer_addresses){ .items = { s.reflector.at }, .count = 1 };
    assert_int_equal(greet_all(&peer, 1, &terms, &loop_never, &e), 0);
    close_server(&s);
    assert_true(peer.answered);
    assert_true(peer.stateful);
}

static void refused_everywhere_it_does_not_wait(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct greet_peer peer = {
        .all = {.items = { nobody() }, .count = 1}
    };
    struct greet_terms forever = { .wait_ns = 3600 * (uint64_t)CLK_NS_PER_S };
    assert_int_equal(greet_all(&peer, 1, &forever, &loop_never, &e), 0);
    assert_false(peer.answered);
    assert_int_equal(peer.e.kind, ERR_PEER);
    assert_non_null(strstr(peer.e.msg, "refuses"));
}

static void silence_is_told(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct greet_terms brief = { .wait_ns = 150 * (uint64_t)CLK_NS_PER_MS };
    union peer_sockaddr at = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}
    };
    socklen_t size = sizeof at.v4;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* open, and never read */
    assert_int_equal(bind(fd, &at.any, size), 0);
    assert_int_equal(getsockname(fd, &at.any, &size), 0);
    struct greet_peer peer = {
        .all = {.items = { at }, .count = 1}
    };
    assert_int_equal(greet_all(&peer, 1, &brief, &loop_never, &e), 0);
    assert_false(peer.answered);
    assert_non_null(strstr(peer.e.msg, "nothing answered"));
    (void)close(fd);
}

static void interrupted_it_ends(void **state)
{
    (void)state;
    volatile sig_atomic_t stop = 1;
    struct err e = { 0 };
    struct greet_peer peer = {
        .all = {.items = { nobody() }, .count = 1}
    };
    assert_int_equal(greet_all(&peer, 1, &terms, &stop, &e), -1);
    assert_int_equal(e.kind, ERR_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_address_that_answers_is_chosen),
        cmocka_unit_test(stateful_reflector_is_known),
        cmocka_unit_test(refused_everywhere_it_does_not_wait),
        cmocka_unit_test(silence_is_told),
        cmocka_unit_test(interrupted_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
