#include "probes/kit/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/probes/kit/disks.h"

static const char mountinfo[] =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
    "28 27 259:1 / /srv rw,noatime - xfs /dev/nvme0n1p1 rw,attr2,inode64\n"
    "29 27 253:0 / /data rw,relatime - ext4 /dev/mapper/vg0-root rw,data=writeback\n"
    "30 27 8:1 / /nojournal rw,relatime - ext4 /dev/sda1 rw\n"
    "31 27 7:1 / /external rw,relatime - ext4 /dev/loop1 rw\n"
    "32 27 0:23 / /dev/shm rw,nosuid - tmpfs tmpfs rw,size=1024k\n"
    "33 27 7:0 / /mem rw,relatime - ext4 /dev/loop0 rw\n"
    "34 27 252:0 / /zram rw,relatime - ext2 /dev/zram0 rw\n"
    "35 27 0:50 / /nfs rw,relatime - nfs4 server:/export rw,vers=4.2,addr=10.0.0.1\n"
    "36 27 0:51 / /over rw,relatime - overlay overlay "
    "rw,lowerdir=/srv/low,upperdir=/srv/up,workdir=/srv/work\n"
    "37 27 0:52 / /overmem rw,relatime - overlay overlay "
    "rw,lowerdir=/srv/low,upperdir=/dev/shm/up,workdir=/dev/shm/work\n"
    "38 27 0:45 /@home /home rw,relatime - btrfs /dev/mapper/vg1-data rw,subvol=/@home\n"
    "39 27 0:53 / /pool rw,relatime - zfs rpool/data rw,xattr\n"
    "40 27 254:1 /somewhere /with\\040space rw,relatime - ext4 /dev/vda1 rw\n"
    "41 27 259:1 / /a/b rw,relatime - xfs /dev/nvme0n1p1 rw\n"
    "42 27 254:1 /a /a ro,relatime - ext4 /dev/vda1 rw\n"
    "43 27 0:60 / /twice rw,relatime - tmpfs tmpfs rw\n"
    "44 43 259:1 / /twice rw,relatime - xfs /dev/nvme0n1p1 rw\n"
    "45 27 0:61 / /sshfs rw,relatime - fuse.sshfs me@there:/ rw,user_id=0\n"
    "46 27 0:62 / /odd rw,relatime - fuse.odd odd rw\n";

static const struct tree_row proc_rows[] = {
    {"self/mountinfo",         mountinfo                                },
    { "fs/jbd2/vda1-8/info",   ""                                       },
    { "fs/jbd2/dm-0-8/info",   ""                                       },
    { "fs/jbd2/loop0-8/info",  ""                                       },
    { "fs/jbd2/sda10-8/info",  ""                                       },
    { "fs/ext4/vda1/options",  "rw\nbarrier\nuser_xattr\ndata=ordered\n"},
    { "fs/ext4/sda1/options",  "rw\nbarrier\nuser_xattr\nnodata=x\n"    },
    { "fs/ext4/loop1/options", "rw\nbarrier\ndata=journal\nstripe=0\n"  },
};

struct host {
    struct tree proc;
    struct tree sys;
    struct tree empty;
};

static int make_host(void **state)
{
    static struct host h;
    *state = &h;
    return tree_make(&h.proc, proc_rows, sizeof(proc_rows) / sizeof(proc_rows[0])) ||
           tree_make(&h.sys, disks_sys, sizeof(disks_sys) / sizeof(disks_sys[0])) ||
           tree_make(&h.empty, NULL, 0);
}

static int remove_host(void **state)
{
    struct host *h = *state;
    tree_remove(&h->proc);
    tree_remove(&h->sys);
    tree_remove(&h->empty);
    return 0;
}

static struct place found(void **state, const char *path, dev_t dev)
{
    const struct host *h = *state;
    struct place p;
    place_find(path, dev, h->proc.fd, h->sys.fd, &p);
    return p;
}

