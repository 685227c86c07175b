#include "probes/net/ackrtt.h"

#include <stdlib.h>

static bool after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static bool is_far(uint32_t a, uint32_t b)
{
    int32_t distance = (int32_t)(a - b);
    return distance > ACKRTT_FAR || distance < -ACKRTT_FAR;
}

int ackrtt_pool_open(struct ackrtt_pool *p, struct err *e)
{
    p->nodes = calloc(ACKRTT_POOL, sizeof *p->nodes);
    if (!p->nodes)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the segments under way");
    p->free = p->used = 0;
    return 0;
}

void ackrtt_pool_release(struct ackrtt_pool *p)
{
    free(p->nodes);
    *p = (struct ackrtt_pool){ 0 };
}

static void drop_head(struct ackrtt *a, struct ackrtt_pool *p)
{
    uint32_t index = a->head;
    a->head = p->nodes[index].next;
    a->tail = a->head ? a->tail : 0;
    a->count--;
    p->nodes[index].next = p->free;
    p->free = index;
}

static void drop_all(struct ackrtt *a, struct ackrtt_pool *p)
{
    while (a->head)
        drop_head(a, p);
    a->thinned = false;
}

void ackrtt_reset(struct ackrtt *a, struct ackrtt_pool *p)
{
    drop_all(a, p);
    *a = (struct ackrtt){ 0 };
}

static uint32_t pool_take(struct ackrtt_pool *p)
{
    uint32_t index = p->free;
    if (index)
        p->free = p->nodes[index].next;
    else if (p->used + 1 < ACKRTT_POOL)
        index = ++p->used;
    return index;
}

/* Room for one more, or 0. */
static uint32_t take_node(struct ackrtt *a, struct ackrtt_pool *p)
{
    if (!a->answered && a->count == ACKRTT_DEPTH_FIRST) {
        drop_head(a, p);
        a->thinned = true;
    }
    uint32_t index = a->count < ACKRTT_DEPTH ? pool_take(p) : 0;
    a->thinned = a->thinned || !index;
    a->count += index != 0;
    return index;
}

static void fill(struct ackrtt_node *n, const struct dissect_segment *s, uint32_t seq,
                 uint64_t now_ns)
{
    *n = (struct ackrtt_node){ .first_ns = now_ns,
                               .last_ns = now_ns,
                               .seq = seq,
                               .first_tsval = s->tsval,
                               .last_tsval = s->tsval,
                               .id = s->id,
                               .stamped = s->stamped };
}

static void append(struct ackrtt *a, struct ackrtt_pool *p, const struct ackrtt_node *n)
{
    uint32_t index = take_node(a, p);
    if (!index)
        return;
    p->nodes[index] = *n;
    if (a->tail)
        p->nodes[a->tail].next = index;
    else
        a->head = index;
    a->tail = index;
}

/* Before the first one that begins behind it; there is one, for it lies below the highest. */
static void insert(struct ackrtt *a, struct ackrtt_pool *p, const struct ackrtt_node *n)
{
    uint32_t index = take_node(a, p);
    if (!index)
        return;
    uint32_t *link = &a->head;
    while (*link && !after(p->nodes[*link].end, n->seq))
        link = &p->nodes[*link].next;
    p->nodes[index] = *n;
    p->nodes[index].next = *link;
    *link = index;
    a->tail = p->nodes[index].next ? a->tail : index;
}

static uint32_t length_of(const struct dissect_segment *s)
{
    bool syn = s->flags & DISSECT_SYN;
    bool fin = s->flags & DISSECT_FIN;
    return s->flags & DISSECT_RST ? 0 : s->payload_bytes + syn + fin;
}

static bool is_copy(const struct ackrtt_node *n, const struct dissect_segment *s, uint64_t now_ns)
{
    return s->id && s->id == n->id && s->seq == n->seq && s->tsval == n->last_tsval &&
           now_ns - n->last_ns < ACKRTT_COPY_NS;
}

