#include "probes/host/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_disk_is_stated_in_full(void **state)
{
    (void)state;
    struct place p = { .fs = "ext4",
                       .journal = "ordered",
                       .device = "vda",
                       .driver = "virtio_blk",
                       .rotational = 1,
                       .scheduler = "none",
                       .write_cache = "write back",
                       .total_bytes = 1000,
                       .free_bytes = 250,
                       .total_inodes = 10,
                       .free_inodes = 9 };
    struct facts f = { 0 };
    storage_state(&p, &f);
    assert_int_equal(f.count, 11);
    assert_string_equal(facts_find(&f, "host.disk.driver")->text, "virtio_blk");
    assert_string_equal(facts_find(&f, "host.disk.rotational")->text, "yes");
    assert_true(facts_find(&f, "host.disk.free_ratio")->number == 0.25);
    assert_true(facts_find(&f, "host.disk.inodes_free_ratio")->number == 0.9);
    facts_release(&f);
}

static void what_the_kernel_does_not_say_is_unknown(void **state)
{
    (void)state;
    struct place p = { .fs = "btrfs", .rotational = -1, .total_bytes = 8 };
    struct facts f = { 0 };
    storage_state(&p, &f);
    assert_int_equal(f.count, 11);
    assert_int_equal(facts_find(&f, "host.disk.rotational")->kind, FACT_UNKNOWN);
    assert_int_equal(facts_find(&f, "host.disk.device")->kind, FACT_UNKNOWN);
    assert_int_equal(facts_find(&f, "host.disk.inodes_free_ratio")->kind, FACT_UNKNOWN);
    facts_release(&f);
}

static void without_a_place_all_is_unknown(void **state)
{
    (void)state;
    struct facts f = { 0 };
    storage_state(NULL, &f);
    assert_int_equal(f.count, 11);
    for (unsigned i = 0; i < f.count; i++)
        assert_int_equal(f.items[i].kind, FACT_UNKNOWN);
    facts_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_is_stated_in_full),
        cmocka_unit_test(what_the_kernel_does_not_say_is_unknown),
        cmocka_unit_test(without_a_place_all_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