static void ext4_on_a_virtio_partition_is_told_whole(void **state)
{
    struct place p = found(state, "/var/lib", makedev(254, 1));
    assert_string_equal(p.fs, "ext4");
    assert_string_equal(p.mount, "/");
    assert_string_equal(p.source, "/dev/vda1");
    assert_string_equal(p.options, "rw,relatime,errors=remount-ro");
    assert_string_equal(p.journal, "ordered");
    assert_string_equal(p.device, "vda");
    assert_string_equal(p.driver, "virtio_blk");
    assert_string_equal(p.scheduler, "mq-deadline");
    assert_string_equal(p.write_cache, "write back");
    assert_int_equal(p.rotational, 1);
    assert_int_equal(p.logical_block_bytes, 512);
    assert_false(p.in_memory || p.is_network || p.read_only);
}

static void xfs_on_nvme_has_a_journal(void **state)
{
    struct place p = found(state, "/srv", makedev(259, 1));
    assert_string_equal(p.fs, "xfs");
    assert_string_equal(p.journal, "yes");
    assert_string_equal(p.device, "nvme0n1");
    assert_string_equal(p.driver, "nvme");
    assert_string_equal(p.model, "Amazon Elastic Block Store");
    assert_int_equal(p.rotational, 0);
}

static void mount_point_is_no_prefix_of_another_name(void **state)
{
    assert_string_equal(found(state, "/srv2/x", 0).mount, "/");
    assert_string_equal(found(state, "/srv/x", 0).mount, "/srv");
    assert_string_equal(found(state, "/", 0).mount, "/");
}

static void journal_mode_is_that_of_the_mount(void **state)
{
    struct place p = found(state, "/data/x", makedev(253, 0));
    assert_string_equal(p.journal, "writeback");
    assert_string_equal(p.device, "dm-0");
    assert_string_equal(p.driver, "virtio_blk");
}

/* sda10 has a journal, sda1 has none, and "nodata=" is no data mode. */
static void ext4_without_a_journal_says_none(void **state)
{
    assert_string_equal(found(state, "/nojournal", makedev(8, 1)).journal, "none");
}

static void journal_on_another_device_is_found_by_its_mode(void **state)
{
    struct place p = found(state, "/external", makedev(7, 1));
    assert_string_equal(p.journal, "journal");
    assert_false(p.in_memory);
}

static void memory_is_told_in_all_its_guises(void **state)
{
    struct place p = found(state, "/dev/shm/x", makedev(0, 23));
    assert_true(p.in_memory);
    assert_string_equal(p.journal, "n/a");
    assert_string_equal(p.device, "");
    assert_int_equal(p.rotational, -1);
    assert_true(found(state, "/mem", makedev(7, 0)).in_memory);
    assert_true(found(state, "/zram", makedev(252, 0)).in_memory);
    assert_true(found(state, "/overmem", makedev(0, 52)).in_memory);
}

static void network_has_no_device(void **state)
{
    struct place p = found(state, "/nfs/x", makedev(0, 50));
    assert_true(p.is_network);
    assert_string_equal(p.fs, "nfs4");
    assert_string_equal(p.source, "server:/export");
    assert_string_equal(p.device, "");
    assert_string_equal(p.journal, "n/a");
    assert_true(found(state, "/sshfs", 0).is_network);
}

static void overlay_answers_for_its_upper_directory(void **state)
{
    struct place p = found(state, "/over/x", makedev(0, 51));
    assert_string_equal(p.fs, "overlay");
    assert_string_equal(p.mount, "/over");
    assert_string_equal(p.device, "nvme0n1");
    assert_string_equal(p.journal, "yes");
    assert_false(p.in_memory);
}

/* Within a container the upper directory is a path of the host: what lies there is not ours. */
static void overlay_over_nothing_in_sight_is_not_guessed(void **state)
{
    static const struct tree_row rows[] = {
        {"self/mountinfo",
         "50 1 0:70 / / rw - overlay overlay "
          "rw,lowerdir=/var/lib/docker/l,upperdir=/var/lib/docker/u,workdir=/var/lib/docker/w\n"
          "51 50 254:1 /x/hosts /etc/hosts rw - ext4 /dev/vda1 rw\n"}
    };
    const struct host *h = *state;
    struct tree proc;
    struct place p;
    assert_int_equal(tree_make(&proc, rows, 1), 0);
    place_find("/var/tmp", makedev(0, 70), proc.fd, h->sys.fd, &p);
    tree_remove(&proc);
    assert_string_equal(p.fs, "overlay");
    assert_string_equal(p.journal, "not known");
    assert_string_equal(p.device, "");
}

