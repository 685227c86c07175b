#include "probes/net/track.h"

static bool has_syn(const struct dissect_segment *s)
{
    return (s->flags & DISSECT_SYN) && !(s->flags & DISSECT_RST);
}

void track_reset(struct track *t, struct ackrtt_pool *p)
{
    ackrtt_reset(&t->sides[0].sent, p);
    ackrtt_reset(&t->sides[1].sent, p);
    *t = (struct track){ .caller = TRACK_CALLER_UNKNOWN };
}

/* A SYN of another number: the addresses and ports are used again. */
static bool begins(const struct track *t, const struct dissect_segment *s, unsigned side)
{
    const struct track_side *own = &t->sides[side];
    bool nothing = !t->sides[0].seen && !t->sides[1].seen;
    bool calls = has_syn(s) && !(s->flags & DISSECT_ACK);
    return nothing || (calls && own->seen && !(own->begun && own->isn == s->seq));
}

static void note_syn(struct track *t, const struct dissect_segment *s, unsigned side,
                     uint64_t now_ns)
{
    bool answers = s->flags & DISSECT_ACK;
    t->sides[side].isn = s->seq;
    t->sides[side].begun = true;
    t->caller = answers ? TRACK_CALLER_1 - side : TRACK_CALLER_0 + side;
    if (!answers) {
        t->syn_ns = now_ns;
        t->shake = TRACK_SHAKE_SYN;
    } else if (t->shake == TRACK_SHAKE_SYN && s->ack - t->sides[1 - side].isn <= ACKRTT_FAR) {
        t->shake = TRACK_SHAKE_SYN_ACK;
    } else {
        t->shake = TRACK_SHAKE_OVER;
    }
}

static void take_handshake(struct track *t, const struct dissect_segment *s, unsigned side,
                           uint64_t now_ns, struct track_found *found)
{
    if (has_syn(s) && found->sent == ACKRTT_NEW) {
        note_syn(t, s, side, now_ns);
    } else if (has_syn(s) && found->sent == ACKRTT_AGAIN) {
        t->shake = TRACK_SHAKE_OVER;
    } else if (t->shake == TRACK_SHAKE_SYN_ACK && side == t->caller && (s->flags & DISSECT_ACK)) {
        t->shake = TRACK_SHAKE_OVER;
        found->shaken = s->ack == t->sides[1 - side].isn + 1 && now_ns >= t->syn_ns &&
                        !(s->flags & DISSECT_RST);
        found->handshake_ns = found->shaken ? now_ns - t->syn_ns : 0;
    }
}

/* Both ways together: what a round trip takes at least, wherever the capture stands. */
static uint64_t keep_fastest(struct track *t, const struct track_found *found)
{
    uint64_t *fastest_ns = &t->fastest_ns[found->to];
    if (found->ack.is_path && (*fastest_ns == 0 || found->ack.path_ns < *fastest_ns))
        *fastest_ns = found->ack.path_ns;
    return t->fastest_ns[0] + t->fastest_ns[1];
}

void track_take(struct track *t, struct ackrtt_pool *p, const struct dissect_segment *s,
                unsigned side, uint64_t now_ns, struct track_found *found)
{
    *found = (struct track_found){ .to = side };
    struct track_side *own = &t->sides[side];
    struct track_side *other = &t->sides[1 - side];
    if (begins(t, s, side)) {
        track_reset(t, p);
        found->fresh = true;
    }
    own->seen = true;
    if (s->flags & DISSECT_ACK)
        ackrtt_receive(&other->sent, p, s, now_ns, &found->ack);
    uint64_t rtt_ns = keep_fastest(t, found);
    uint32_t window = other->offered ? other->window : 1;
    found->sent = ackrtt_send(&own->sent, p, s, now_ns, window, rtt_ns);
    own->window = s->window;
    own->offered = !(s->flags & DISSECT_RST);
    take_handshake(t, s, side, now_ns, found);
}
