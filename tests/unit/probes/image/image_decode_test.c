#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/image/decode.h"
#include "probes/image/image.h"
#include "tests/unit/probes/disk/rig.h"
#include "tests/unit/probes/image/forge.h"

#define LONG_NS ((uint64_t)60 * CLK_NS_PER_S)

static void every_way_has_a_figure(void **state)
{
    (void)state;
    struct forge *forge = forge_of_an_image();
    struct rig *r = rig_open(&image_decode);
    r->site.image = forge->image_path;
    r->run.slot_end_ns = clk_now_ns() + LONG_NS;
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, LONG_NS), 0);
    for (unsigned way = 0; way < DECODE_WAYS; way++) {
        assert_true(r->values[way] > 0);
        assert_true(r->observed_ns[way] > 0);
    }
    image_decode.judge(&r->run);
    assert_true(rig_noted(r, "from memory to memory, one thread"));
    rig_close(r);
    forge_close(forge);
}

static void a_slot_that_is_used_up_gives_figures_all_the_same(void **state)
{
    (void)state;
    struct forge *forge = forge_of_an_image();
    struct rig *r = rig_open(&image_decode);
    r->site.image = forge->image_path;
    r->run.slot_end_ns = clk_now_ns() + LONG_NS;
    assert_int_equal(rig_setup(r), 0);
    r->run.slot_end_ns = clk_now_ns();
    assert_int_equal(rig_measure(r, 0), 0);
    for (unsigned way = 0; way < DECODE_WAYS; way++)
        assert_true(r->values[way] > 0);
    rig_close(r);
    forge_close(forge);
}

static void an_image_that_is_none_is_named(void **state)
{
    (void)state;
    struct rig *r = rig_open(&image_decode);
    r->site.image = "/nothing/here";
    assert_int_not_equal(image_decode.supported(&r->site, r->run.conf, &r->e), 0);
    assert_non_null(strstr(r->e.msg, "/nothing/here"));
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_has_a_figure),
        cmocka_unit_test(a_slot_that_is_used_up_gives_figures_all_the_same),
        cmocka_unit_test(an_image_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
