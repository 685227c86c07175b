#include "probes/image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/image/mint.h"
#include "tests/unit/probes/disk/rig.h"

static void memory_and_narrow_places_are_refused(void **state)
{
    (void)state;
    struct place place = rig_place();
    struct probe_site site = { .dir = "/x", .place = &place };
    struct err e;
    assert_int_equal(image_check(&site, 0, &e), 0);
    place.in_memory = true;
    assert_int_equal(image_check(&site, 0, &e), -1);
    place = rig_place();
    place.free_bytes = 10240 * RIG_MIB + 100 * RIG_MIB; /* a tenth of it must stay free */
    assert_int_equal(image_check(&site, 0, &e), -1);
    assert_non_null(strstr(e.msg, "MiB"));
    place.free_bytes += 100 * RIG_MIB;
    assert_int_equal(image_check(&site, 0, &e), 0);
    assert_int_equal(image_check(&site, 200 * RIG_MIB, &e), -1);
    site.image = "reference";
    assert_int_equal(image_check(&site, 0, &e), -1);
}

static uint64_t sets(const struct place *place, uint64_t slot_ns)
{
    const struct probe_site site = { .dir = "/x", .place = place };
    struct probe_cost cost = { 0 };
    struct err e;
    assert_int_equal(image_estimate(&site, slot_ns, &cost, &e), 0);
    return (cost.write_bytes - mint_packed_bytes_max(SPEC_SMALL)) /
           (mint_file_bytes(SPEC_SMALL) + ledger_image_bytes(IMAGE_LAYERS_MAX));
}

static void the_budget_holds_as_many_sets_as_slot_and_place_allow(void **state)
{
    (void)state;
    struct place place = rig_place();
    assert_int_equal(sets(&place, 0), 1);
    assert_int_equal(sets(&place, UINT64_C(60) * CLK_NS_PER_S), PULL_MAX);
    assert_int_equal(sets(NULL, UINT64_C(60) * CLK_NS_PER_S), PULL_MAX);
    place.free_bytes = 10240 * RIG_MIB + 200 * RIG_MIB;
    assert_int_equal(sets(&place, UINT64_C(60) * CLK_NS_PER_S), 2);
}

/* Of the true sizes: what is written already counts, and every entry takes its room. */
static void one_unpacking_keeps_to_budget_and_room(void **state)
{
    (void)state;
    struct place place = rig_place();
    const struct probe_site site = { .dir = "/x", .place = &place };
    struct result result = { .written_bytes = 10 * RIG_MIB };
    const struct probe_run run = { .site = &site, .result = &result };
    const struct oci_image image = { .entries = 25600 }; /* 100 MiB */
    struct err e;
    assert_int_equal(image_fits(&run, &image, 90 * RIG_MIB, 100 * RIG_MIB, &e), 0);
    assert_int_equal(image_fits(&run, &image, 91 * RIG_MIB, 100 * RIG_MIB, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "writes 91 MiB"));
    assert_non_null(strstr(e.msg, "write 100 MiB in all"));
    place.free_bytes = 10240 * RIG_MIB + 190 * RIG_MIB; /* a tenth must stay free */
    assert_int_equal(image_fits(&run, &image, 90 * RIG_MIB, 100 * RIG_MIB, &e), 0);
    place.free_bytes -= RIG_MIB;
    assert_int_equal(image_fits(&run, &image, 90 * RIG_MIB, 100 * RIG_MIB, &e), -1);
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
}

static void a_place_that_discards_gets_fewer_sets(void **state)
{
    (void)state;
    const uint64_t slot_ns = UINT64_C(60) * CLK_NS_PER_S;
    struct place place = rig_place();
    (void)snprintf(place.options, sizeof place.options, "rw,nodiscard");
    assert_int_equal(sets(&place, slot_ns), PULL_MAX);
    (void)snprintf(place.options, sizeof place.options, "rw,discard,relatime");
    uint64_t later = sets(&place, slot_ns);
    (void)snprintf(place.journal, sizeof place.journal, "none");
    uint64_t at_once = sets(&place, slot_ns);
    assert_true(later < PULL_MAX && at_once < later && at_once > 0);
}

static void preparing_takes_longer_for_one_cpu_and_more_bytes(void **state)
{
    (void)state;
    struct probe_site site = { .dir = "/x", .cpus = 1 };
    struct probe_cost one = { 0 };
    struct probe_cost two = { 0 };
    struct probe_cost large = { 0 };
    struct err e;
    assert_int_equal(image_estimate(&site, 0, &one, &e), 0);
    site.cpus = 2;
    assert_int_equal(image_estimate(&site, 0, &two, &e), 0);
    site.image = "reference";
    assert_int_equal(image_estimate(&site, 0, &large, &e), 0);
    assert_true(one.setup_ns > two.setup_ns && large.setup_ns > two.setup_ns);
}

static void an_image_that_is_none_is_refused_with_its_name(void **state)
{
    (void)state;
    struct probe_site site = { .dir = "/x", .image = "/nonexistent/image.tar" };
    struct probe_cost cost = { 0 };
    struct err e;
    assert_int_equal(image_check(&site, 0, &e), -1);
    assert_non_null(strstr(e.msg, "/nonexistent/image.tar"));
    assert_int_equal(image_estimate(&site, 0, &cost, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_and_narrow_places_are_refused),
        cmocka_unit_test(the_budget_holds_as_many_sets_as_slot_and_place_allow),
        cmocka_unit_test(one_unpacking_keeps_to_budget_and_room),
        cmocka_unit_test(a_place_that_discards_gets_fewer_sets),
        cmocka_unit_test(preparing_takes_longer_for_one_cpu_and_more_bytes),
        cmocka_unit_test(an_image_that_is_none_is_refused_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
