#include "probes/net/session.h"

#include <stdlib.h>

#include "probes/kit/clk.h"

enum {
    SESSION_RING_MIN = 64,
    SESSION_RING_MAX = 1 << 20, /* 160 MB; a packet every 3 us for 3 s */
    /* Slewing moves the wall clock by 1/2000 at most (adjtimex(2)); more than this is a step. */
    SESSION_SLEW = 1000,
    SESSION_STEP_NS = CLK_NS_PER_MS,
    /* RFC 3550 6.4.1: the gain of its filter. */
    SESSION_JITTER_GAIN = 16,
};

/* A kernel's stamp further away than this was taken before a step of the clock. */
static const uint64_t stamp_age_max_ns = 10 * (uint64_t)CLK_NS_PER_S;
/* A stamp of sending that has not come after so long is not waited for. */
static const uint64_t stamp_wait_ns = 500 * (uint64_t)CLK_NS_PER_MS;

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
    bool waiting; /* answered, and its sample not told: T1k is to come */
    uint8_t ttl;
    uint32_t numbered;  /* the reflector's own sequence */
    uint16_t error;     /* estimate of T2 and T3 */
    uint64_t sent;      /* T1 as in the packet */
    uint64_t received;  /* T2 as in the packet */
    uint64_t reflected; /* T3 as in the packet */
    struct session_time t1;
    struct session_stamp left;
    struct session_arrival came;
    int64_t up_ns, down_ns; /* delays by two clocks */
};

int session_open(struct session *s, const struct session_terms *terms, struct err *e)
{
    *s = (struct session){
        .terms = *terms, .next = terms->first, .oldest = terms->first, .stateful = terms->stateful
    };
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
    s->packet_bytes = tlv_request_bytes(&terms->wish, terms->key != NULL);
    order_begin(&s->order, terms->first);
    ways_begin(&s->ways, terms->first);
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
    uint16_t error = stamp_estimate_in(error_estimate, s->terms.ptp);
    if (slot->state == SLOT_OPEN || slot->waiting)
        return -1;
    *slot = (struct session_slot){
        .sequence = s->next, .state = SLOT_OPEN, .t1 = t1, .sent = stamp_of_ns(t1.real_ns, error)
    };
    struct stamp_request request = {
        .sequence = s->next, .sent = slot->sent, .sent_error = error, .ssid = s->terms.ssid
    };
    stamp_put_request(&request, s->terms.key, packet);
    (void)tlv_put_request(&s->terms.wish, s->terms.key, packet);
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
    unsigned i = sample->ipdv_count++;
    sample->ipdv_up_ns[i] = distance(a->up_ns, b->up_ns);
    sample->ipdv_down_ns[i] = distance(a->down_ns, b->down_ns);
}

static void answered(struct session *s, uint32_t sequence, uint64_t now_ns)
{
    order_arrived(&s->order, sequence);
    if (now_ns > s->gap_from_ns) {
        uint64_t gap_ns = now_ns - s->gap_from_ns;
        if (gap_ns > s->gap_max_ns) {
            s->gap_max_ns = gap_ns;
            s->gap_max_from_ns = s->gap_from_ns;
        }
        s->gap_from_ns = now_ns;
    }
    s->gap_asked = false;
}

/* T4k by both clocks: the kernel's wall-clock stamp, and as long before T4u by the other. */
static struct session_time arrival_of(const struct session_arrival *a, bool *stamped)
{
    uint64_t real_ns = a->stamp.real_ns;
    uint64_t ago_ns = a->read.real_ns - real_ns;
    *stamped = real_ns && real_ns <= a->read.real_ns && ago_ns <= stamp_age_max_ns &&
               ago_ns <= a->read.mono_ns;
    if (!*stamped)
        return a->read;
    return (struct session_time){ .mono_ns = a->read.mono_ns - ago_ns, .real_ns = real_ns };
}

