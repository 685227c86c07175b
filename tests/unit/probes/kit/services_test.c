#include "probes/kit/services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static void rows_are_unique_and_say_whose_and_from_where(void **state)
{
    (void)state;
    assert_in_range(services_count(), 1, SERVICES_MAX);
    for (unsigned i = 0; i < services_count(); i++) {
        const struct service *s = &services_all[i];
        assert_true(s->port && strlen(s->what) > 3 && strlen(s->source) > 8);
        for (unsigned k = 0; k < i; k++)
            assert_false(services_all[k].port == s->port && services_all[k].udp == s->udp);
    }
    assert_int_equal(services_all[services_count()].port, 0);
}

static void words_are_those_of_documents(void **state)
{
    (void)state;
    AUTO(buf) struct buf words = { 0 };
    services_word(&(struct service){ .port = 6443 }, &words);
    services_word(&(struct service){ .port = 8472, .udp = true }, &words);
    assert_string_equal(buf_text(&words), "6443 8472/udp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_unique_and_say_whose_and_from_where),
        cmocka_unit_test(words_are_those_of_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
