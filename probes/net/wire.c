#include "probes/net/wire.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/octet.h"

enum {
    WIRE_SNAP_BYTES = 256, /* headers and the base packet; what follows it is not looked at */
    WIRE_BUFFER_BYTES = 8 << 20,
    WIRE_TIMEOUT_MS = 50,
    WIRE_FILTER_BYTES = 4096,
    WIRE_LOOKS = 5,
    /* Where the sender's sequence stands in an answer. SOURCE: stamp.h. */
    WIRE_ASKED_AT = 24,
    WIRE_ASKED_AT_AUTHENTICATED = 48,
};

/* The address that packets to the peer leave from. */
static int local_of(const union peer_sockaddr *peer, union peer_sockaddr *local, struct err *e)
{
    AUTO_CLOSE int fd = socket(peer->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof *local;
    *local = (union peer_sockaddr){ 0 };
    if (fd < 0 || connect(fd, &peer->any, peer_sockaddr_size(peer)) ||
        getsockname(fd, &local->any, &size))
        return err_set(e, err_kind_of(errno), errno, "find the interface to the peer");
    return 0;
}

static bool same_host(const struct sockaddr *a, const union peer_sockaddr *b)
{
    union peer_sockaddr x = { 0 };
    if (!a || a->sa_family != b->any.sa_family)
        return false;
    memcpy(&x, a, a->sa_family == AF_INET6 ? sizeof x.v6 : sizeof x.v4);
    if (a->sa_family == AF_INET6)
        x.v6.sin6_port = b->v6.sin6_port;
    else
        x.v4.sin_port = b->v4.sin_port;
    return peer_same(&x, b);
}

/* The one that has the local address; the loopback when the peer is this host itself. */
static int find_interface(const union peer_sockaddr *peer, char *name, struct err *e)
{
    union peer_sockaddr local;
    struct ifaddrs *all = NULL;
    if (local_of(peer, &local, e))
        return -1;
    if (getifaddrs(&all))
        return err_set(e, ERR_IO, errno, "list the interfaces");
    (void)snprintf(name, WIRE_NAME_BYTES, "%s", same_host(&peer->any, &local) ? "lo" : "");
    for (const struct ifaddrs *i = all; i && !*name; i = i->ifa_next) {
        if (same_host(i->ifa_addr, &local))
            (void)snprintf(name, WIRE_NAME_BYTES, "%s", i->ifa_name);
    }
    freeifaddrs(all);
    return *name
               ? 0
               : err_set(e, ERR_UNSUPPORTED, 0, "no interface has the address packets leave from");
}

/* UDP of our peers' ports; each port once. */
static void write_filter(const struct fleet *f, char *text)
{
    uint16_t seen[64];
    unsigned count = 0;
    int used = snprintf(text, WIRE_FILTER_BYTES, "udp and (");
    for (unsigned i = 0; i < f->count && count < sizeof seen / sizeof seen[0]; i++) {
        uint16_t port = peer_sockaddr_port(&f->members[i].at);
        bool known = false;
        for (unsigned k = 0; k < count; k++)
            known = known || seen[k] == port;
        if (known)
            continue;
        used += snprintf(text + used, WIRE_FILTER_BYTES - (size_t)used, "%sport %u",
                         count ? " or " : "", port);
        seen[count++] = port;
    }
    (void)snprintf(text + used, WIRE_FILTER_BYTES - (size_t)used, ")");
}

static int refuse(struct wire *w, int code, struct err *e)
{
    bool denied = code == PCAP_ERROR_PERM_DENIED;
    const char *why = *pcap_geterr(w->handle) ? pcap_geterr(w->handle) : pcap_statustostr(code);
    return err_set(e, denied ? ERR_DENIED : ERR_UNSUPPORTED, 0, "capture on %s: %s%s", w->interface,
                   why, denied ? "; run as root or give it CAP_NET_RAW" : "");
}

static int set_filter(struct wire *w, struct err *e)
{
    char text[WIRE_FILTER_BYTES];
    struct bpf_program program;
    write_filter(w->fleet, text);
    if (pcap_compile(w->handle, &program, text, 1, PCAP_NETMASK_UNKNOWN))
        return refuse(w, PCAP_ERROR, e);
    int code = pcap_setfilter(w->handle, &program);
    pcap_freecode(&program);
    return code ? refuse(w, code, e) : 0;
}

static int activate(struct wire *w, struct err *e)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    w->handle = pcap_create(w->interface, why);
    if (!w->handle)
        return err_set(e, ERR_UNSUPPORTED, 0, "capture on %s: %s", w->interface, why);
    (void)pcap_set_snaplen(w->handle, WIRE_SNAP_BYTES);
    (void)pcap_set_buffer_size(w->handle, WIRE_BUFFER_BYTES);
    (void)pcap_set_timeout(w->handle, WIRE_TIMEOUT_MS);
    if (pcap_set_tstamp_precision(w->handle, PCAP_TSTAMP_PRECISION_NANO))
        return err_set(e, ERR_UNSUPPORTED, 0, "capture on %s: it has no nanoseconds", w->interface);
    int code = pcap_activate(w->handle);
    if (code < 0)
        return refuse(w, code, e);
    w->link = sighting_link_of(pcap_datalink(w->handle));
    if (w->link == SIGHTING_UNKNOWN)
        return err_set(e, ERR_UNSUPPORTED, 0, "capture on %s: its frames are of kind %d",
                       w->interface, pcap_datalink(w->handle));
    if (pcap_setnonblock(w->handle, 1, why))
        return err_set(e, ERR_UNSUPPORTED, 0, "capture on %s: %s", w->interface, why);
    return set_filter(w, e);
}

