#include "probes/net/passive_tell.h"

#include <inttypes.h>
#include <math.h>

static void tell_packets(const struct passive_counts *c, struct result *r)
{
    double seconds = (double)(c->last_ns - c->first_ns) / 1e9;
    result_note(r,
                "%" PRIu64 " packets in %.3f s by the capture's clock: %" PRIu64 " of TCP (%" PRIu64
                " of other ports), %" PRIu64 " others, %" PRIu64 " fragments, %" PRIu64
                " captured too short, %" PRIu64 " malformed; %" PRIu64 " connections.",
                c->packets, seconds, c->kinds[DISSECT_TCP], c->ports_other, c->kinds[DISSECT_OTHER],
                c->kinds[DISSECT_FRAGMENT], c->kinds[DISSECT_CUT], c->kinds[DISSECT_MALFORMED],
                c->connections);
}

static void tell_segments(const struct passive *p, struct result *r)
{
    const uint64_t *sent = p->counts.sent;
    result_note(r,
                "%" PRIu64 " segments with data, SYN or FIN: %" PRIu64 " sent again, %" PRIu64
                " overtaken by later ones; besides %" PRIu64 " keep-alives, %" PRIu64
                " probes of a closed window and %" PRIu64 " copies of packets seen at two "
                "interfaces, which count as none of these.",
                passive_segments(p), sent[ACKRTT_AGAIN], sent[ACKRTT_REORDERED],
                sent[ACKRTT_KEEPALIVE], sent[ACKRTT_PROBE], sent[ACKRTT_COPY]);
}

static void tell_rule(const struct passive *p, struct result *r)
{
    const uint64_t *answers = p->counts.answers;
    result_note(r,
                "An RTT runs from a segment to the first ACK of its end, where the capture stands, "
                "as tcp.analysis.ack_rtt of tshark does, which also counts segments sent again "
                "(net.passive.ack_rtt); %" PRIu64 " such ACKs are left out (Karn). ACKs that "
                "waited for a lost segment are in it; net.passive.path counts from what set them "
                "off.",
                answers[ACKRTT_AMBIGUOUS]);
    if (answers[ACKRTT_GAP] + answers[ACKRTT_BACKWARDS] + p->counts.sent[ACKRTT_UNSEEN] +
        p->counts.backwards) {
        result_note(r,
                    "The capture has gaps or is out of order: %" PRIu64
                    " ACKs of what it did not see, %" PRIu64 " segments after their ACK, %" PRIu64
                    " times a clock that went back.",
                    answers[ACKRTT_GAP], p->counts.sent[ACKRTT_UNSEEN],
                    p->counts.backwards + answers[ACKRTT_BACKWARDS]);
    }
    result_note(
        r,
        "Receivers may hold an ACK back (delayed ACK: Linux up to 40 ms, others up to 200), "
        "which is in the RTT: %" PRIu64 " of %" PRIu64
        " came 38 ms or more above the fastest of their connection.",
        p->counts.delayed, answers[ACKRTT_SAMPLE]);
}

static double median_of(const struct result *r, const char *id, uint64_t *n)
{
    const struct result_metric *m = result_metric_find(r, id);
    const struct result_statistic *s = m ? result_statistic_find(m, "p50") : NULL;
    *n = m ? m->n : 0;
    return s ? s->value : NAN;
}

/* Where the capture stands shows in which way is short. */
static void tell_place(struct result *r)
{
    enum {
        CLEARLY = 4 /* times as long */
    };

    uint64_t n[2];
    char text[2][UNITS_TEXT_BYTES];
    double server = median_of(r, "net.passive.server", &n[0]);
    double client = median_of(r, "net.passive.client", &n[1]);
    const char *where =
        !n[0] || !n[1] ? "with samples of one way only it does not show where it stands"
        : server > client * CLEARLY ? "it stands at the clients' side, whose RTT is that of the "
                                      "host's own TCP, and the servers' that of the network"
        : client > server * CLEARLY ? "it stands at the servers' side, whose RTT is that of the "
                                      "host's own TCP, and the clients' that of the network"
                                    : "it stands at neither end clearly, or both are near";
    result_note(r,
                "From the capture to the servers and back: p50 %s, n %" PRIu64
                "; to the clients and back: p50 %s, n %" PRIu64
                "; %s. A handshake is the way between both ends. The server is who answered the "
                "SYN, else who has the lower port.",
                units_format(server, UNIT_NS, text[0]), n[0],
                units_format(client, UNIT_NS, text[1]), n[1], where);
}

static void tell_row(const struct flow_row *row, struct result *r)
{
    char client[DISSECT_NAME_BYTES];
    char server[DISSECT_NAME_BYTES];
    char text[4][UNITS_TEXT_BYTES];
    const struct flow_rtts *to_server = &row->rtts[row->server];
    const struct flow_rtts *to_client = &row->rtts[1 - row->server];
    result_note(r,
                "%s to %s: server p50 %s, p99 %s, n %" PRIu64 "; client p50 %s, p99 %s, n %" PRIu64
                "; %" PRIu64 " of %" PRIu64 " segments sent again.",
                dissect_name(&row->ends[1 - row->server], row->version, client),
                dissect_name(&row->ends[row->server], row->version, server),
                units_format(to_server->n ? (double)to_server->p50_ns : NAN, UNIT_NS, text[0]),
                units_format(to_server->n ? (double)to_server->p99_ns : NAN, UNIT_NS, text[1]),
                to_server->n,
                units_format(to_client->n ? (double)to_client->p50_ns : NAN, UNIT_NS, text[2]),
                units_format(to_client->n ? (double)to_client->p99_ns : NAN, UNIT_NS, text[3]),
                to_client->n, row->again, row->segments);
}

static void tell_flows(struct flow_table *t, struct result *r)
{
    flow_table_close(t);
    if (t->one_sided)
        result_note(r,
                    "Of %" PRIu64 " pairs of ends %" PRIu64
                    " were captured one way only: they give no RTT; capture where both ways pass.",
                    t->one_sided + t->two_sided, t->one_sided);
    if (t->evicted)
        result_note(r,
                    "More than %d connections at a time: %" PRIu64
                    " times the one that was silent longest made room; what it gave is counted.",
                    FLOW_MAX, t->evicted);
    for (unsigned i = 0; i < t->board_count; i++)
        tell_row(&t->board[i], r);
}

void passive_tell(struct passive *p, struct result *r)
{
    tell_packets(&p->counts, r);
    tell_place(r);
    tell_segments(p, r);
    tell_rule(p, r);
    tell_flows(&p->flows, r);
}

int passive_tell_nothing(const struct passive *p, struct err *e)
{
    const struct passive_counts *c = &p->counts;
    uint64_t tcp = c->kinds[DISSECT_TCP];
    if (tcp > c->ports_other)
        return 0;
    if (c->packets == 0)
        return err_set(e, ERR_DATA, 0,
                       "no packet was captured; is there traffic of these ports on that "
                       "interface?");
    if (tcp == 0)
        return err_set(e, ERR_DATA, 0,
                       "none of the %" PRIu64 " packets is a whole TCP segment (%" PRIu64
                       " captured too short: use tcpdump -s 192 or more)",
                       c->packets, c->kinds[DISSECT_CUT]);
    return err_set(e, ERR_DATA, 0,
                   "none of the %" PRIu64 " TCP segments is of a port that --port names", tcp);
}