/* T1k by both clocks, as long after T1u as the wall clock says; T1u when that cannot be. */
static struct session_time departure_of(const struct session_slot *slot, struct session_time t4,
                                        uint64_t residence_ns, bool *stamped)
{
    uint64_t after_ns = slot->left.real_ns - slot->t1.real_ns;
    *stamped = slot->left.real_ns && slot->left.real_ns >= slot->t1.real_ns &&
               after_ns <= t4.mono_ns - slot->t1.mono_ns &&
               t4.mono_ns - slot->t1.mono_ns - after_ns >= residence_ns;
    if (!*stamped)
        return slot->t1;
    return (struct session_time){ .mono_ns = slot->t1.mono_ns + after_ns,
                                  .real_ns = slot->left.real_ns };
}

/* By the NIC's own clock, where it stamped both and the times can be. */
static bool by_nic(const struct session_slot *slot, uint64_t residence_ns, uint64_t *rtt_ns)
{
    uint64_t out_ns = slot->left.nic_ns;
    uint64_t in_ns = slot->came.stamp.nic_ns;
    uint64_t felt_ns = slot->came.read.mono_ns - slot->t1.mono_ns;
    if (!out_ns || !in_ns || in_ns < out_ns || in_ns - out_ns > felt_ns ||
        in_ns - out_ns < residence_ns)
        return false;
    *rtt_ns = in_ns - out_ns - residence_ns;
    return true;
}

static double smooth(double jitter_ns, int64_t last_ns, int64_t now_ns)
{
    return jitter_ns + ((double)distance(last_ns, now_ns) - jitter_ns) / SESSION_JITTER_GAIN;
}

static void take_jitter(struct session_jitter *j, const struct session_slot *slot)
{
    if (j->begun) {
        j->up_ns = smooth(j->up_ns, j->up_last_ns, slot->up_ns);
        j->down_ns = smooth(j->down_ns, j->down_last_ns, slot->down_ns);
    }
    j->begun = true;
    j->up_last_ns = slot->up_ns;
    j->down_last_ns = slot->down_ns;
}

/* What needs both clocks: delays, offset, variation. */
static void take_delays(struct session *s, struct session_slot *slot, struct session_sample *sample)
{
    if (!sample->clocks_steady) {
        s->counts.steps++;
        s->jitter.begun = false;
        sample->offset_known = false;
        return;
    }
    slot->delays_known = true;
    sample->up_ns = slot->up_ns;
    sample->down_ns = slot->down_ns;
    sample->offset_ns = (slot->up_ns - slot->down_ns) / 2;
    compare(slot_find(s, slot->sequence - 1), slot, sample);
    compare(slot, slot_find(s, slot->sequence + 1), sample);
    take_jitter(&s->jitter, slot);
}

static int64_t residence(const struct session_slot *slot, int64_t *t2, int64_t *t3)
{
    uint64_t near_ns = slot->came.read.real_ns;
    *t2 = (int64_t)stamp_unix_ns(slot->received, slot->error, near_ns);
    *t3 = (int64_t)stamp_unix_ns(slot->reflected, slot->error, near_ns);
    return *t3 - *t2;
}

