#include "probes/net/session.h"

#include <stdlib.h>

#include "probes/kit/clk.h"

enum {
    SESSION_RING_MIN = 64,
    SESSION_RING_MAX = 1 << 20, /* 64 MB; a packet every 3 us for 3 s */
    /* Slewing moves the wall clock by 1/2000 at most (adjtimex(2)); more than this is a step. */
    SESSION_SLEW = 1000,
    SESSION_STEP_NS = CLK_NS_PER_MS,
};

enum slot_state {
    SLOT_UNUSED,
    SLOT_OPEN,
    SLOT_ANSWERED,
    SLOT_LOST
};

struct session_slot {
    uint32_t sequence;
    enum slot_state state;
    bool delays_known;
    struct session_time t1;
    uint64_t sent;                   /* T1 as in the packet */
    int64_t forward_ns, backward_ns; /* delays by two clocks */
};

int session_open(struct session *s, const struct session_terms *terms, struct err *e)
{
    *s = (struct session){ .terms = *terms };
    uint64_t wanted = terms->interval_ns ? terms->tmax_ns / terms->interval_ns + 2 : UINT64_MAX;
    if (wanted > SESSION_RING_MAX)
        return err_set(e, ERR_USAGE, 0,
                       "an interval of %llu ns is too short to wait %llu ns for each answer",
                       (unsigned long long)terms->interval_ns, (unsigned long long)terms->tmax_ns);
    uint32_t size = SESSION_RING_MIN;
    while (size < wanted)
        size *= 2;
    s->slots = calloc(size, sizeof *s->slots);
    if (!s->slots)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u packets under way", size);
    s->mask = size - 1;
    return 0;
}

void session_release(struct session *s)
{
    free(s->slots);
    s->slots = NULL;
}

static struct session_slot *slot_of(const struct session *s, uint32_t sequence)
{
    return &s->slots[sequence & s->mask];
}

/* The slot if that packet was sent and is still remembered. */
static struct session_slot *slot_find(const struct session *s, uint32_t sequence)
{
    struct session_slot *slot = slot_of(s, sequence);
    return slot->state != SLOT_UNUSED && slot->sequence == sequence ? slot : NULL;
}

int session_send(struct session *s, struct session_time t1, uint16_t error_estimate,
                 uint8_t *packet)
{
    struct session_slot *slot = slot_of(s, s->next);
    if (slot->state == SLOT_OPEN)
        return -1;
    *slot = (struct session_slot){
        .sequence = s->next, .state = SLOT_OPEN, .t1 = t1, .sent = stamp_ntp_of_ns(t1.real_ns)
    };
    struct stamp_request request = {
        .sequence = s->next, .sent = slot->sent, .sent_error = error_estimate, .ssid = s->terms.ssid
    };
    stamp_put_request(&request, NULL, packet);
    s->next++;
    s->counts.sent++;
    if (s->counts.sent == 1)
        s->gap_from_ns = t1.mono_ns;
    else if (!s->gap_asked && t1.mono_ns > s->gap_from_ns + s->terms.interval_ns)
        s->gap_from_ns = t1.mono_ns - s->terms.interval_ns; /* our own pause before */
    s->gap_asked = true;
    return 0;
}

