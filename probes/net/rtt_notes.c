#include "probes/net/rtt_notes.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "probes/kit/clk.h"
#include "probes/kit/units.h"

enum {
    RTT_NOTES_FEW = 20,  /* answers below which there is neither a p99 nor a loss to speak of */
    RTT_NOTES_SHARE = 20 /* one slot in so many missed: our own stalls hide the network's */
};

static void note_counts(const struct fleet_member *m, struct result *r)
{
    char name[PEER_NAME_BYTES];
    const struct session *s = &m->session;
    const uint64_t *by_kind = s->counts.received;
    result_note(r,
                "STAMP, %s, %s timestamps, %zu octets, with %s: %" PRIu64 " sent, %" PRIu64
                " answered, %" PRIu64 " lost after 3 s (%" PRIu64 " of these came later), %u not "
                "waited for, %" PRIu64 " duplicates, %" PRIu64 " reordered.",
                s->terms.key ? "authenticated" : "unauthenticated", s->terms.ptp ? "PTP" : "NTP",
                s->packet_bytes, peer_name(&m->at, name), s->counts.sent, session_answered(s),
                s->counts.lost, by_kind[SESSION_LATE], session_unsettled(s),
                by_kind[SESSION_DUPLICATE], s->order.reordered);
}

static void note_ignored(const struct fleet *f, const struct fleet_member *m, struct result *r)
{
    char name[PEER_NAME_BYTES];
    const uint64_t *by_kind = m->session.counts.received;
    uint64_t ignored = by_kind[SESSION_TRUNCATED] + by_kind[SESSION_OVERSIZED] +
                       by_kind[SESSION_FORGED] + by_kind[SESSION_FOREIGN] +
                       by_kind[SESSION_UNKNOWN];
    if (ignored) {
        result_note(r,
                    "Ignored: %" PRIu64 " truncated, %" PRIu64 " too long, %" PRIu64
                    " not made with our key, %" PRIu64 " of other sessions, %" PRIu64
                    " stale or forged.",
                    by_kind[SESSION_TRUNCATED], by_kind[SESSION_OVERSIZED], by_kind[SESSION_FORGED],
                    by_kind[SESSION_FOREIGN], by_kind[SESSION_UNKNOWN]);
    }
    if (f->foreign)
        result_note(r, "Ignored: %" PRIu64 " packets from other addresses, the last from %s.",
                    f->foreign, peer_name(&f->last_foreign, name));
}

static void note_network(const struct rtt_peer *p, const struct fleet_member *m, struct result *r)
{
    const struct fleet_counts *c = &m->counts;
    const struct session_counts *counts = &m->session.counts;
    if (c->refused + c->icmp + c->unsent)
        result_note(r,
                    "%" PRIu64 " times the peer's port was closed, %" PRIu64
                    " other ICMP errors, %" PRIu64 " packets not taken by the kernel; the last "
                    "reason: %s.",
                    c->refused, c->icmp, c->unsent, strerrordesc_np(c->last_errno));
    if (p->ttl)
        result_note(r, "Our packets left with TTL 255 and arrived with %u.", p->ttl);
    if (m->session.marks_known)
        result_note(r, "Our packets arrived with DSCP %u and ECN %u.", m->session.dscp,
                    m->session.ecn);
    if (counts->items_untrue + counts->items_malformed + counts->items_unknown)
        result_note(r,
                    "Items (RFC 8972) in answers: %" PRIu64 " with a wrong HMAC, %" PRIu64
                    " malformed, %" PRIu64 " not understood by the reflector.",
                    counts->items_untrue, counts->items_malformed, counts->items_unknown);
}

static void note_ways(const struct fleet_member *m, struct result *r)
{
    const struct session *s = &m->session;
    struct ways_sum sum = ways_total(&s->ways);
    if (!s->stateful) {
        result_note(r, "The reflector numbers its answers as we number our packets (stateless): on "
                       "which way one was lost cannot be told.");
        return;
    }
    uint64_t up = sum.asked - sum.arrived;
    uint64_t down = sum.arrived - sum.answered;
    uint64_t told = up + down;
    result_note(r,
                "Stateful reflector: %" PRIu64 " lost on the way there, %" PRIu64
                " on the way here, %" PRIu64 " cannot be told apart; it began anew %u times.",
                up, down, s->counts.lost > told ? s->counts.lost - told : 0, s->ways.restarts);
}

static void note_stamps(const struct fleet_member *m, struct result *r)
{
    const struct session_counts *c = &m->session.counts;
    uint64_t samples = c->received[SESSION_SAMPLE];
    result_note(r,
                "Sent: the kernel's time at the driver for %" PRIu64 " of %" PRIu64
                " round trips, else the time just before the system call. Arrived: the kernel's "
                "time (SO_TIMESTAMPING) for %" PRIu64
                ", else the time after it was read. By the NIC's clock: %" PRIu64 ".",
                samples - c->unstamped_sent, samples, samples - c->unstamped_taken, c->by_nic);
}

