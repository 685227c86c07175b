/*
 * A session that is told anything: each record of the input is a send, a wait, or a packet, made
 * from a true answer with bytes changed. Counts add up whatever comes.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/net/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    RECORD = 8,
    SENT = 256
};

struct play {
    struct session session;
    struct session_time now;
    uint64_t told, lost;
    uint8_t sent[SENT][STAMP_BYTES];
};

static void take_sample(void *arg, const struct session_sample *sample)
{
    struct play *p = arg;
    p->told++;
    if (sample->ipdv_count > SESSION_IPDV_MAX || sample->rtt_ns > p->session.terms.tmax_ns ||
        sample->rtt_ns > sample->felt_ns || sample->residence_ns > sample->felt_ns ||
        sample->send_ns > sample->felt_ns || sample->wake_ns > sample->felt_ns)
        abort();
}

static void take_lost(void *arg, uint32_t sequence)
{
    struct play *p = arg;
    (void)sequence;
    p->lost++;
}

static void play_send(struct play *p)
{
    uint8_t packet[STAMP_BYTES];
    uint32_t sequence = p->session.next;
    if (session_send(&p->session, p->now, 1, packet) == 0)
        memcpy(p->sent[sequence % SENT], packet, STAMP_BYTES);
}

/* An answer to one of the packets sent, but for one byte, its length, its number and its stamps. */
static void play_answer(struct play *p, const uint8_t *r)
{
    uint8_t packet[STAMP_BYTES + 4] = { 0 };
    struct stamp_request request;
    struct session_arrival came = { .read = p->now };
    (void)stamp_get_request(p->sent[r[1]], STAMP_BYTES, false, &request);
    uint64_t t2 = stamp_ntp_of_ns(p->now.real_ns - r[2] * UINT64_C(100000));
    struct stamp_reply reply = { .sequence = r[6] % 2 ? request.sequence : r[6],
                                 .reflected = t2 + r[3] * UINT64_C(1000),
                                 .reflected_error = (uint16_t)(r[4] << 8 | 1),
                                 .ssid = request.ssid,
                                 .received = t2,
                                 .request = request };
    stamp_put_reply(&reply, false, packet, STAMP_BYTES);
    packet[r[5] % STAMP_BYTES] ^= r[6];
    size_t length = r[7] ? STAMP_BYTES - 8 + r[7] % 12 : STAMP_BYTES;
    came.stamp.real_ns = r[4] % 2 ? p->now.real_ns - r[3] * UINT64_C(1000) : 0;
    came.stamp.nic_ns = r[4];
    (void)session_receive(&p->session, packet, length, &came);
}

static void play_stamp(struct play *p, const uint8_t *r)
{
    struct session_stamp stamp = { .real_ns = p->now.real_ns - ((uint64_t)r[2] << r[3] % 40),
                                   .nic_ns = r[4] };
    session_stamped(&p->session, r[1], &stamp);
}

static void play_record(struct play *p, const uint8_t *r)
{
    uint64_t wait_ns = (uint64_t)r[1] << (r[2] % 32);
    switch (r[0] % 5) {
    case 0:
        play_send(p);
        break;
    case 1:
        p->now.mono_ns += wait_ns;
        p->now.real_ns += r[3] % 8 ? wait_ns : wait_ns / 2; /* a step at times */
        break;
    case 2:
        session_settle(&p->session, p->now.mono_ns);
        session_skip(&p->session, r[1]);
        break;
    case 4:
        play_stamp(p, r);
        break;
    default:
        play_answer(p, r);
    }
}

static void check(struct play *p)
{
    const struct session_counts *c = &p->session.counts;
    struct ways_sum ways = ways_total(&p->session.ways);
    if (session_unsettled(&p->session) != 0 || c->settled != c->sent ||
        c->lost + session_answered(&p->session) != c->sent || c->lost != p->lost ||
        p->told != c->received[SESSION_SAMPLE] ||
        p->session.order.reordered > session_answered(&p->session) ||
        p->session.run_max.packets > c->lost || ways.answered > ways.arrived ||
        ways.arrived > ways.asked)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play p;
    struct session_terms terms = {
        .ssid = 7,
        .interval_ns = 50000000,
        .tmax_ns = 3000000000,
        .stamped = size % 2,
        .sink = {take_sample, take_lost, &p},
    };
    struct err e;
    memset(&p, 0, sizeof p);
    p.now = (struct session_time){ .mono_ns = 1000000000, .real_ns = 1790000000000000000 };
    if (session_open(&p.session, &terms, &e))
        abort();
    for (; size >= RECORD; data += RECORD, size -= RECORD)
        play_record(&p, data);
    session_settle(&p.session, p.now.mono_ns + 2 * terms.tmax_ns);
    (void)session_take_gap(&p.session, p.now.mono_ns);
    check(&p);
    session_release(&p.session);
    return 0;
}
