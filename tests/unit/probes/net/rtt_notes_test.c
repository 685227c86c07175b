#include "probes/net/rtt_notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

/* The status of a peer to which so much was sent, of which so much was answered and lost. */
static enum status status_of(uint64_t sent, uint64_t answered, uint64_t lost, const char *says)
{
    AUTO(result) struct result r = { 0 };
    struct err e = { 0 };
    struct fleet f = FLEET_CLOSED;
    struct rtt_peer *p = calloc(1, sizeof *p);
    struct fleet_member *m = calloc(1, sizeof *m);
    assert_non_null(p);
    assert_non_null(m);
    assert_int_equal(result_open(&r, "net.rtt", "Title", NULL, &e), 0);
    m->at.v4.sin_family = AF_INET;
    m->session.counts.sent = sent;
    m->session.counts.lost = lost;
    m->session.counts.received[SESSION_SAMPLE] = answered;
    m->counts.taken = sent;
    rtt_notes_write(p, &f, m, &r);
    if (!strstr(r.reason, says))
        fail_msg("'%s' does not say '%s'", r.reason, says);
    enum status status = r.status;
    free(m);
    free(p);
    return status;
}

static void a_peer_that_nothing_was_sent_to_failed(void **state)
{
    (void)state;
    assert_int_equal(status_of(0, 0, 0, "no packet was sent"), STATUS_FAILED);
}

static void a_few_packets_are_not_trusted(void **state)
{
    (void)state;
    assert_int_equal(status_of(7, 7, 0, "greeting the peers took nearly all"), STATUS_UNTRUSTED);
    assert_int_equal(status_of(60, 9, 0, "9 of 60 packets were answered"), STATUS_UNTRUSTED);
}

static void loss_itself_is_a_figure(void **state)
{
    (void)state;
    assert_int_equal(status_of(200, 3, 197, ""), STATUS_MEASURED);
    assert_int_equal(status_of(20, 20, 0, ""), STATUS_MEASURED);
}

static void silent(struct rtt_peer *p, uint64_t at_ms, uint64_t length_ms)
{
    const uint64_t ms = 1000000;
    const struct rtt_silence silence = { .at_ns = at_ms * ms, .length_ns = length_ms * ms };
    rtt_peer_silent(p, 20 * ms, &silence);
}

static void long_silences_are_events(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    struct err e = { 0 };
    struct fleet f = FLEET_CLOSED;
    struct probe_run run = { .run_start_ns = 1000000000 };
    struct rtt_peer *p = calloc(1, sizeof *p);
    struct fleet_member *m = calloc(1, sizeof *m);
    assert_non_null(p);
    assert_non_null(m);
    p->run = &run;
    assert_int_equal(result_open(&r, "net.rtt", "Title", NULL, &e), 0);
    m->at.v4.sin_family = AF_INET;
    silent(p, 900, 79); /* three intervals are two lost packets */
    silent(p, 1500, 80);
    silent(p, 2500, 300);
    silent(p, 2500, 1300); /* it went on */
    silent(p, 500, 90);    /* before the run's start */
    for (unsigned i = 0; i < RTT_SILENCES; i++)
        silent(p, 5000 + 1000 * i, 100 + i);
    rtt_notes_write(p, &f, m, &r);
    assert_int_equal(r.event_count, RTT_SILENCES);
    uint64_t longest_ns = 0;
    for (unsigned i = 0; i < r.event_count; i++) {
        assert_true(r.events[i].duration_ns >= 101000000); /* 80, 90 and 100 ms had to go */
        if (r.events[i].duration_ns > longest_ns)
            longest_ns = r.events[i].duration_ns;
        if (r.events[i].at_ns == 1500000000)
            assert_string_equal(r.events[i].what, "no answer for 1.30 s");
    }
    assert_int_equal(longest_ns, 1300000000);
    free(m);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_nothing_was_sent_to_failed),
        cmocka_unit_test(a_few_packets_are_not_trusted),
        cmocka_unit_test(loss_itself_is_a_figure),
        cmocka_unit_test(long_silences_are_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
