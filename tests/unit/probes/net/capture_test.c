/* Captures made in namespaces; what tshark 4.0 says of them is the measure. */
#include "probes/net/capture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

#define FIXTURES "tests/unit/probes/net/fixtures/"

struct read {
    struct passive passive;
    struct hist hists[PASSIVE_RTTS];
    enum capture_step last;
    struct err e;
};

static void open_read(struct read *r, const char *ports)
{
    struct portset set;
    *r = (struct read){ .last = CAPTURE_PACKET };
    assert_int_equal(portset_parse(ports, &set, &r->e), 0);
    assert_int_equal(passive_open(&r->passive, &set, 1, &r->e), 0);
    for (unsigned i = 0; i < PASSIVE_RTTS; i++)
        assert_int_equal(hist_open(&r->hists[i], UINT64_C(1) << 40, &r->e), 0);
}

static void read_all(struct read *r, struct capture *c)
{
    struct hist *rows[PASSIVE_RTTS];
    struct passive_packet packet;
    for (unsigned i = 0; i < PASSIVE_RTTS; i++)
        rows[i] = &r->hists[i];
    while ((r->last = capture_next(c, &packet, &r->e)) == CAPTURE_PACKET)
        passive_take(&r->passive, c->link, &packet, rows);
}

static void close_read(struct read *r)
{
    passive_release(&r->passive);
    for (unsigned i = 0; i < PASSIVE_RTTS; i++)
        hist_release(&r->hists[i]);
}

static void captures_are_read_as_tshark_reads_them(void **state)
{
    (void)state;

    static const struct {
        const char *file, *link;
        unsigned packets, samples, handshakes, again;
        uint64_t least_ns; /* RTT */
    } rows[] = {
        {"any.pcap",         "LINUX_SLL2", 18, 10, 1, 0, 1000},
        { "disorder.pcapng", "RAW",        40, 9,  0, 0, 2344},
        { "loss.pcap",       "RAW",        50, 12, 1, 1, 3197},
        { "v6.pcapng",       "RAW",        12, 7,  1, 0, 6183},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct capture c;
        struct read r;
        char path[128] = FIXTURES;
        open_read(&r, "");
        strncat(path, rows[i].file, sizeof path - strlen(path) - 1);
        assert_int_equal(capture_open_file(&c, path, &r.e), 0);
        assert_string_equal(capture_link_name(&c), rows[i].link);
        read_all(&r, &c);
        assert_int_equal(r.last, CAPTURE_END);
        assert_int_equal(r.passive.counts.packets, rows[i].packets);
        assert_int_equal(r.passive.counts.kinds[DISSECT_TCP], rows[i].packets);
        assert_int_equal(r.hists[PASSIVE_ANY].total, rows[i].samples);
        assert_int_equal(r.hists[PASSIVE_ANY].min, rows[i].least_ns);
        assert_int_equal(r.hists[PASSIVE_HANDSHAKE].total, rows[i].handshakes);
        assert_int_equal(r.passive.counts.sent[ACKRTT_AGAIN], rows[i].again);
        capture_close(&c);
        capture_close(&c);
        close_read(&r);
    }
}

static void ports_that_were_not_asked_for_are_left_out(void **state)
{
    (void)state;
    struct capture c;
    struct read r;
    open_read(&r, "6443");
    assert_int_equal(capture_open_file(&c, FIXTURES "loss.pcap", &r.e), 0);
    read_all(&r, &c);
    assert_int_equal(r.passive.counts.ports_other, 50);
    assert_int_equal(r.hists[PASSIVE_ALL].total, 0);
    capture_close(&c);
    close_read(&r);
}

/* A copy of a fixture in a stream of its own, cut and changed. */
static FILE *changed(char bytes[8192], size_t keep, size_t at, int value)
{
    AUTO_CLOSE int fd = open(FIXTURES "loss.pcap", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, bytes, 8192);
    assert_true(size > 1000 && size < 8192);
    if (at)
        bytes[at] = (char)value;
    return fmemopen(bytes, keep ? keep : (size_t)size, "rb");
}

static void a_file_that_breaks_off_gives_what_it_has(void **state)
{
    (void)state;
    char bytes[8192];
    struct capture c;
    struct read r;
    open_read(&r, "");
    assert_int_equal(capture_open_stream(&c, changed(bytes, 1000, 0, 0), "x", &r.e), 0);
    read_all(&r, &c);
    assert_int_equal(r.last, CAPTURE_BROKEN);
    assert_non_null(strstr(r.e.msg, "truncated"));
    assert_true(r.passive.counts.packets > 5 && r.passive.counts.packets < 15);
    capture_close(&c);
    close_read(&r);
}

static void lengths_that_lie_are_counted_and_survived(void **state)
{
    (void)state;

    enum {
        FIRST_WIRE = 24 + 12 /* a pcap header, then the first packet's length on the wire */
    };

    char bytes[8192];
    struct capture c;
    struct read r;
    open_read(&r, "");
    assert_int_equal(capture_open_stream(&c, changed(bytes, 0, FIRST_WIRE + 3, 0x7f), "x", &r.e),
                     0);
    read_all(&r, &c);
    assert_int_equal(c.lies, 1);
    assert_int_equal(r.passive.counts.packets, 50);
    capture_close(&c);
    assert_int_equal(capture_open_stream(&c, changed(bytes, 0, FIRST_WIRE, 1), "x", &r.e), 0);
    read_all(&r, &c);
    assert_int_equal(c.lies, 1);
    capture_close(&c);
    close_read(&r);
}

static void what_is_no_capture_says_so(void **state)
{
    (void)state;
    char bytes[8192];
    struct capture c;
    struct err e;
    assert_int_equal(capture_open_file(&c, "tests/unit/none.pcap", &e), -1);
    assert_non_null(strstr(e.msg, "none.pcap"));
    assert_int_equal(capture_open_file(&c, "tests", &e), -1);
    assert_non_null(strstr(e.msg, "no regular file"));
    assert_int_equal(capture_open_file(&c, "Makefile", &e), -1);
    assert_non_null(strstr(e.msg, "tcpdump -w"));
    assert_int_equal(capture_open_stream(&c, changed(bytes, 10, 0, 0), "short", &e), -1);
    assert_non_null(strstr(e.msg, "short is no capture"));
    assert_int_equal(capture_open_stream(&c, changed(bytes, 0, 20, 105), "wifi", &e), -1);
    assert_non_null(strstr(e.msg, "IEEE802_11"));
    assert_non_null(strstr(e.msg, "Ethernet"));
    capture_close(&c);
}

static void no_such_interface_or_no_privilege_says_what_to_do(void **state)
{
    (void)state;
    static const struct portset all = { .count = 0 };
    struct capture c;
    struct err e;
    assert_int_equal(capture_open_live(&c, "no-such-if", &all, &e), -1);
    assert_true(strstr(e.msg, "ip link") || strstr(e.msg, "CAP_NET_RAW"));
    capture_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_are_read_as_tshark_reads_them),
        cmocka_unit_test(ports_that_were_not_asked_for_are_left_out),
        cmocka_unit_test(a_file_that_breaks_off_gives_what_it_has),
        cmocka_unit_test(lengths_that_lie_are_counted_and_survived),
        cmocka_unit_test(what_is_no_capture_says_so),
        cmocka_unit_test(no_such_interface_or_no_privilege_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