/* Marks what waits already of seq to end as sent again. */
static enum ackrtt_sent mark(struct ackrtt *a, struct ackrtt_pool *p,
                             const struct dissect_segment *s, uint32_t end, uint64_t now_ns)
{
    enum ackrtt_sent kind = ACKRTT_NOTHING;
    for (uint32_t i = a->head; i && after(end, p->nodes[i].seq); i = p->nodes[i].next) {
        struct ackrtt_node *n = &p->nodes[i];
        if (!after(n->end, s->seq))
            continue;
        if (n->end == end && is_copy(n, s, now_ns))
            return ACKRTT_COPY;
        n->again = true;
        n->last_ns = now_ns;
        n->last_tsval = s->tsval;
        n->stamped = n->stamped && s->stamped;
        kind = ACKRTT_AGAIN;
    }
    return kind;
}

/* When the first segment behind it was captured; 0: none waits. */
static uint64_t overtaken_at(const struct ackrtt *a, const struct ackrtt_pool *p, uint32_t end)
{
    for (uint32_t i = a->head; i; i = p->nodes[i].next) {
        if (!after(end, p->nodes[i].seq))
            return p->nodes[i].first_ns;
    }
    return 0;
}

/* A hole is filled: by one that was overtaken, or by one sent again after a loss not seen here. */
static bool was_overtaken(const struct ackrtt *a, const struct ackrtt_pool *p,
                          const struct dissect_segment *s, uint64_t now_ns, uint64_t rtt_ns)
{
    uint32_t end = s->seq + length_of(s);
    uint64_t since_ns = overtaken_at(a, p, end);
    if (a->thinned || !since_ns)
        return false;
    if (s->stamped && a->stamped && s->tsval != a->newest)
        return after(a->newest, s->tsval);
    return now_ns - since_ns < (rtt_ns ? rtt_ns : ACKRTT_REORDER_NS);
}

/* Below the highest octet seen. */
static enum ackrtt_sent send_old(struct ackrtt *a, struct ackrtt_pool *p,
                                 const struct dissect_segment *s, uint64_t now_ns, uint64_t rtt_ns)
{
    uint32_t end = s->seq + length_of(s);
    enum ackrtt_sent kind = mark(a, p, s, end, now_ns);
    if (kind == ACKRTT_COPY)
        return kind;
    struct ackrtt_node n;
    if (after(end, a->next)) { /* old and new in one: the new part was sent once */
        fill(&n, s, a->next, now_ns);
        n.end = end;
        append(a, p, &n);
        a->next = end;
        return ACKRTT_AGAIN;
    }
    if (a->answered && end == a->acked)
        a->vain_ns = now_ns;
    if (kind == ACKRTT_AGAIN || (a->answered && !after(end, a->acked)))
        return ACKRTT_AGAIN;
    kind = was_overtaken(a, p, s, now_ns, rtt_ns) ? ACKRTT_REORDERED : ACKRTT_AGAIN;
    fill(&n, s, s->seq, now_ns);
    n.end = end;
    insert(a, p, &n);
    return kind;
}

static enum ackrtt_sent send_new(struct ackrtt *a, struct ackrtt_pool *p,
                                 const struct dissect_segment *s, uint64_t now_ns)
{
    struct ackrtt_node n;
    fill(&n, s, s->seq, now_ns);
    n.end = s->seq + length_of(s);
    a->next = n.end;
    a->begun = true;
    a->answered = a->answered && !is_far(a->acked, n.end);
    if (a->answered && !after(n.end, a->acked))
        return ACKRTT_UNSEEN;
    append(a, p, &n);
    return ACKRTT_NEW;
}

/* Holds no data whatever its octet is, and neither may its ACK be taken for one of data. */
static enum ackrtt_sent no_data(const struct ackrtt *a, const struct dissect_segment *s,
                                uint32_t window)
{
    bool plain = !(s->flags & (DISSECT_SYN | DISSECT_FIN | DISSECT_RST)) && s->payload_bytes <= 1;
    bool waits = s->payload_bytes && !(a->answered && a->acked == a->next); /* its octet was sent */
    if (plain && a->begun && s->seq == a->next - 1 && !waits)
        return ACKRTT_KEEPALIVE;
    if (plain && a->begun && s->seq == a->next && s->payload_bytes == 1 && window == 0)
        return ACKRTT_PROBE;
    return ACKRTT_NOTHING;
}