static uint64_t distance(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* Adds the pair of neighbours, each way, when both are known. */
static void compare(const struct session_slot *a, const struct session_slot *b,
                    struct session_sample *sample)
{
    if (!a || !b || !a->delays_known || !b->delays_known)
        return;
    sample->ipdv_ns[sample->ipdv_count++] = distance(a->forward_ns, b->forward_ns);
    sample->ipdv_ns[sample->ipdv_count++] = distance(a->backward_ns, b->backward_ns);
}

static void answered(struct session *s, uint32_t sequence, uint64_t now_ns)
{
    if ((int32_t)(sequence - s->expected) < 0)
        s->counts.reordered++;
    else
        s->expected = sequence + 1;
    if (now_ns > s->gap_from_ns) {
        uint64_t gap_ns = now_ns - s->gap_from_ns;
        s->gap_max_ns = gap_ns > s->gap_max_ns ? gap_ns : s->gap_max_ns;
        s->gap_from_ns = now_ns;
    }
    s->gap_asked = false;
}

/* -1 when the reflector's times cannot be. */
static int measure(struct session *s, struct session_slot *slot, const struct stamp_reply *reply,
                   struct session_time t4, struct session_sample *sample)
{
    uint64_t near_ns = t4.real_ns;
    int64_t t1 = (int64_t)slot->t1.real_ns;
    int64_t t2 = (int64_t)stamp_unix_ns(reply->received, reply->reflected_error, near_ns);
    int64_t t3 = (int64_t)stamp_unix_ns(reply->reflected, reply->reflected_error, near_ns);
    int64_t elapsed_ns = (int64_t)(t4.mono_ns - slot->t1.mono_ns);
    int64_t wall_ns = (int64_t)near_ns - t1;
    int64_t residence_ns = t3 - t2;
    uint64_t step_ns = SESSION_STEP_NS + (uint64_t)elapsed_ns / SESSION_SLEW;
    if (residence_ns < 0 || residence_ns > elapsed_ns)
        return -1;
    *sample = (struct session_sample){
        .rtt_ns = (uint64_t)(elapsed_ns - residence_ns),
        .clocks_steady = distance(wall_ns, elapsed_ns) <= step_ns,
        .offset_known = !stamp_is_ptp(reply->reflected_error),
        .request_ttl = reply->request_ttl,
    };
    slot->forward_ns = t2 - t1;
    slot->backward_ns = (int64_t)near_ns - t3;
    slot->delays_known = sample->clocks_steady;
    if (!sample->clocks_steady) {
        s->counts.steps++;
        sample->offset_known = false;
        return 0;
    }
    sample->offset_ns = (slot->forward_ns - slot->backward_ns) / 2;
    compare(slot_find(s, slot->sequence - 1), slot, sample);
    compare(slot, slot_find(s, slot->sequence + 1), sample);
    return 0;
}

static enum session_kind classify(struct session *s, const uint8_t *packet, size_t size,
                                  struct session_time t4, struct session_sample *sample)
{
    struct stamp_reply reply;
    if (size > STAMP_BYTES)
        return SESSION_OVERSIZED;
    if (stamp_get_reply(packet, size, NULL, &reply))
        return SESSION_TRUNCATED;
    /* A reflector from before RFC 8972 sends zero there. */
    if (reply.ssid != 0 && reply.ssid != s->terms.ssid)
        return SESSION_FOREIGN;
    struct session_slot *slot = slot_find(s, reply.request.sequence);
    if (!slot || slot->sent != reply.request.sent || t4.mono_ns < slot->t1.mono_ns)
        return SESSION_UNKNOWN;
    if (slot->state == SLOT_ANSWERED)
        return SESSION_DUPLICATE;
    if (slot->state == SLOT_LOST || t4.mono_ns - slot->t1.mono_ns > s->terms.tmax_ns)
        return SESSION_LATE;
    slot->state = SLOT_ANSWERED;
    answered(s, slot->sequence, t4.mono_ns);
    return measure(s, slot, &reply, t4, sample) ? SESSION_IMPLAUSIBLE : SESSION_SAMPLE;
}

enum session_kind session_receive(struct session *s, const uint8_t *packet, size_t size,
                                  struct session_time t4, struct session_sample *sample)
{
    enum session_kind kind = classify(s, packet, size, t4, sample);
    s->counts.received[kind]++;
    return kind;
}

void session_settle(struct session *s, uint64_t now_ns)
{
    for (; s->oldest != s->next; s->oldest++) {
        struct session_slot *slot = slot_of(s, s->oldest);
        bool due = now_ns > slot->t1.mono_ns && now_ns - slot->t1.mono_ns > s->terms.tmax_ns;
        if (slot->state == SLOT_OPEN && !due)
            return;
        if (slot->state == SLOT_OPEN) {
            slot->state = SLOT_LOST;
            s->counts.lost++;
            if (s->terms.lost)
                s->terms.lost(s->terms.arg, slot->sequence);
        }
        s->counts.settled++;
    }
}

uint32_t session_unsettled(const struct session *s)
{
    return s->next - s->oldest;
}

void session_skip(struct session *s, uint64_t pause_ns)
{
    s->gap_from_ns += pause_ns;
}

uint64_t session_take_gap(struct session *s, uint64_t now_ns)
{
    uint64_t gap_ns = s->gap_max_ns;
    if (s->gap_asked && now_ns > s->gap_from_ns && now_ns - s->gap_from_ns > gap_ns)
        gap_ns = now_ns - s->gap_from_ns;
    s->gap_max_ns = 0;
    return gap_ns;
}
