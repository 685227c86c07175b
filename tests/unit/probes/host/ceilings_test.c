#include "probes/host/ceilings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static void limits_are_read_and_missing_ones_explained(void **state)
{
    (void)state;
    struct facts f = { 0 };
    struct trees t = trees_open("kvm-debian");
    ceilings_state(t.proc_fd, &f);
    assert_true(facts_find(&f, "host.inotify.instances")->number == 128);
    assert_true(facts_find(&f, "host.inotify.watches")->number == 15022);
    assert_true(facts_find(&f, "host.keys.root_maxkeys")->number == 1000000);
    assert_true(facts_find(&f, "host.pid_max")->number == 4194304);
    assert_true(facts_find(&f, "host.nofile")->number == 1048576);
    assert_string_equal(facts_find(&f, "host.ip_forward")->text, "1");
    const struct fact *conntrack = facts_find(&f, "host.conntrack.max");
    assert_int_equal(conntrack->kind, FACT_UNKNOWN);
    assert_non_null(strstr(conntrack->reason, "modprobe nf_conntrack"));
    facts_release(&f);
    trees_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read_and_missing_ones_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