/* Tells the sample of an answer, with the stamps there are by now. */
static void tell(struct session *s, struct session_slot *slot)
{
    int64_t t2;
    int64_t t3;
    struct session_sample sample = { .sequence = slot->sequence, .request_ttl = slot->ttl };
    uint64_t held_ns = (uint64_t)residence(slot, &t2, &t3);
    struct session_time t4 = arrival_of(&slot->came, &sample.arrival_stamped);
    struct session_time t1 = departure_of(slot, t4, held_ns, &sample.sent_stamped);
    const struct session_time *read = &slot->came.read;
    uint64_t felt_ns = read->mono_ns - slot->t1.mono_ns;
    int64_t wall_ns = (int64_t)(t4.real_ns - t1.real_ns);
    slot->waiting = false;
    sample.felt_ns = felt_ns;
    sample.residence_ns = held_ns;
    sample.send_ns = t1.mono_ns - slot->t1.mono_ns;
    sample.wake_ns = read->mono_ns - t4.mono_ns;
    sample.rtt_ns = t4.mono_ns - t1.mono_ns - held_ns;
    sample.by_nic = by_nic(slot, held_ns, &sample.rtt_ns);
    sample.clocks_steady = distance(wall_ns, (int64_t)(t4.mono_ns - t1.mono_ns)) <=
                           SESSION_STEP_NS + felt_ns / SESSION_SLEW;
    sample.offset_known = !stamp_is_ptp(slot->error);
    slot->up_ns = t2 - (int64_t)t1.real_ns;
    slot->down_ns = (int64_t)t4.real_ns - t3;
    take_delays(s, slot, &sample);
    s->counts.unstamped_sent += !sample.sent_stamped;
    s->counts.unstamped_taken += !sample.arrival_stamped;
    s->counts.by_nic += sample.by_nic;
    if (s->terms.sink.sample)
        s->terms.sink.sample(s->terms.sink.arg, &sample);
}

static void read_items(struct session *s, const uint8_t *packet, size_t size)
{
    struct tlv_answer items;
    if (size <= stamp_base_bytes(s->terms.key != NULL))
        return;
    tlv_get_answer(packet, size, s->terms.key, &items);
    s->counts.items_untrue += items.untrue;
    s->counts.items_malformed += items.malformed;
    s->counts.items_unknown += items.unknown > 0;
    if (items.marks_known) {
        s->marks_known = true;
        s->dscp = items.dscp;
        s->ecn = items.ecn;
    }
}

static enum session_kind take_answer(struct session *s, struct session_slot *slot,
                                     const struct stamp_reply *reply,
                                     const struct session_arrival *came)
{
    int64_t t2;
    int64_t t3;
    bool stamped;
    struct session_time t4 = arrival_of(came, &stamped);
    slot->state = SLOT_ANSWERED;
    slot->came = *came;
    slot->ttl = reply->request_ttl;
    slot->numbered = reply->sequence;
    slot->error = reply->reflected_error;
    slot->received = reply->received;
    slot->reflected = reply->reflected;
    answered(s, slot->sequence, t4.mono_ns);
    s->stateful = s->stateful || reply->sequence != slot->sequence;
    ways_answered(&s->ways, slot->sequence, reply->sequence);
    int64_t held_ns = residence(slot, &t2, &t3);
    if (held_ns < 0 || held_ns > (int64_t)(t4.mono_ns - slot->t1.mono_ns))
        return SESSION_IMPLAUSIBLE;
    slot->waiting = s->terms.stamped && !slot->left.real_ns;
    if (!slot->waiting)
        tell(s, slot);
    return SESSION_SAMPLE;
}

static enum session_kind take_again(struct session *s, const struct session_slot *slot,
                                    const struct stamp_reply *reply)
{
    if (reply->sequence != slot->numbered)
        ways_doubled(&s->ways, reply->sequence);
    return SESSION_DUPLICATE;
}

static enum session_kind classify(struct session *s, const uint8_t *packet, size_t size,
                                  const struct session_arrival *came)
{
    struct stamp_reply reply;
    if (size > s->packet_bytes)
        return SESSION_OVERSIZED;
    enum stamp_fault fault = stamp_get_reply(packet, size, s->terms.key, &reply);
    if (fault != STAMP_FINE)
        return fault == STAMP_FORGED ? SESSION_FORGED : SESSION_TRUNCATED;
    /* A reflector from before RFC 8972 sends zero there. */
    if (reply.ssid != 0 && reply.ssid != s->terms.ssid)
        return SESSION_FOREIGN;
    struct session_slot *slot = slot_find(s, reply.request.sequence);
    bool stamped;
    uint64_t now_ns = arrival_of(came, &stamped).mono_ns;
    if (!slot || slot->sent != reply.request.sent || now_ns < slot->t1.mono_ns)
        return SESSION_UNKNOWN;
    if (slot->state == SLOT_ANSWERED)
        return take_again(s, slot, &reply);
    if (slot->state == SLOT_LOST || now_ns - slot->t1.mono_ns > s->terms.tmax_ns)
        return SESSION_LATE;
    read_items(s, packet, size);
    return take_answer(s, slot, &reply, came);
}

