#include "probes/kit/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "tests/unit/probes/kit/disks.h"

static int make_sys(void **state)
{
    static struct tree sys;
    *state = &sys;
    return tree_make(&sys, disks_sys, sizeof(disks_sys) / sizeof(disks_sys[0]));
}

static int remove_sys(void **state)
{
    tree_remove(*state);
    return 0;
}

static int sys_of(void **state)
{
    return ((struct tree *)*state)->fd;
}

static void number_leads_to_the_name(void **state)
{
    char name[BLOCK_NAME_BYTES];
    assert_true(block_name_of_dev(sys_of(state), makedev(254, 1), name));
    assert_string_equal(name, "vda1");
    assert_true(block_name_of_dev(sys_of(state), makedev(253, 0), name));
    assert_string_equal(name, "dm-0");
    assert_false(block_name_of_dev(sys_of(state), makedev(0, 45), name));
    assert_string_equal(name, "");
    assert_false(block_name_of_dev(-1, makedev(254, 1), name));
}

static void path_leads_to_the_name(void **state)
{
    char name[BLOCK_NAME_BYTES];
    assert_true(block_name_of_path(sys_of(state), "/dev/nvme0n1p1", name));
    assert_string_equal(name, "nvme0n1p1");
    assert_true(block_name_of_path(sys_of(state), "/dev/mapper/vg1-data", name));
    assert_string_equal(name, "dm-2");
    static const char *const none[] = { "",           "vda1",         "/dev/",
                                        "/dev/vdz",   "/dev/mapper/", "/dev/mapper/vg9-none",
                                        "rpool/data", "/dev/../class" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_false(block_name_of_path(sys_of(state), none[i], name));
        assert_string_equal(name, "");
    }
}

static void partition_is_described_as_its_disk(void **state)
{
    struct block b;
    block_describe(sys_of(state), "vda1", &b);
    assert_string_equal(b.name, "vda");
    assert_string_equal(b.bottom, "vda");
    assert_string_equal(b.driver, "virtio_blk");
    assert_string_equal(b.model, "");
    assert_string_equal(b.scheduler, "mq-deadline");
    assert_string_equal(b.write_cache, "write back");
    assert_int_equal(b.rotational, 1);
    assert_int_equal(b.logical_block_bytes, 512);
    assert_false(b.in_memory);
}

static void nvme_takes_its_driver_from_the_controllers_bus(void **state)
{
    struct block b;
    block_describe(sys_of(state), "nvme0n1p1", &b);
    assert_string_equal(b.name, "nvme0n1");
    assert_string_equal(b.driver, "nvme");
    assert_string_equal(b.model, "Amazon Elastic Block Store");
    assert_string_equal(b.scheduler, "none");
    assert_int_equal(b.rotational, 0);
}

static void scsi_disk_names_its_adapters_driver(void **state)
{
    struct block b;
    block_describe(sys_of(state), "sda", &b);
    assert_string_equal(b.driver, "virtio_scsi");
    assert_string_equal(b.model, "QEMU HARDDISK");
    assert_string_equal(b.scheduler, "bfq");
}

static void volume_keeps_its_name_and_shows_the_one_disk_below(void **state)
{
    static const char *const names[] = { "dm-0", "dm-1" };
    for (size_t i = 0; i < 2; i++) {
        struct block b;
        block_describe(sys_of(state), names[i], &b);
        assert_string_equal(b.name, names[i]);
        assert_string_equal(b.bottom, "vda");
        assert_string_equal(b.driver, "virtio_blk");
        assert_string_equal(b.scheduler, "mq-deadline");
    }
}

static void volume_on_two_disks_shows_neither(void **state)
{
    struct block b;
    block_describe(sys_of(state), "dm-2", &b);
    assert_string_equal(b.name, "dm-2");
    assert_string_equal(b.bottom, "dm-2");
    assert_string_equal(b.driver, "");
    assert_string_equal(b.scheduler, "none");
    assert_string_equal(b.write_cache, "write through");
    assert_int_equal(b.rotational, 0);
}

static void memory_disks_are_known(void **state)
{
    struct block b;
    block_describe(sys_of(state), "zram0", &b);
    assert_true(b.in_memory);
    assert_string_equal(b.driver, "zram");
    block_describe(sys_of(state), "loop0", &b);
    assert_false(b.in_memory); /* its file decides, which is not seen here */
    assert_string_equal(b.backing_file, "/dev/shm/disk.img");
    assert_string_equal(b.driver, "loop");
}

static void unknown_device_is_described_as_nothing(void **state)
{
    static const char *const names[] = { "", "vdz", "../../devices" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct block b;
        block_describe(sys_of(state), names[i], &b);
        assert_string_equal(b.name, "");
        assert_int_equal(b.rotational, -1);
        assert_int_equal(b.logical_block_bytes, 0);
    }
    struct block b;
    block_describe(-1, "vda", &b);
    assert_string_equal(b.name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_leads_to_the_name),
        cmocka_unit_test(path_leads_to_the_name),
        cmocka_unit_test(partition_is_described_as_its_disk),
        cmocka_unit_test(nvme_takes_its_driver_from_the_controllers_bus),
        cmocka_unit_test(scsi_disk_names_its_adapters_driver),
        cmocka_unit_test(volume_keeps_its_name_and_shows_the_one_disk_below),
        cmocka_unit_test(volume_on_two_disks_shows_neither),
        cmocka_unit_test(memory_disks_are_known),
        cmocka_unit_test(unknown_device_is_described_as_nothing),
    };
    return cmocka_run_group_tests(tests, make_sys, remove_sys);
}
