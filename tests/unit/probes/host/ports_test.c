#include "probes/host/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "tests/unit/probes/host/trees.h"

static void check(const char *text, bool udp, const char *want)
{
    AUTO(buf) struct buf words = { 0 };
    struct ports p = { 0 };
    ports_parse(text, udp, &p);
    ports_words(&p, &words);
    assert_string_equal(buf_text(&words), want);
}

static void listening_sockets_of_all_families_are_named(void **state)
{
    (void)state;
    struct facts f = { 0 };
    struct trees t = trees_open("kvm-debian");
    ports_state(t.proc_fd, &f);
    assert_string_equal(facts_find(&f, "host.ports.listening")->text, "6443 10250 8472/udp");
    facts_release(&f);
    trees_close(&t);
}

static void a_proc_without_sockets_is_unknown(void **state)
{
    (void)state;
    struct facts f = { 0 };
    struct trees t = trees_open("empty");
    ports_state(t.proc_fd, &f);
    assert_int_equal(facts_find(&f, "host.ports.listening")->kind, FACT_UNKNOWN);
    facts_release(&f);
    trees_close(&t);
}

static void connected_sockets_and_other_ports_do_not_count(void **state)
{
    (void)state;
    check("0: 00000000:192B 0100007F:C350 01 0", false, "");
    check("0: 00000000:0016 00000000:0000 0A 0", false, "");
    check("0: 00000000:192B 00000000:0000 0A 0", false, "6443");
    check("0: 00000000:192B 00000000:0000 07 0", true, "");
    check("0: 00000000:1F0A 00000000:0000 07 0\n1: 00000000:1F0A 00000000:0000 07 0\n", true,
          "7946/udp");
}

static void malformed_lines_are_passed_over(void **state)
{
    (void)state;
    check("", false, "");
    check(":::::", false, "");
    check("0: 00000000:192B", false, "");
    check("0: 00000000:192B 00000000:0000", false, "");
    check("0: 00000000:192B 00000000:0000 0", false, "");
    check("0: 00000000:19\n2B 00000000:0000 0A", false, "");
    check("0: 00000000:192B 00000000:0000\n0A", false, "");
    check("0: 00000000:zzzz 00000000:0000 0A\n1: 00000000:0803 00000000:0000 0A", false, "");
    check("x\n\n\n1: 0:192B 0:0000 0A", false, "6443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listening_sockets_of_all_families_are_named),
        cmocka_unit_test(a_proc_without_sockets_is_unknown),
        cmocka_unit_test(connected_sockets_and_other_ports_do_not_count),
        cmocka_unit_test(malformed_lines_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
