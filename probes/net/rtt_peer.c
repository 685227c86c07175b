#include "probes/net/rtt_peer.h"

#include <math.h>
#include <stdlib.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/rtt_figures.h"

#define RTT_PEER_SILENCE_NS (50 * (uint64_t)CLK_NS_PER_MS)

static struct probe_part *part_of(const struct rtt_peer *p)
{
    return &p->run->parts[p->part];
}

static void keep_faster(struct rtt_fastest *f, const struct session_sample *sample)
{
    if (f->rtt_ns && sample->rtt_ns >= f->rtt_ns)
        return;
    f->rtt_ns = sample->rtt_ns ? sample->rtt_ns : 1;
    f->offset_ns = sample->offset_ns;
}

static void take_variation(struct rtt_peer *p, const struct session_sample *sample)
{
    struct hist *hists = part_of(p)->hists;
    for (unsigned i = 0; i < sample->ipdv_count; i++) {
        hist_record(&hists[RTT_IPDV_UP], sample->ipdv_up_ns[i]);
        hist_record(&hists[RTT_IPDV_DOWN], sample->ipdv_down_ns[i]);
    }
    if (sample->clocks_steady)
        spread_add(&p->spread, sample->up_ns, sample->down_ns);
}

static void take_parts(struct rtt_peer *p, const struct session_sample *sample)
{
    struct hist *hists = part_of(p)->hists;
    hist_record(&hists[RTT_REFLECTOR], sample->residence_ns);
    if (sample->sent_stamped)
        hist_record(&hists[RTT_SEND], sample->send_ns);
    if (sample->arrival_stamped)
        hist_record(&hists[RTT_WAKE], sample->wake_ns);
}

static void take_sample(void *arg, const struct session_sample *sample)
{
    struct rtt_peer *p = arg;
    struct hist *hists = part_of(p)->hists;
    hist_record(&hists[RTT_WIRE], sample->rtt_ns);
    hist_record(&hists[RTT_FELT], sample->felt_ns);
    if (!p->brief) {
        take_parts(p, sample);
        take_variation(p, sample);
    }
    if (sample->request_ttl)
        p->ttl = sample->request_ttl;
    if (sample->offset_known) {
        keep_faster(&p->fastest, sample);
        keep_faster(&p->best, sample);
    }
}

static void take_lost(void *arg, uint32_t sequence)
{
    struct rtt_peer *p = arg;
    cohorts_lost(&p->cohorts, sequence);
}

struct session_sink rtt_peer_sink(struct rtt_peer *p)
{
    return (struct session_sink){ .sample = take_sample, .lost = take_lost, .arg = p };
}

void rtt_peer_wire(struct rtt_peer *p, bool sent, int64_t diff_ns)
{
    struct rtt_worst *worst = sent ? &p->wire_sent : &p->wire_received;
    uint64_t distance_ns = (uint64_t)llabs(diff_ns);
    hist_record(&part_of(p)->hists[sent ? RTT_WIRE_SENT : RTT_WIRE_RECEIVED], distance_ns);
    if (distance_ns > (uint64_t)llabs(worst->diff_ns))
        *worst = (struct rtt_worst){ .diff_ns = diff_ns, .at_ns = clk_now_ns() };
}

void rtt_peer_begin(struct rtt_peer *p, const struct session *s, uint64_t now_ns)
{
    p->fastest = (struct rtt_fastest){ 0 };
    cohorts_begin(&p->cohorts, s->next, now_ns);
}

/* Where it goes: over itself when it went on, to the next place, over the shortest; NULL: nowhere.
 */
static struct rtt_silence *place_for(struct rtt_peer *p, const struct rtt_silence *silence)
{
    struct rtt_silence *shortest = p->silences;
    for (unsigned i = 0; i < p->silence_count; i++) {
        if (p->silences[i].at_ns == silence->at_ns)
            return &p->silences[i];
        if (p->silences[i].length_ns < shortest->length_ns)
            shortest = &p->silences[i];
    }
    if (p->silence_count < RTT_SILENCES)
        return &p->silences[p->silence_count++];
    return silence->length_ns > shortest->length_ns ? shortest : NULL;
}

void rtt_peer_silent(struct rtt_peer *p, uint64_t interval_ns, const struct rtt_silence *silence)
{
    if (silence->length_ns < RTT_PEER_SILENCE_NS || silence->length_ns / 4 < interval_ns)
        return;
    struct rtt_silence *place = place_for(p, silence);
    if (place)
        *place = *silence;
}

