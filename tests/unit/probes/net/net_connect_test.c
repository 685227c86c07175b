#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/net/net.h"
#include "tests/unit/probes/net/rig.h"

enum {
    FELT,
    KERNEL,
    FAILED,
    DNS
};

static const uint64_t slot_ns = 400 * (uint64_t)CLK_NS_PER_MS;

static int listener(char name[PEER_NAME_BYTES])
{
    union peer_sockaddr at = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}
    };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &at.any, sizeof at.v4), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, &at.any, &size), 0);
    (void)peer_name(&at, name);
    return fd;
}

static void services_are_timed_and_refusals_counted(void **state)
{
    struct rig rig;
    struct err e = { 0 };
    char open[PEER_NAME_BYTES];
    char closed[PEER_NAME_BYTES];
    (void)state;
    int fd = listener(open);
    close(listener(closed));
    rig_open(&rig, &net_connect);
    rig_set(&rig, "to", open);
    rig_set(&rig, "to", closed);
    rig_set(&rig, "interval", "20ms");
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    const struct probe_part *good = &rig.split.parts[0];
    const struct probe_part *bad = &rig.split.parts[1];
    assert_true(good->hists[FELT].total > 0);
    assert_int_equal(good->hists[KERNEL].total, good->hists[FELT].total);
    assert_float_equal(good->values[FAILED], 0, 0);
    assert_true(isnan(good->values[DNS])); /* an address needs no name server */
    assert_int_equal(bad->hists[FELT].total, 0);
    assert_float_equal(bad->values[FAILED], 1, 0);
    assert_true(rig_noted(&rig, 1, "0 connections"));
    assert_true(rig_noted(&rig, 1, "Connection refused"));
    rig_close(&rig);
    close(fd);
}

static void a_name_that_is_none_fails_alone(void **state)
{
    struct rig rig;
    struct err e = { 0 };
    char open[PEER_NAME_BYTES];
    (void)state;
    int fd = listener(open);
    rig_open(&rig, &net_connect);
    rig_set(&rig, "to", "bad name.invalid:1");
    rig_set(&rig, "to", open);
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    assert_int_equal(rig_result(&rig, 0)->status, STATUS_FAILED);
    assert_true(rig.split.parts[1].hists[FELT].total > 0);
    rig_close(&rig);
    close(fd);
}

static void only_what_has_a_port_is_a_service(void **state)
{
    static const char *const good[] = { "a:1", "192.0.2.7:6443", "[2001:db8::7]:443" };
    static const char *const bad[] = { "a", "192.0.2.7", "2001:db8::7", "[2001:db8::7]", "a:0" };
    struct err e = { 0 };
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        void *conf = calloc(1, net_connect.conf_size);
        assert_int_equal(opt_defaults(net_connect.opts, conf, net_connect.conf_size, &e), 0);
        if (i == 0) {
            assert_int_equal(net_connect.supported(NULL, conf, &e), -1);
            assert_int_equal(e.kind, ERR_UNSUPPORTED);
            assert_non_null(strstr(e.msg, "--connect"));
        }
        const char *to = i < 3 ? good[i] : bad[i - 3];
        assert_int_equal(opt_set(net_connect.opts, conf, "to", to, &e), 0);
        assert_int_equal(net_connect.supported(NULL, conf, &e), i < 3 ? 0 : -1);
        free(conf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_timed_and_refusals_counted),
        cmocka_unit_test(a_name_that_is_none_fails_alone),
        cmocka_unit_test(only_what_has_a_port_is_a_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
