#include "bench/lift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static void facts_move_and_those_of_a_further_place_say_so(void **state)
{
    (void)state;
    AUTO(document) struct document d = { .place_count = 2, .places[1].name = "images" };
    struct facts found = { 0 };
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(facts_set_text(&found, "disk.class", "nvme", "because"), 0);
        assert_int_equal(facts_set_number(&found, "disk.class.cap", 3000, UNIT_PER_S, NULL), 0);
        assert_int_equal(facts_set_list(&found, "disk.list", "a b", NULL), 0);
        assert_int_equal(facts_set_unknown(&found, "disk.flush", "not asked"), 0);
        lift_facts(&d, i ? "images" : "", &found);
        assert_int_equal(found.count, 0);
    }
    assert_int_equal(d.host.count, 8);
    const struct fact *class = facts_find(&d.host, "images.disk.class");
    assert_string_equal(class->text, "nvme");
    assert_string_equal(class->reason, "because");
    assert_true(facts_find(&d.host, "images.disk.class.cap")->number == 3000);
    assert_true(facts_holds(facts_find(&d.host, "images.disk.list"), "b"));
    assert_int_equal(facts_find(&d.host, "disk.flush")->kind, FACT_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_move_and_those_of_a_further_place_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