/* A file on btrfs has a device number that is in no mount table: the path decides. */
static void btrfs_is_found_by_path_and_its_disk_by_source(void **state)
{
    struct place p = found(state, "/home/me", makedev(0, 46));
    assert_string_equal(p.fs, "btrfs");
    assert_string_equal(p.mount, "/home");
    assert_string_equal(p.device, "dm-2");
    assert_string_equal(p.journal, "yes");
}

static void zfs_has_a_source_but_no_device(void **state)
{
    struct place p = found(state, "/pool/x", makedev(0, 53));
    assert_string_equal(p.fs, "zfs");
    assert_string_equal(p.source, "rpool/data");
    assert_string_equal(p.device, "");
    assert_string_equal(p.journal, "yes");
}

static void mount_point_with_a_blank_is_unescaped(void **state)
{
    assert_string_equal(found(state, "/with space/x", makedev(254, 1)).mount, "/with space");
}

/* /a was mounted after /a/b and hides it; only the device number tells. */
static void mount_hidden_below_another_is_not_taken(void **state)
{
    struct place p = found(state, "/a/b/c", makedev(254, 1));
    assert_string_equal(p.mount, "/a");
    assert_string_equal(p.fs, "ext4");
    assert_true(p.read_only);
}

static void last_of_two_mounts_on_one_point_wins(void **state)
{
    assert_string_equal(found(state, "/twice/x", 0).fs, "xfs");
    assert_string_equal(found(state, "/twice/x", makedev(0, 60)).fs, "tmpfs");
}

static void unknown_filesystem_has_an_unknown_journal(void **state)
{
    struct place p = found(state, "/odd", makedev(0, 62));
    assert_string_equal(p.fs, "fuse.odd");
    assert_string_equal(p.journal, "not known");
    assert_false(p.is_network || p.in_memory);
}

static void hidden_sysfs_costs_the_device_but_not_the_filesystem(void **state)
{
    const struct host *h = *state;
    const int hidden[] = { h->empty.fd, -1 };
    for (size_t i = 0; i < 2; i++) {
        struct place p;
        place_find("/var", makedev(254, 1), h->proc.fd, hidden[i], &p);
        assert_string_equal(p.fs, "ext4");
        assert_string_equal(p.journal, "ordered");
        assert_string_equal(p.device, "");
        assert_int_equal(p.rotational, -1);
    }
}

static void hidden_proc_leaves_the_device_by_number(void **state)
{
    const struct host *h = *state;
    struct place p;
    place_find("/var", makedev(254, 1), h->empty.fd, h->sys.fd, &p);
    assert_string_equal(p.fs, "");
    assert_string_equal(p.journal, "not known");
    assert_string_equal(p.device, "vda");
}

static void mountinfo_that_is_cut_or_odd_is_survived(void **state)
{
    static const char *const texts[] = {
        "",
        "27 1 254:1",
        "27 1 254:1 / / rw -\n",
        "27 1 254:1 / / rw - ext4 /dev/vda1",
        "nonsense\n27 1 254:1 / / rw - ext4 /dev/vda1 rw\n",
        "27 1 0:9 / / rw - overlay overlay rw,upperdir=\n",
        "27 1 0:9 / / rw - overlay overlay rw,upperdir=relative\n",
        "27 1 254:1 / / rw - ext4 none rw,data=\n",
    };
    const struct host *h = *state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tree_row row = { "self/mountinfo", texts[i] };
        struct tree proc;
        struct place p;
        assert_int_equal(tree_make(&proc, &row, 1), 0);
        place_find("/var", makedev(254, 1), proc.fd, h->sys.fd, &p);
        tree_remove(&proc);
        assert_false(p.in_memory);
    }
}

