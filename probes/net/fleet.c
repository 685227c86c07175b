#include "probes/net/fleet.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/net/moment.h"
#include "probes/net/octet.h"
#include "probes/net/sync.h"

enum {
    /* Groups are no closer: below it a wake-up for each costs more than the packets. */
    FLEET_TICK_NS = 2 * CLK_NS_PER_MS,
    /* The flag is looked at so often: a signal may come between the look and the wait. */
    FLEET_WAIT_NS = 100 * CLK_NS_PER_MS,
    /* All sessions are looked at for what is lost no more often than this. */
    FLEET_SETTLE_NS = 5 * CLK_NS_PER_MS,
    /* Of the SSID in an answer. SOURCE: stamp.h. */
    FLEET_SSID_AT = 14,
    FLEET_SSID_AT_AUTHENTICATED = 26,
};

int fleet_open(struct fleet *f, const struct fleet_terms *terms, struct err *e)
{
    *f = FLEET_CLOSED;
    f->terms = *terms;
    f->members = calloc(terms->room, sizeof *f->members);
    if (!f->members)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u peers", terms->room);
    return roster_open(&f->roster, terms->room, e);
}

void fleet_release(struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++)
        session_release(&f->members[i].session);
    for (unsigned i = 0; i < FLEET_ROADS; i++)
        road_release(&f->roads[i]);
    roster_release(&f->roster);
    free(f->members);
    *f = FLEET_CLOSED;
}

static uint16_t ssid_in(const struct fleet *f, const uint8_t *bytes, size_t size)
{
    size_t at = f->terms.key ? FLEET_SSID_AT_AUTHENTICATED : FLEET_SSID_AT;
    return size >= at + 2 ? (uint16_t)octet_get(bytes + at, 2) : 0;
}

int fleet_find(const struct fleet *f, const union peer_sockaddr *at, const uint8_t *bytes,
               size_t size)
{
    int64_t place = ROSTER_NONE;
    uint16_t ssid = ssid_in(f, bytes, size);
    for (int i; (i = roster_next(&f->roster, at, &place)) != ROSTER_NONE;) {
        if (f->members[i].session.terms.ssid == ssid)
            return i;
    }
    return ROSTER_NONE;
}

/* The member with that address and SSID, else the first with the address: it says what is wrong. */
static struct fleet_member *member_of(const struct fleet *f, const struct road_packet *p)
{
    int64_t place = ROSTER_NONE;
    int exact = fleet_find(f, p->from, p->bytes, p->size);
    int any = exact == ROSTER_NONE ? roster_next(&f->roster, p->from, &place) : exact;
    return any == ROSTER_NONE ? NULL : &f->members[any];
}

static void take_packet(void *arg, const struct road_packet *p)
{
    struct fleet *f = arg;
    struct fleet_member *m = member_of(f, p);
    if (!m) {
        f->foreign++;
        f->last_foreign = *p->from;
        return;
    }
    (void)session_receive(&m->session, p->bytes, p->size, &p->came);
}

/* A tag is the member and the sequence. */
static uint64_t tag_of(unsigned member, uint32_t sequence)
{
    return (uint64_t)member << 32 | sequence;
}

static void take_stamp(void *arg, uint64_t tag, const struct session_stamp *stamp)
{
    const struct fleet *f = arg;
    session_stamped(&f->members[tag >> 32].session, (uint32_t)tag, stamp);
}

static void take_unsent(void *arg, uint64_t tag, int code)
{
    const struct fleet *f = arg;
    struct fleet_counts *c = &f->members[tag >> 32].counts;
    c->unsent++;
    c->last_errno = code;
}

static void take_icmp(void *arg, const union peer_sockaddr *to, int code)
{
    const struct fleet *f = arg;
    int64_t place = ROSTER_NONE;
    for (int i; (i = roster_next(&f->roster, to, &place)) != ROSTER_NONE;) {
        struct fleet_counts *c = &f->members[i].counts;
        c->last_errno = code;
        c->refused += code == ECONNREFUSED;
        c->icmp += code != ECONNREFUSED;
    }
}

static struct road *road_of(struct fleet *f, const union peer_sockaddr *at)
{
    return &f->roads[at->any.sa_family == AF_INET6];
}

static int open_road(struct fleet *f, const union peer_sockaddr *at, struct err *e)
{
    struct road *r = road_of(f, at);
    struct road_sink sink = { take_packet, take_stamp, take_unsent, take_icmp, f };
    struct road_terms terms = {
        .family = at->any.sa_family,
        .packet_bytes = tlv_request_bytes(&f->terms.wish, f->terms.key != NULL),
        .senders = f->terms.room,
        .tos = f->terms.tos,
    };
    return r->fd >= 0 ? 0 : road_open(r, &terms, &sink, e);
}

static unsigned groups_of(const struct fleet *f)
{
    uint64_t most = f->terms.interval_ns / FLEET_TICK_NS;
    if (most == 0)
        return 1;
    return f->count < most ? f->count : (unsigned)most;
}

int fleet_add(struct fleet *f, const union peer_sockaddr *at, const struct session_terms *terms,
              struct err *e)
{
    struct session_terms own = *terms;
    if (f->count == f->terms.room)
        return err_set(e, ERR_USAGE, 0, "no room for more than %u peers", f->terms.room);
    struct fleet_member *m = &f->members[f->count];
    if (open_road(f, at, e))
        return -1;
    own.interval_ns = f->terms.interval_ns;
    own.key = f->terms.key;
    own.wish = f->terms.wish;
    own.stamped = road_of(f, at)->stamped;
    *m = (struct fleet_member){ .at = *at };
    if (session_open(&m->session, &own, e))
        return -1;
    roster_add(&f->roster, at, (int)f->count++);
    f->groups = groups_of(f);
    return 0;
}