static void note_clocks(const struct rtt_peer *p, const struct fleet_member *m, struct result *r)
{
    const struct session_counts *c = &m->session.counts;
    if (p->best.rtt_ns)
        result_note(r, "The peer's clock is %.3f ms %s ours, known to %.3f ms.",
                    fabs((double)p->best.offset_ns) / CLK_NS_PER_MS,
                    p->best.offset_ns < 0 ? "behind" : "ahead of",
                    (double)p->best.rtt_ns / 2 / CLK_NS_PER_MS);
    if (c->steps)
        result_note(r,
                    "The wall clock was stepped during %" PRIu64 " of %" PRIu64
                    " round trips: the RTT is by the monotonic clock, delays and offset leave them "
                    "out.",
                    c->steps, session_answered(&m->session));
    if (p->spread.left_out)
        result_note(r, "PDV is of the first %zu answers.", p->spread.count);
}

static void note_pace(const struct fleet *f, const struct fleet_member *m, struct result *r)
{
    const struct fleet_counts *c = &m->counts;
    result_note(r,
                "Open loop: packets leave at fixed times whatever the answers do; %" PRIu64
                " of %" PRIu64 " slots were missed, the latest packet left %" PRIu64 " us late.",
                c->missed, c->taken + c->missed, f->late_max_ns / CLK_NS_PER_US);
}

static void judge(const struct fleet_member *m, struct result *r)
{
    const struct fleet_counts *c = &m->counts;
    uint64_t impossible = m->session.counts.received[SESSION_IMPLAUSIBLE];
    uint64_t answers = session_answered(&m->session);
    if (m->session.counts.sent == 0) {
        result_set_status(r, STATUS_FAILED,
                          "no packet was sent: its time was over when the peers had been greeted; "
                          "give the run a longer --budget");
        return;
    }
    if (m->session.counts.sent < RTT_NOTES_FEW) {
        result_set_status(r, STATUS_UNTRUSTED,
                          "%" PRIu64 " packets were sent and %" PRIu64
                          " answered: greeting the peers took nearly all of its time; give the run "
                          "a longer --budget",
                          m->session.counts.sent, answers);
    } else if (answers < RTT_NOTES_FEW && m->session.counts.lost < RTT_NOTES_FEW) {
        result_set_status(r, STATUS_UNTRUSTED,
                          "%" PRIu64 " of %" PRIu64 " packets were answered before its time was "
                          "over: too few for a figure; give the run a longer --budget",
                          answers, m->session.counts.sent);
    }
    if (c->missed * RTT_NOTES_SHARE > c->taken + c->missed)
        result_set_status(r, STATUS_UNTRUSTED,
                          "this host was late for %" PRIu64 " of %" PRIu64
                          " packets by more than an interval: what the network did meanwhile was "
                          "not seen",
                          c->missed, c->taken + c->missed);
    if (impossible * RTT_NOTES_SHARE > answers)
        result_set_status(r, STATUS_UNTRUSTED,
                          "the peer's times cannot be for %" PRIu64 " of its %" PRIu64
                          " answers: its clock runs wild, or it is no STAMP reflector",
                          impossible, answers);
}

static void tell_worst(const struct rtt_peer *p, const struct rtt_worst *worst, const char *what,
                       struct result *r)
{
    if (worst->at_ns)
        result_event(r, worst->at_ns - p->run->run_start_ns, 0,
                     "%s: the capture's time is %.1f us %s ours", what,
                     fabs((double)worst->diff_ns) / CLK_NS_PER_US,
                     worst->diff_ns < 0 ? "before" : "after");
}

static void tell_silences(const struct rtt_peer *p, struct result *r)
{
    char length[UNITS_TEXT_BYTES];
    for (unsigned i = 0; i < p->silence_count; i++) {
        const struct rtt_silence *s = &p->silences[i];
        if (s->at_ns >= p->run->run_start_ns)
            result_event(r, s->at_ns - p->run->run_start_ns, s->length_ns, "no answer for %s",
                         units_format((double)s->length_ns, UNIT_NS, length));
    }
}

void rtt_notes_write(const struct rtt_peer *p, const struct fleet *f,
                     const struct fleet_member *member, struct result *r)
{
    note_counts(member, r);
    note_ignored(f, member, r);
    note_network(p, member, r);
    note_ways(member, r);
    note_stamps(member, r);
    note_pace(f, member, r);
    note_clocks(p, member, r);
    if (p->brief)
        result_note(r, "With so many peers the parts of a round trip, IPDV and PDV are not kept.");
    tell_worst(p, &p->wire_sent, "sent", r);
    tell_worst(p, &p->wire_received, "received", r);
    tell_silences(p, r);
    judge(member, r);
}
