#include "probes/disk/terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/rig.h"

static const struct metric no_metrics[] = { METRIC_END };

static void no_place_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct probe_site site = { .dir = "/x" };
    assert_int_equal(terms_check(&site, 1, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
}

static void the_memory_is_named(void **state)
{
    (void)state;
    struct err e;
    struct place place = { .fs = "tmpfs", .in_memory = true };
    struct probe_site site = { .dir = "/dev/shm", .place = &place };
    assert_int_equal(terms_check(&site, 1, &e), -1);
    assert_string_equal(e.msg, "'/dev/shm' is on tmpfs, which answers from memory; name a --dir on "
                               "a disk");
    (void)snprintf(place.device, sizeof place.device, "zram0");
    assert_int_equal(terms_check(&site, 1, &e), -1);
    assert_non_null(strstr(e.msg, "is on zram0,"));
}

static void space_is_enough_to_the_byte(void **state)
{
    (void)state;
    struct err e;
    struct place place = rig_place();
    struct probe_site site = { .dir = "/srv", .place = &place };
    uint64_t room = place_writable_bytes(&place);
    assert_int_equal(terms_check(&site, room, &e), 0);
    assert_int_equal(terms_check(&site, room + 1, &e), -1);
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
    assert_non_null(strstr(e.msg, "'/srv' has 50 GiB free, of which 40 GiB may be written"));
}

static void note(const char *journal, const char *options, struct result *r)
{
    static struct place place;
    struct probe_site site = { .place = &place };
    struct probe_run run = { .site = &site, .result = r };
    struct err e;
    place = rig_place();
    (void)snprintf(place.journal, sizeof place.journal, "%s", journal);
    (void)snprintf(place.options, sizeof place.options, "%s", options);
    assert_int_equal(result_open(r, "x", "x", no_metrics, &e), 0);
    terms_note(&run);
}

static void a_missing_journal_is_explained(void **state)
{
    (void)state;
    struct result r;
    note("none", "rw", &r);
    assert_int_equal(r.note_count, 1);
    assert_non_null(strstr(r.notes[0], "ext4 without a journal on vda (virtio_blk): a sync here is "
                                       "cheaper than on a journaled filesystem"));
    result_release(&r);
    note("ordered", "rw", &r);
    assert_string_equal(r.notes[0], "ext4 on vda (virtio_blk), journal: ordered.");
    result_release(&r);
}

static void a_mount_without_barriers_is_warned_of(void **state)
{
    (void)state;
    struct result r;
    static const char *const with[] = { "nobarrier", "rw,nobarrier", "rw,barrier=0,x=y" };
    static const char *const without[] = { "rw", "barrier", "rw,xnobarrier", "barrier=01" };
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
        note("ordered", with[i], &r);
        assert_int_equal(r.note_count, 2);
        result_release(&r);
    }
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        note("ordered", without[i], &r);
        assert_int_equal(r.note_count, 1);
        result_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_place_is_refused),
        cmocka_unit_test(the_memory_is_named),
        cmocka_unit_test(space_is_enough_to_the_byte),
        cmocka_unit_test(a_missing_journal_is_explained),
        cmocka_unit_test(a_mount_without_barriers_is_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
