#include "probes/net/greet.h"

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    GREET_REFUSALS = 3, /* one may be a reflector that was just restarted */
    GREET_ROUNDS = 3,   /* a preferred address may be so much slower than another */
};

#define GREET_INTERVAL_NS (100 * (uint64_t)CLK_NS_PER_MS)

/* Members from `first` on are the addresses of one peer. */
static bool is_done(const struct fleet *f, unsigned first, unsigned count)
{
    unsigned given_up = 0;
    bool answered = false;
    for (unsigned i = first; i < first + count; i++) {
        const struct fleet_member *m = &f->members[i];
        bool one = session_answered(&m->session) > 0;
        if (one && (i == first || m->session.counts.sent >= GREET_ROUNDS))
            answered = true;
        given_up += !one && m->counts.refused >= GREET_REFUSALS;
    }
    return answered || given_up == count;
}

static bool all_done(const struct fleet *f, const struct greet_peer *peers, unsigned count)
{
    unsigned first = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!is_done(f, first, peers[i].all.count) && peers[i].all.count)
            return false;
        first += peers[i].all.count;
    }
    return true;
}

/* Why no answer came, and what to do. */
static void tell_silence(const struct fleet *f, const struct fleet_member *m, uint64_t waited_ns,
                         struct err *e)
{
    char name[PEER_NAME_BYTES];
    char other[PEER_NAME_BYTES];
    unsigned port = peer_sockaddr_port(&m->at);
    (void)peer_name(&m->at, name);
    if (m->session.counts.received[SESSION_FORGED])
        (void)err_set(e, ERR_PEER, 0,
                      "the answers of %s are not made with our key; give both ends the same "
                      "--key-file",
                      name);
    else if (f->foreign)
        (void)err_set(e, ERR_PEER, 0,
                      "answers to packets for %s came from %s and were ignored; name the address "
                      "that the reflector answers from",
                      name, peer_name(&f->last_foreign, other));
    else if (m->counts.refused)
        (void)err_set(e, ERR_PEER, 0,
                      "%s refuses: no one listens at that port; run 'plimsoll reflect' there and "
                      "open UDP %u",
                      name, port);
    else if (m->counts.last_errno)
        (void)err_set(e, ERR_PEER, m->counts.last_errno,
                      "%s cannot be reached; check the address, the route and the firewall", name);
    else
        (void)err_set(e, ERR_PEER, 0,
                      "nothing answered at %s within %.0f s; is 'plimsoll reflect' running there, "
                      "UDP %u open and --key-file the same?",
                      name, (double)waited_ns / CLK_NS_PER_S, port);
}

static void choose(const struct fleet *f, unsigned first, struct greet_peer *p, uint64_t waited_ns)
{
    for (unsigned i = first; i < first + p->all.count && !p->answered; i++) {
        const struct fleet_member *m = &f->members[i];
        p->answered = session_answered(&m->session) > 0;
        p->at = m->at;
        p->stateful = m->session.stateful;
    }
    if (!p->answered && p->all.count)
        tell_silence(f, &f->members[first], waited_ns, &p->e);
}

static int add_all(struct fleet *f, const struct greet_peer *peers, unsigned count, bool ptp,
                   struct err *e)
{
    struct session_terms terms = { .first = GREET_FIRST, .ptp = ptp };
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < peers[i].all.count; k++) {
            terms.ssid = (uint16_t)(1 + f->count);
            terms.tmax_ns = GREET_PACKETS * GREET_INTERVAL_NS;
            if (fleet_add(f, &peers[i].all.items[k], &terms, e))
                return -1;
        }
    }
    return 0;
}

static int ask(struct fleet *f, struct greet_peer *peers, unsigned count, uint64_t wait_ns,
               const volatile sig_atomic_t *stop)
{
    uint64_t end_ns = clk_now_ns() + wait_ns;
    while (clk_now_ns() < end_ns && !*stop && !all_done(f, peers, count))
        fleet_run(f, clk_now_ns() + GREET_INTERVAL_NS, stop);
    unsigned first = 0;
    for (unsigned i = 0; i < count; i++) {
        choose(f, first, &peers[i], wait_ns);
        first += peers[i].all.count;
    }
    return *stop ? -1 : 0;
}

int greet_all(struct greet_peer *peers, unsigned count, const struct greet_terms *terms,
              const volatile sig_atomic_t *stop, struct err *e)
{
    AUTO(fleet) struct fleet f = FLEET_CLOSED;
    struct fleet_terms fleet = {
        .interval_ns = GREET_INTERVAL_NS, .wish = terms->wish, .key = terms->key, .tos = terms->tos
    };
    for (unsigned i = 0; i < count; i++)
        fleet.room += peers[i].all.count;
    if (fleet_open(&f, &fleet, e) || add_all(&f, peers, count, terms->ptp, e))
        return -1;
    if (ask(&f, peers, count, terms->wait_ns, stop))
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted before the peer answered");
    return 0;
}