enum ackrtt_sent ackrtt_send(struct ackrtt *a, struct ackrtt_pool *p,
                             const struct dissect_segment *s, uint64_t now_ns, uint32_t window,
                             uint64_t rtt_ns)
{
    enum ackrtt_sent kind = no_data(a, s, window);
    if (kind != ACKRTT_NOTHING || length_of(s) == 0)
        return kind;
    if (a->begun && is_far(s->seq, a->next)) /* another stream by these addresses */
        ackrtt_reset(a, p);
    bool old = a->begun && after(a->next, s->seq);
    kind = old ? send_old(a, p, s, now_ns, rtt_ns) : send_new(a, p, s, now_ns);
    if (s->stamped && (!a->stamped || after(s->tsval, a->newest))) {
        a->newest = s->tsval;
        a->stamped = true;
    }
    return kind;
}

/* When the sending that was answered was captured, where the timestamps tell; 0: they do not. */
static uint64_t answered_at(const struct ackrtt_node *n, const struct dissect_segment *s)
{
    if (!n->again)
        return n->first_ns;
    bool told = n->stamped && s->stamped && n->first_tsval != n->last_tsval;
    uint64_t later_ns = told && s->tsecr == n->last_tsval ? n->last_ns : 0;
    return told && s->tsecr == n->first_tsval ? n->first_ns : later_ns;
}

static void judge(const struct ackrtt_node *ending, const struct ackrtt_node *latest,
                  const struct dissect_segment *s, uint64_t now_ns, struct ackrtt_found *found)
{
    uint64_t path_at_ns = answered_at(latest, s);
    bool first = answered_at(ending, s) == ending->first_ns;
    if (now_ns < ending->first_ns || now_ns < latest->last_ns) {
        found->answer = ACKRTT_BACKWARDS;
        return;
    }
    found->answer = first ? ACKRTT_SAMPLE : ACKRTT_AMBIGUOUS;
    found->is_any = true;
    found->any_ns = found->rtt_ns = now_ns - ending->first_ns;
    found->is_path = path_at_ns != 0;
    found->path_ns = path_at_ns ? now_ns - path_at_ns : 0;
}

/* Takes what the ACK covers off the list: the one that ends there, and the one captured last. */
static bool take_covered(struct ackrtt *a, struct ackrtt_pool *p, uint32_t ack,
                         struct ackrtt_node *ending, struct ackrtt_node *latest)
{
    bool exact = false;
    while (a->head && !after(p->nodes[a->head].end, ack)) {
        const struct ackrtt_node *n = &p->nodes[a->head];
        if (n->end == ack) {
            *ending = *n;
            exact = true;
        }
        *latest = n->last_ns >= latest->last_ns ? *n : *latest;
        drop_head(a, p);
    }
    a->thinned = a->thinned && a->head;
    return exact;
}

/* The ACK was there before, and comes again for what was sent in vain. */
static void take_vain(struct ackrtt *a, uint64_t now_ns, struct ackrtt_found *found)
{
    found->is_any = now_ns >= a->vain_ns;
    found->any_ns = found->is_any ? now_ns - a->vain_ns : 0;
    found->answer = found->is_any ? ACKRTT_AMBIGUOUS : ACKRTT_BACKWARDS;
    a->vain_ns = 0;
}

void ackrtt_receive(struct ackrtt *a, struct ackrtt_pool *p, const struct dissect_segment *s,
                    uint64_t now_ns, struct ackrtt_found *found)
{
    struct ackrtt_node ending = { 0 };
    struct ackrtt_node latest = { 0 };
    *found = (struct ackrtt_found){ .answer = ACKRTT_NONE };
    if (a->vain_ns && s->ack == a->acked)
        take_vain(a, now_ns, found);
    if ((a->answered && !after(s->ack, a->acked)) || (a->begun && is_far(s->ack, a->next)))
        return;
    a->acked = s->ack;
    a->answered = true;
    a->vain_ns = 0;
    bool exact = take_covered(a, p, s->ack, &ending, &latest);
    if (a->begun && after(s->ack, a->next)) {
        found->answer = ACKRTT_GAP;
    } else if (exact) {
        judge(&ending, &latest, s, now_ns, found);
    }
}
