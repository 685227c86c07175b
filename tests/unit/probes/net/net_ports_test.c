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
    FILTERED
};

/* The loopback has no filter; what listens there is this host's affair. */
static void every_port_of_the_loopback_is_told(void **state)
{
    static const char *const lists[] = { "net.ports.open", "net.ports.refused", "net.ports.silent",
                                         "net.ports.blocked" };
    struct rig rig;
    struct err e = { 0 };
    (void)state;
    rig_open(&rig, &net_ports);
    rig_set(&rig, "peer", rig.peer);
    rig_set(&rig, "asks", "1");
    assert_int_equal(rig_run(&rig, 2500 * (uint64_t)CLK_NS_PER_MS, &e), 0);
    const struct result *r = rig_result(&rig, 0);
    assert_int_equal(r->status, STATUS_MEASURED);
    assert_float_equal(rig.split.parts[0].values[FILTERED], 0, 0);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        assert_non_null(facts_find(&r->facts, lists[i]));
    assert_string_equal(facts_find(&r->facts, "net.ports.blocked")->text, "");
    const struct fact *open = facts_find(&r->facts, "net.ports.open");
    const struct fact *refused = facts_find(&r->facts, "net.ports.refused");
    assert_int_equal(facts_holds(open, "2888") + facts_holds(refused, "2888"), 1);
    assert_false(facts_holds(refused, "10257")); /* not between nodes */
    rig_close(&rig);
}

static void a_name_without_an_address_fails(void **state)
{
    struct rig rig;
    struct err e = { 0 };
    (void)state;
    rig_open(&rig, &net_ports);
    rig_set(&rig, "peer", "bad name");
    assert_int_equal(rig_run(&rig, CLK_NS_PER_MS, &e), -1);
    assert_int_equal(rig_result(&rig, 0)->status, STATUS_FAILED);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_port_of_the_loopback_is_told),
        cmocka_unit_test(a_name_without_an_address_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
