#include "probes/image/listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_are_listed_once_and_in_order(void **state)
{
    (void)state;
    struct listing l = { 0 };
    char more[LISTING_MORE_BYTES];
    listing_add(&l, "b");
    listing_add(&l, "a");
    listing_add(&l, "b");
    listing_add(&l, "ab");
    listing_add(&l, "\x1b'");
    assert_string_equal(l.text, "b, a, ab, ??");
    assert_string_equal(listing_more(&l, more), "");
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    struct listing l = { 0 };
    char more[LISTING_MORE_BYTES];
    char name[64];
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "docker.io/library/image:%u", i);
        listing_add(&l, name);
    }
    assert_true(l.count > 5 && strlen(l.text) < LISTING_BYTES);
    (void)snprintf(name, sizeof name, " and %u more", 100 - l.count);
    assert_string_equal(listing_more(&l, more), name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_listed_once_and_in_order),
        cmocka_unit_test(what_does_not_fit_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
