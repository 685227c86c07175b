#include "probes/net/passive.h"

int passive_open(struct passive *p, const struct portset *ports, uint64_t seed, struct err *e)
{
    *p = (struct passive){ .ports = *ports };
    return ackrtt_pool_open(&p->pool, e) || flow_table_open(&p->flows, seed, e) ? -1 : 0;
}

void passive_release(struct passive *p)
{
    flow_table_release(&p->flows);
    ackrtt_pool_release(&p->pool);
}

static void keep_time(struct passive_counts *c, uint64_t at_ns)
{
    c->first_ns = c->packets == 1 || at_ns < c->first_ns ? at_ns : c->first_ns;
    c->backwards += at_ns < c->last_ns;
    c->last_ns = at_ns > c->last_ns ? at_ns : c->last_ns;
}

static void keep_sample(struct passive *p, struct flow *f, const struct track_found *found,
                        struct hist *const hists[PASSIVE_RTTS])
{
    bool called = found->to == flow_server(f);
    hist_record(hists[PASSIVE_ALL], found->ack.rtt_ns);
    hist_record(hists[called ? PASSIVE_SERVER : PASSIVE_CLIENT], found->ack.rtt_ns);
    sketch_record(&f->rtts[found->to], found->ack.rtt_ns);
    uint64_t *fastest_ns = &f->fastest_ns[found->to];
    p->counts.delayed += *fastest_ns && found->ack.rtt_ns > *fastest_ns + PASSIVE_DELAYED_NS;
    if (*fastest_ns == 0 || found->ack.rtt_ns < *fastest_ns)
        *fastest_ns = found->ack.rtt_ns;
}

static bool is_told(enum ackrtt_sent kind)
{
    return kind == ACKRTT_NEW || kind == ACKRTT_AGAIN || kind == ACKRTT_REORDERED ||
           kind == ACKRTT_UNSEEN;
}

static void take_segment(struct passive *p, const struct dissect_segment *s, uint64_t at_ns,
                         struct hist *const hists[PASSIVE_RTTS])
{
    unsigned side = 0;
    struct track_found found;
    struct flow *f = flow_find(&p->flows, &p->pool, s, &side);
    track_take(&f->track, &p->pool, s, side, at_ns, &found);
    p->counts.connections += found.fresh;
    p->counts.sent[found.sent]++;
    p->counts.answers[found.ack.answer]++;
    f->segments += is_told(found.sent);
    f->again += found.sent == ACKRTT_AGAIN;
    if (found.ack.answer == ACKRTT_SAMPLE)
        keep_sample(p, f, &found, hists);
    if (found.ack.is_any)
        hist_record(hists[PASSIVE_ANY], found.ack.any_ns);
    if (found.ack.is_path)
        hist_record(hists[PASSIVE_PATH], found.ack.path_ns);
    if (found.shaken)
        hist_record(hists[PASSIVE_HANDSHAKE], found.handshake_ns);
}

void passive_take(struct passive *p, int link, const struct passive_packet *packet,
                  struct hist *const hists[PASSIVE_RTTS])
{
    struct dissect_segment s;
    p->counts.packets++;
    keep_time(&p->counts, packet->at_ns);
    enum dissect_kind kind = dissect_packet(link, packet->bytes, packet->size, packet->wire, &s);
    p->counts.kinds[kind]++;
    if (kind != DISSECT_TCP)
        return;
    if (portset_has(&p->ports, s.from.port) || portset_has(&p->ports, s.to.port))
        take_segment(p, &s, packet->at_ns, hists);
    else
        p->counts.ports_other++;
}

uint64_t passive_segments(const struct passive *p)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < ACKRTT_SENTS; kind++)
        sum += is_told(kind) ? p->counts.sent[kind] : 0;
    return sum;
}
