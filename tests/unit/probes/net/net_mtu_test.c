#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/net/net.h"
#include "tests/unit/probes/net/rig.h"

enum {
    MTU,
    SHORT
};

static const uint64_t slot_ns = 2 * (uint64_t)CLK_NS_PER_S;

static void jumbo_packets_come_back_from_the_reflector(void **state)
{
    struct rig rig;
    struct err e = { 0 };
    (void)state;
    rig_open(&rig, &net_mtu);
    rig_set(&rig, "peer", rig.peer);
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    struct result *r = rig_result(&rig, 0);
    assert_string_equal(r->peer, rig.peer);
    assert_int_equal(r->status, STATUS_MEASURED);
    double mtu = rig.split.parts[0].values[MTU];
    assert_true(mtu >= 1280 && mtu <= 9216); /* the loopback's own MTU may be set */
    assert_float_equal(rig.split.parts[0].values[SHORT], 0, 0);
    assert_string_equal(facts_find(&r->facts, "net.mtu.blackhole")->text, "no");
    assert_string_equal(facts_find(&r->facts, "net.mtu.whole")->text, "yes");
    assert_float_equal(facts_find(&r->facts, "net.mtu.vxlan")->number, mtu - 50, 0);
    assert_float_equal(facts_find(&r->facts, "net.mtu.wireguard")->number, mtu - 60, 0);
    assert_float_equal(facts_find(&r->facts, "net.mtu.ipip")->number, mtu - 20, 0);
    assert_true(facts_find(&r->facts, "net.mtu.interface")->number >= mtu);
    assert_true(rig_noted(&rig, 0, rig.peer));
    rig_close(&rig);
}

static void a_reflector_with_a_key_answers_packets_of_that_key(void **state)
{
    struct rig rig;
    struct locked l;
    struct err e = { 0 };
    (void)state;
    locked_open(&l, "a secret of the test");
    rig_open_locked(&rig, &net_mtu, &l);
    rig_set(&rig, "peer", rig.peer);
    rig_set(&rig, "key-file", l.path);
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    assert_int_equal(rig_result(&rig, 0)->status, STATUS_MEASURED);
    assert_true(rig.split.parts[0].values[MTU] >= 1280);
    assert_int_equal(rig.reflector.counts.by_kind[ANSWER_GIVEN],
                     reflector_received(&rig.reflector));
    rig_close(&rig);
    locked_close(&l);
}

static void one_peer_s_failure_is_its_own(void **state)
{
    struct rig rig;
    struct err e = { 0 };
    (void)state;
    rig_open(&rig, &net_mtu);
    rig_set(&rig, "peer", "127.0.0.1:9"); /* discard: nobody listens */
    rig_set(&rig, "peer", rig.peer);
    assert_int_equal(rig_run(&rig, slot_ns, &e), 0);
    assert_int_equal(rig_result(&rig, 0)->status, STATUS_FAILED);
    assert_non_null(strstr(rig_result(&rig, 0)->reason, "127.0.0.1:9 refuses"));
    assert_non_null(strstr(rig_result(&rig, 0)->reason, "plimsoll reflect"));
    assert_int_equal(rig_result(&rig, 1)->status, STATUS_MEASURED);
    assert_true(rig.split.parts[1].values[MTU] > 0);
    assert_non_null(facts_find(&rig_result(&rig, 0)->facts, "net.mtu.vxlan"));
    rig_close(&rig);
}

static void without_a_peer_it_says_how_to_have_one(void **state)
{
    struct err e = { 0 };
    void *conf = calloc(1, net_mtu.conf_size);
    (void)state;
    assert_int_equal(opt_defaults(net_mtu.opts, conf, net_mtu.conf_size, &e), 0);
    assert_int_equal(net_mtu.supported(NULL, conf, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "--peer"));
    assert_int_equal(opt_set(net_mtu.opts, conf, "peer", "node:0", &e), 0);
    assert_int_equal(net_mtu.supported(NULL, conf, &e), -1);
    free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jumbo_packets_come_back_from_the_reflector),
        cmocka_unit_test(a_reflector_with_a_key_answers_packets_of_that_key),
        cmocka_unit_test(one_peer_s_failure_is_its_own),
        cmocka_unit_test(without_a_peer_it_says_how_to_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
