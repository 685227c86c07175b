#include "probes/net/portset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "probes/kit/auto.h"

static void lists_and_ranges_are_understood(void **state)
{
    (void)state;
    struct portset p;
    struct err e;
    assert_int_equal(portset_parse("2379,6443,30000-32767", &p, &e), 0);
    static const uint16_t in[] = { 2379, 6443, 30000, 31000, 32767 };
    static const uint16_t out[] = { 1, 2378, 2380, 29999, 32768 };
    for (unsigned i = 0; i < 5; i++) {
        assert_true(portset_has(&p, in[i]));
        assert_false(portset_has(&p, out[i]));
    }
    assert_int_equal(portset_parse("1-65535", &p, &e), 0);
    assert_int_equal(p.count, 1);
}

static void none_is_every_port(void **state)
{
    (void)state;
    struct portset p;
    struct err e;
    assert_int_equal(portset_parse(NULL, &p, &e), 0);
    assert_true(portset_has(&p, 1));
    assert_int_equal(portset_parse("", &p, &e), 0);
    assert_true(portset_has(&p, 65535));
}

static void what_is_no_port_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[] = { "0",     "65536", "80,", ",80",   "80,,81", "http",
                                       "80 81", "-80",   "80-", "90-80", "80-0",   "99999999999" };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct portset p;
        struct err e = { 0 };
        assert_int_equal(portset_parse(bad[i], &p, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_non_null(strstr(e.msg, "as in 2379"));
    }
    char many[256] = "1";
    for (unsigned i = 0; i < PORTSET_RANGES; i++)
        strncat(many, ",1", sizeof many - strlen(many) - 1);
    struct portset p;
    struct err e;
    assert_int_equal(portset_parse(many, &p, &e), -1);
}

/* A SYN to 192.0.2.2:2379, with so many VLAN tags. */
static size_t frame(unsigned tags, uint16_t port, uint8_t bytes[128])
{
    static const uint8_t ip[] = { 0x45, 0, 0,   40, 0, 1, 0,   0, 64, 6,
                                  0,    0, 192, 0,  2, 1, 192, 0, 2,  2 };
    size_t at = 12;
    memset(bytes, 0, 128);
    for (unsigned i = 0; i < tags; i++, at += 4)
        bytes[at] = 0x81;
    bytes[at] = 8;
    at += 2;
    memcpy(bytes + at, ip, sizeof ip);
    at += sizeof ip;
    bytes[at] = 0xc3;
    bytes[at + 2] = (uint8_t)(port >> 8);
    bytes[at + 3] = (uint8_t)port;
    bytes[at + 12] = 0x50;
    return at + 20;
}

static bool passes(const char *text, unsigned tags, uint16_t port)
{
    uint8_t bytes[128];
    struct bpf_program code;
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 192);
    struct pcap_pkthdr header = { .len = (bpf_u_int32)frame(tags, port, bytes) };
    header.caplen = header.len;
    assert_int_equal(pcap_compile(dead, &code, text, 1, PCAP_NETMASK_UNKNOWN), 0);
    bool passed = pcap_offline_filter(&code, &header, bytes) != 0;
    pcap_freecode(&code);
    pcap_close(dead);
    return passed;
}

static void the_filter_lets_those_ports_pass_with_and_without_tags(void **state)
{
    (void)state;
    struct portset p;
    struct err e;
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf all = { 0 };
    assert_int_equal(portset_parse("2379,30000-30010", &p, &e), 0);
    portset_filter(&p, true, &text);
    for (unsigned tags = 0; tags <= 2; tags++) {
        assert_true(passes(buf_text(&text), tags, 2379));
        assert_true(passes(buf_text(&text), tags, 30005));
        assert_false(passes(buf_text(&text), tags, 2380));
    }
    assert_int_equal(portset_parse("", &p, &e), 0);
    portset_filter(&p, false, &all);
    assert_true(passes(buf_text(&all), 0, 1));
    assert_false(passes(buf_text(&all), 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_ranges_are_understood),
        cmocka_unit_test(none_is_every_port),
        cmocka_unit_test(what_is_no_port_is_refused_by_name),
        cmocka_unit_test(the_filter_lets_those_ports_pass_with_and_without_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