/* The packet's session, by its other end. */
static int member_of(const struct wire *w, const union peer_sockaddr *at, const struct sighting *s)
{
    return fleet_find(w->fleet, at, s->bytes, s->size);
}

static void take_sent(struct wire *w, int member, uint64_t wire_ns, const struct sighting *s)
{
    uint64_t kernel_ns;
    uint32_t sequence = (uint32_t)octet_get(s->bytes, 4);
    w->counts.seen++;
    if (session_sent_at(&w->fleet->members[member].session, sequence, &kernel_ns))
        w->sink.sent(w->sink.arg, (unsigned)member, (int64_t)(wire_ns - kernel_ns));
    else
        w->counts.unmatched++;
}

static void take_received(struct wire *w, int member, uint64_t wire_ns, const struct sighting *s)
{
    uint64_t kernel_ns;
    size_t at = w->fleet->terms.key ? WIRE_ASKED_AT_AUTHENTICATED : WIRE_ASKED_AT;
    if (s->size < at + 4)
        return;
    uint32_t sequence = (uint32_t)octet_get(s->bytes + at, 4);
    w->counts.seen++;
    if (session_taken_at(&w->fleet->members[member].session, sequence, &kernel_ns))
        w->sink.received(w->sink.arg, (unsigned)member, (int64_t)(wire_ns - kernel_ns));
    else
        w->counts.unmatched++;
}

static void take(u_char *arg, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct wire *w = (struct wire *)(void *)arg;
    struct sighting s;
    /* In nanoseconds, as it was asked for. */
    uint64_t wire_ns = (uint64_t)header->ts.tv_sec * CLK_NS_PER_S + (uint64_t)header->ts.tv_usec;
    if (!sighting_read(w->link, bytes, header->caplen, &s))
        return;
    int sent_to = member_of(w, &s.to, &s);
    int came_from = sent_to == ROSTER_NONE ? member_of(w, &s.from, &s) : ROSTER_NONE;
    if (sent_to != ROSTER_NONE)
        take_sent(w, sent_to, wire_ns, &s);
    else if (came_from != ROSTER_NONE)
        take_received(w, came_from, wire_ns, &s);
}

static void ready(void *arg)
{
    struct wire *w = arg;
    (void)pcap_dispatch(w->handle, -1, take, (u_char *)w);
}

int wire_open(struct wire *w, struct fleet *f, const struct wire_sink *sink, struct err *e)
{
    *w = (struct wire){ .fleet = f, .sink = *sink };
    if (f->count == 0)
        return err_set(e, ERR_UNSUPPORTED, 0, "no peer answers");
    if (find_interface(&f->members[0].at, w->interface, e) || activate(w, e)) {
        wire_release(w);
        return -1;
    }
    f->watch = (struct fleet_watch){ pcap_get_selectable_fd(w->handle), ready, w };
    return 0;
}

void wire_release(struct wire *w)
{
    if (w->handle)
        pcap_close(w->handle);
    w->handle = NULL;
}

void wire_finish(struct wire *w, const volatile sig_atomic_t *stop)
{
    struct pcap_stat stat;
    struct pollfd p = { .fd = pcap_get_selectable_fd(w->handle), .events = POLLIN };
    for (int look = 0; look < WIRE_LOOKS && !*stop; look++) {
        if (poll(&p, 1, WIRE_TIMEOUT_MS) > 0)
            ready(w);
    }
    if (pcap_stats(w->handle, &stat) == 0)
        w->counts.dropped = stat.ps_drop;
}