void rtt_peer_end(struct rtt_peer *p, struct session *s, uint64_t now_ns)
{
    double *values = part_of(p)->values;
    uint64_t gap_ns = session_take_gap(s, now_ns);
    const struct rtt_silence silence = { .at_ns = session_gap_began(s), .length_ns = gap_ns };
    rtt_peer_silent(p, s->terms.interval_ns, &silence);
    values[RTT_GAP] = (double)gap_ns;
    if (s->jitter.begun) {
        values[RTT_JITTER_UP] = s->jitter.up_ns;
        values[RTT_JITTER_DOWN] = s->jitter.down_ns;
    }
    if (p->fastest.rtt_ns) {
        values[RTT_OFFSET] = fabs((double)p->fastest.offset_ns);
        values[RTT_OFFSET_ERROR] = (double)p->fastest.rtt_ns / 2;
    }
}

static void add_block(const struct rtt_peer *p, unsigned row, const struct result_block *block)
{
    struct err e = { 0 };
    struct result *r = part_of(p)->result;
    if (result_add_block(&r->metrics[row], block, &e))
        result_note(r, "%s is not told: %s.", rtt_figures[row].id, e.msg);
}

/* Each repetition's loss, in a block of its own. */
static void tell_loss(struct rtt_peer *p, const struct session *s, uint64_t left_ns)
{
    cohorts_finish(&p->cohorts, s->oldest, left_ns);
    for (unsigned i = 0; i < p->cohorts.count; i++) {
        const struct cohort *c = &p->cohorts.items[i];
        struct result_block block = { .at_ns = c->at_ns - p->run->run_start_ns,
                                      .observed_ns = c->length_ns,
                                      .value = (double)c->lost / (double)c->sent,
                                      .n = c->sent };
        add_block(p, RTT_LOSS, &block);
    }
}

/* One number of the whole run, of so many packets; none is no number. */
static void tell_once(const struct rtt_peer *p, unsigned row, double value, uint64_t n)
{
    const struct cohort *first = &p->cohorts.items[0];
    const struct cohort *last = &p->cohorts.items[p->cohorts.count - 1];
    if (n == 0 || p->cohorts.count == 0)
        return;
    struct result_block block = { .at_ns = first->at_ns - p->run->run_start_ns,
                                  .observed_ns = last->at_ns + last->length_ns - first->at_ns,
                                  .value = value,
                                  .n = n };
    add_block(p, row, &block);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

static void tell_ways(const struct rtt_peer *p, const struct session *s)
{
    struct ways_sum sum = ways_total(&s->ways);
    if (!s->stateful)
        return;
    tell_once(p, RTT_LOSS_UP, share(sum.asked - sum.arrived, sum.asked), sum.asked);
    tell_once(p, RTT_LOSS_DOWN, share(sum.arrived - sum.answered, sum.arrived), sum.arrived);
}

static void tell_spread(const struct rtt_peer *p, unsigned row, enum spread_way way)
{
    AUTO(hist) struct hist h = { 0 };
    struct err e = { 0 };
    const struct cohort *first = &p->cohorts.items[0];
    if (p->spread.count == 0 || hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e))
        return;
    spread_tell(&p->spread, way, &h);
    struct result_block block = { .at_ns = first->at_ns - p->run->run_start_ns,
                                  .observed_ns = clk_now_ns() - first->at_ns,
                                  .hist = h,
                                  .n = h.total };
    add_block(p, row, &block);
}

void rtt_peer_conclude(struct rtt_peer *p, const struct session *s, uint64_t left_ns)
{
    uint64_t answers = session_answered(s);
    tell_loss(p, s, left_ns);
    tell_ways(p, s);
    tell_once(p, RTT_LOSS_RUN, (double)s->run_max.packets, s->counts.settled);
    tell_once(p, RTT_LOSS_SPAN, (double)s->run_max.ns, s->counts.settled);
    tell_once(p, RTT_DUPLICATES, share(s->counts.received[SESSION_DUPLICATE], answers), answers);
    tell_once(p, RTT_REORDERED, share(s->order.reordered, answers), answers);
    tell_once(p, RTT_EXTENT, s->order.extent_max, answers);
    tell_spread(p, RTT_PDV_UP, SPREAD_UP);
    tell_spread(p, RTT_PDV_DOWN, SPREAD_DOWN);
}