enum session_kind session_receive(struct session *s, const uint8_t *packet, size_t size,
                                  const struct session_arrival *t4)
{
    enum session_kind kind = classify(s, packet, size, t4);
    s->counts.received[kind]++;
    return kind;
}

void session_stamped(struct session *s, uint32_t sequence, const struct session_stamp *t1)
{
    struct session_slot *slot = slot_find(s, sequence);
    if (!slot)
        return;
    slot->left.real_ns = t1->real_ns ? t1->real_ns : slot->left.real_ns;
    slot->left.nic_ns = t1->nic_ns ? t1->nic_ns : slot->left.nic_ns;
    if (slot->waiting && slot->left.real_ns)
        tell(s, slot);
}

static void give_up(struct session *s, struct session_slot *slot)
{
    slot->state = SLOT_LOST;
    s->counts.lost++;
    s->run.packets++;
    s->run.ns += s->terms.interval_ns;
    if (s->run.packets > s->run_max.packets)
        s->run_max = s->run;
    if (s->terms.sink.lost)
        s->terms.sink.lost(s->terms.sink.arg, slot->sequence);
}

void session_settle(struct session *s, uint64_t now_ns)
{
    for (; s->oldest != s->next; s->oldest++) {
        struct session_slot *slot = slot_of(s, s->oldest);
        uint64_t age_ns = now_ns > slot->t1.mono_ns ? now_ns - slot->t1.mono_ns : 0;
        if (slot->state == SLOT_OPEN && age_ns <= s->terms.tmax_ns)
            return;
        if (slot->waiting && age_ns <= stamp_wait_ns)
            return;
        if (slot->state == SLOT_OPEN)
            give_up(s, slot);
        else
            s->run = (struct session_run){ 0 };
        if (slot->waiting)
            tell(s, slot);
        s->counts.settled++;
    }
}

uint32_t session_unsettled(const struct session *s)
{
    return s->next - s->oldest;
}

uint64_t session_answered(const struct session *s)
{
    return s->counts.received[SESSION_SAMPLE] + s->counts.received[SESSION_IMPLAUSIBLE];
}

bool session_sent_at(const struct session *s, uint32_t sequence, uint64_t *real_ns)
{
    const struct session_slot *slot = slot_find(s, sequence);
    *real_ns = slot ? slot->left.real_ns : 0;
    return *real_ns != 0;
}

bool session_taken_at(const struct session *s, uint32_t sequence, uint64_t *real_ns)
{
    const struct session_slot *slot = slot_find(s, sequence);
    *real_ns = slot && slot->state == SLOT_ANSWERED ? slot->came.stamp.real_ns : 0;
    return *real_ns != 0;
}

void session_skip(struct session *s, uint64_t pause_ns)
{
    s->gap_from_ns += pause_ns;
}

uint64_t session_take_gap(struct session *s, uint64_t now_ns)
{
    uint64_t gap_ns = s->gap_max_ns;
    if (s->gap_asked && now_ns > s->gap_from_ns && now_ns - s->gap_from_ns > gap_ns) {
        gap_ns = now_ns - s->gap_from_ns;
        s->gap_max_from_ns = s->gap_from_ns;
    }
    s->gap_max_ns = 0;
    return gap_ns;
}

uint64_t session_gap_began(const struct session *s)
{
    return s->gap_max_from_ns;
}