static void read_notes(struct fleet *f)
{
    for (unsigned i = 0; i < FLEET_ROADS; i++) {
        if (f->roads[i].fd >= 0)
            road_read_notes(&f->roads[i]);
    }
}

static void take_all(struct fleet *f)
{
    f->behind = false;
    read_notes(f);
    for (unsigned i = 0; i < FLEET_ROADS; i++) {
        if (f->roads[i].fd >= 0 && !road_take(&f->roads[i]))
            f->behind = true;
    }
}

static void settle_all(struct fleet *f, uint64_t now_ns)
{
    if (f->behind || now_ns - f->settled_ns < FLEET_SETTLE_NS)
        return;
    f->settled_ns = now_ns;
    for (unsigned i = 0; i < f->count; i++)
        session_settle(&f->members[i].session, now_ns);
}

static void send_to(struct fleet *f, unsigned i, uint16_t error_estimate)
{
    struct fleet_member *m = &f->members[i];
    struct road *r = road_of(f, &m->at);
    uint32_t sequence = m->session.next;
    m->counts.taken++;
    if (session_send(&m->session, moment_now(), error_estimate, road_room(r)))
        return;
    road_push(r, &m->at, m->session.packet_bytes, tag_of(i, sequence));
}

static uint64_t due_ns(const struct fleet *f)
{
    uint64_t round = f->slot / f->groups;
    uint64_t group = f->slot % f->groups;
    return f->start_ns + round * f->terms.interval_ns + group * f->terms.interval_ns / f->groups;
}

/* The group whose slot it is; late by an interval it is passed over. */
static void take_slot(struct fleet *f, uint64_t late_ns, uint16_t error_estimate)
{
    unsigned group = (unsigned)(f->slot % f->groups);
    unsigned from = (unsigned)((uint64_t)group * f->count / f->groups);
    unsigned to = (unsigned)((uint64_t)(group + 1) * f->count / f->groups);
    bool is_missed = late_ns >= f->terms.interval_ns;
    for (unsigned i = from; i < to; i++) {
        if (is_missed) {
            f->members[i].counts.missed++;
            session_skip(&f->members[i].session, f->terms.interval_ns);
        } else {
            send_to(f, i, error_estimate);
        }
    }
    for (unsigned i = 0; i < FLEET_ROADS; i++) {
        if (f->roads[i].fd >= 0 && f->roads[i].filled)
            road_flush(&f->roads[i]);
    }
    if (!is_missed && late_ns > f->late_max_ns)
        f->late_max_ns = late_ns;
    f->slot++;
}

static void send_due(struct fleet *f, uint16_t error_estimate)
{
    uint64_t now_ns = clk_now_ns();
    for (uint64_t due = due_ns(f); due <= now_ns; due = due_ns(f)) {
        take_slot(f, now_ns - due, error_estimate);
        now_ns = clk_now_ns();
    }
}

/* Waits for something to come, and takes it. */
static void wait_until(struct fleet *f, uint64_t when_ns)
{
    struct pollfd p[FLEET_ROADS + 1];
    for (unsigned i = 0; i < FLEET_ROADS; i++)
        p[i] = (struct pollfd){ .fd = f->roads[i].fd, .events = POLLIN };
    p[FLEET_ROADS] = (struct pollfd){ .fd = f->watch.fd, .events = POLLIN };
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = when_ns > now_ns && !f->behind ? when_ns - now_ns : 0;
    struct timespec t = clk_timespec(left_ns < FLEET_WAIT_NS ? left_ns : FLEET_WAIT_NS);
    if (ppoll(p, FLEET_ROADS + 1, &t, NULL) <= 0)
        return;
    f->behind = false;
    for (unsigned i = 0; i < FLEET_ROADS; i++) {
        if (p[i].revents & POLLERR)
            road_read_notes(&f->roads[i]);
        if (p[i].revents & POLLIN && !road_take(&f->roads[i]))
            f->behind = true;
    }
    if (p[FLEET_ROADS].revents) {
        take_all(f); /* what the watch is about to tell of */
        f->watch.ready(f->watch.arg);
    }
}

static void skip_pause(struct fleet *f, uint64_t now_ns)
{
    for (unsigned i = 0; i < f->count && f->left_ns; i++)
        session_skip(&f->members[i].session, now_ns - f->left_ns);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void fleet_run(struct fleet *f, uint64_t until_ns, const volatile sig_atomic_t *stop)
{
    uint64_t now_ns = clk_now_ns();
    uint16_t error_estimate = sync_error_estimate();
    skip_pause(f, now_ns);
    take_all(f); /* what came meanwhile; the kernel stamped it */
    f->start_ns = now_ns;
    f->slot = 0;
    for (now_ns = clk_now_ns(); now_ns < until_ns && !*stop; now_ns = clk_now_ns()) {
        settle_all(f, now_ns);
        if (f->count)
            send_due(f, error_estimate);
        wait_until(f, f->count ? earlier(due_ns(f), until_ns) : until_ns);
    }
    take_all(f);
    f->settled_ns = 0;
    f->left_ns = clk_now_ns();
    settle_all(f, f->left_ns);
}

static bool has_unsettled(const struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (session_unsettled(&f->members[i].session))
            return true;
    }
    return false;
}

void fleet_drain(struct fleet *f, uint64_t until_ns, const volatile sig_atomic_t *stop)
{
    take_all(f);
    settle_all(f, clk_now_ns());
    while (has_unsettled(f) && clk_now_ns() < until_ns && !*stop) {
        wait_until(f, earlier(f->settled_ns + FLEET_SETTLE_NS, until_ns));
        settle_all(f, clk_now_ns());
    }
}