static void sizes_are_those_of_the_real_directory(void **state)
{
    const struct host *h = *state;
    struct place p;
    struct err e;
    assert_int_equal(place_of(".", h->empty.fd, h->empty.fd, &p, &e), 0);
    assert_true(p.total_bytes > 0);
    assert_true(p.free_bytes <= p.total_bytes);
    assert_true(p.free_inodes <= p.total_inodes);
}

static void place_that_is_no_directory_is_refused_by_name(void **state)
{
    const struct host *h = *state;
    struct place p;
    struct err e;
    assert_int_equal(place_of("/nowhere/at all", h->proc.fd, h->sys.fd, &p, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_non_null(strstr(e.msg, "'/nowhere/at all'"));
    assert_int_equal(place_of("Makefile", h->proc.fd, h->sys.fd, &p, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
}

static uint64_t writable(uint64_t total, uint64_t unused)
{
    struct place p = { .total_bytes = total, .free_bytes = unused };
    return place_writable_bytes(&p);
}

static void a_tenth_and_a_gibibyte_at_least_stay_free(void **state)
{
    (void)state;
    const uint64_t gib = UINT64_C(1) << 30;
    assert_true(writable(100 * gib, 50 * gib) == 40 * gib);
    assert_true(writable(100 * gib, 10 * gib) == 0);
    assert_true(writable(100 * gib, 10 * gib + 1) == 1);
    assert_true(writable(5 * gib, 3 * gib) == 2 * gib);
    assert_true(writable(5 * gib, gib) == 0);
    assert_true(writable(5 * gib, gib - 1) == 0);
    assert_true(writable(10 * gib, 10 * gib) == 9 * gib);
    assert_true(writable(0, 0) == 0);
    assert_true(writable(UINT64_MAX, UINT64_MAX) == UINT64_MAX - UINT64_MAX / 10);
}

static void nothing_may_be_written_where_it_is_read_only(void **state)
{
    (void)state;
    struct place p = { .total_bytes = UINT64_C(1) << 40,
                       .free_bytes = UINT64_C(1) << 40,
                       .read_only = true };
    assert_true(place_writable_bytes(&p) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ext4_on_a_virtio_partition_is_told_whole),
        cmocka_unit_test(xfs_on_nvme_has_a_journal),
        cmocka_unit_test(mount_point_is_no_prefix_of_another_name),
        cmocka_unit_test(journal_mode_is_that_of_the_mount),
        cmocka_unit_test(ext4_without_a_journal_says_none),
        cmocka_unit_test(journal_on_another_device_is_found_by_its_mode),
        cmocka_unit_test(memory_is_told_in_all_its_guises),
        cmocka_unit_test(network_has_no_device),
        cmocka_unit_test(overlay_answers_for_its_upper_directory),
        cmocka_unit_test(overlay_over_nothing_in_sight_is_not_guessed),
        cmocka_unit_test(btrfs_is_found_by_path_and_its_disk_by_source),
        cmocka_unit_test(zfs_has_a_source_but_no_device),
        cmocka_unit_test(mount_point_with_a_blank_is_unescaped),
        cmocka_unit_test(mount_hidden_below_another_is_not_taken),
        cmocka_unit_test(last_of_two_mounts_on_one_point_wins),
        cmocka_unit_test(unknown_filesystem_has_an_unknown_journal),
        cmocka_unit_test(hidden_sysfs_costs_the_device_but_not_the_filesystem),
        cmocka_unit_test(hidden_proc_leaves_the_device_by_number),
        cmocka_unit_test(mountinfo_that_is_cut_or_odd_is_survived),
        cmocka_unit_test(sizes_are_those_of_the_real_directory),
        cmocka_unit_test(place_that_is_no_directory_is_refused_by_name),
        cmocka_unit_test(a_tenth_and_a_gibibyte_at_least_stay_free),
        cmocka_unit_test(nothing_may_be_written_where_it_is_read_only),
    };
    return cmocka_run_group_tests(tests, make_host, remove_host);
}
