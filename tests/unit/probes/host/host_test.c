#include "probes/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static const char *const all_trees[] = {
    "kvm-debian",       "firecracker", "openvz",    "openvz-host", "openvz-zero", "cloudlinux",
    "lxc-unprivileged", "docker",      "podman",    "nspawn",      "xen",         "xen-dom0",
    "container-other",  "ec2-metal",   "ec2-nitro", "wsl",         "metal",       "smbios",
    "arm-kvm",          "uml",         "empty",     NULL,
};

static void check_declared(const struct facts *f)
{
    unsigned rows = 0;
    for (const struct fact_row *row = host.facts; row->name; row++, rows++) {
        const struct fact *fact = facts_find(f, row->name);
        if (!fact) {
            print_error("%s is not stated\n", row->name);
            fail();
            return;
        }
        assert_true(fact->kind == row->kind || fact->kind == FACT_UNKNOWN);
        if (fact->kind == FACT_NUMBER)
            assert_int_equal(fact->unit, row->unit);
        if (fact->kind == FACT_UNKNOWN)
            assert_true(fact->reason && fact->reason[0]);
    }
    assert_int_equal(f->count, rows);
}

/* On any tree, even an empty one: what was declared is stated, or it is said why not. */
static void every_declared_fact_is_stated_on_every_tree(void **state)
{
    (void)state;
    for (unsigned i = 0; all_trees[i]; i++) {
        struct trees t = trees_open(all_trees[i]);
        struct probe_site site = { .proc_fd = t.proc_fd, .sys_fd = t.sys_fd, .cpus = 2 };
        struct result r = { 0 };
        struct probe_run run = { .site = &site, .result = &r };
        struct err e;
        assert_int_equal(host.measure(&run, &e), 0);
        check_declared(&r.facts);
        facts_release(&r.facts);
        trees_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_declared_fact_is_stated_on_every_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
