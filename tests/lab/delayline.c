/*
 * Two namespaces joined by a line whose faults are known: packets go in at a TUN device on one side
 * and come out at that of the other when the rules of their direction say so (impair.h). delayline
 * SEED LOG NETNS-A DEV-A NETNS-B DEV-B up RULE... down RULE... Up is from A to B. The devices exist
 * until SIGTERM, on which LOG is written, a line an event: packet DIRECTION SIZE IN DUE OUT FATE
 * PAYLOAD   what was done: ns since 1970, OUT 0 when lost; a duplicate has a line of its own tap
 * END WAY SIZE TIME PAYLOAD                   the kernel's own stamp of a packet that left or
 *                                                     reached the host at that end
 * PAYLOAD is the head of the UDP payload, in hex; "-" when there is none. The line's own wake-ups
 * are in IN and OUT and not in TIME: a packet is on the wire from the tap out of one end to the tap
 * into the other. Only IP unicast passes. Real time priority where it is allowed, and never a spin:
 * a spinner of that priority is stopped for 50 ms each second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lab/impair.h"

enum {
    LINE_PACKET_BYTES = 9216,
    LINE_HEAD_BYTES = 56, /* of the payload: a sequence number is among them in every mode */
    LINE_UNDERWAY = 4096,
    LINE_EVENTS = 1 << 18,
    LINE_TAP_BATCH = 32, /* taken at a look: their stamps do not age */
    LINE_TAP_ROOM = 16 << 20,
    LINE_PRIORITY = 50,
    LINE_PREFIX = 6, /* words before the rules */
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    UDP_BYTES = 8,
};

struct line_event {
    char kind;    /* 'p' or 't' */
    uint8_t from; /* which end */
    bool inward;  /* of a tap */
    const char *what;
    uint16_t size;
    uint8_t head_size;
    uint8_t head[LINE_HEAD_BYTES];
    uint64_t in_ns, due_ns, out_ns;
};

struct line_packet {
    uint64_t due_ns; /* CLOCK_MONOTONIC */
    uint64_t order;  /* among those due at the same time */
    uint32_t event;
    uint16_t size;
    uint8_t to;
    uint8_t bytes[LINE_PACKET_BYTES];
};

struct line_end {
    int tun, tap;
    struct impair impair; /* of what goes in here */
};

struct line {
    struct line_end ends[2];
    struct line_packet *pool;
    uint32_t heap[LINE_UNDERWAY]; /* of places in the pool, the first due on top */
    uint32_t spare[LINE_UNDERWAY];
    uint32_t underway, spares;
    uint64_t order;
    struct line_event *events;
    uint32_t event_count;
};

static volatile sig_atomic_t line_stopping;

static void line_stop(int number)
{
    (void)number;
    line_stopping = 1;
}

static int line_fail(const char *what)
{
    (void)fprintf(stderr, "delayline: %s: %s\n", what, strerrordesc_np(errno));
    return -1;
}

static bool line_before(const struct line *l, uint32_t a, uint32_t b)
{
    const struct line_packet *p = &l->pool[a];
    const struct line_packet *q = &l->pool[b];
    return p->due_ns != q->due_ns ? p->due_ns < q->due_ns : p->order < q->order;
}

static void line_swap(struct line *l, uint32_t a, uint32_t b)
{
    uint32_t kept = l->heap[a];
    l->heap[a] = l->heap[b];
    l->heap[b] = kept;
}

static void line_push(struct line *l, uint32_t place)
{
    uint32_t at = l->underway++;
    l->heap[at] = place;
    for (; at && line_before(l, l->heap[at], l->heap[(at - 1) / 2]); at = (at - 1) / 2)
        line_swap(l, at, (at - 1) / 2);
}

static uint32_t line_pop(struct line *l)
{
    uint32_t top = l->heap[0];
    l->heap[0] = l->heap[--l->underway];
    for (uint32_t at = 0, next = 1; next < l->underway; at = next, next = 2 * at + 1) {
        if (next + 1 < l->underway && line_before(l, l->heap[next + 1], l->heap[next]))
            next++;
        if (!line_before(l, l->heap[next], l->heap[at]))
            break;
        line_swap(l, at, next);
    }
    return top;
}

/* Where the UDP payload begins; 0 when it is not UDP. */
static size_t line_payload(const uint8_t *p, size_t size)
{
    size_t at = 0;
    if (size >= IPV4_BYTES && p[0] >> 4 == 4 && p[9] == IPPROTO_UDP && !(p[6] & 0x1f) && !p[7])
        at = (size_t)(p[0] & 0x0f) * 4 + UDP_BYTES;
    if (size >= IPV6_BYTES && p[0] >> 4 == 6 && p[6] == IPPROTO_UDP)
        at = IPV6_BYTES + UDP_BYTES;
    return at < size ? at : 0;
}

static bool line_is_unicast(const uint8_t *p, size_t size)
{
    if (size >= IPV4_BYTES && p[0] >> 4 == 4)
        return p[16] < 224;
    return size >= IPV6_BYTES && p[0] >> 4 == 6 && p[24] != 0xff;
}

/* The next event, with the packet's head; NULL when there is room for no more. */
static struct line_event *line_note(struct line *l, char kind, unsigned from, const uint8_t *packet,
                                    size_t size)
{
    if (l->event_count == LINE_EVENTS)
        return NULL;
    struct line_event *e = &l->events[l->event_count++];
    *e = (struct line_event){ .kind = kind, .from = (uint8_t)from, .size = (uint16_t)size };
    size_t at = line_payload(packet, size);
    if (at) {
        size_t head = size - at < LINE_HEAD_BYTES ? size - at : LINE_HEAD_BYTES;
        e->head_size = (uint8_t)head;
        memcpy(e->head, packet + at, head);
    }
    return e;
}

/* One copy of a packet, to be written when it is due, or not at all. */
static void line_take(struct line *l, unsigned from, const struct line_packet *packet,
                      const struct impair_verdict *v, const char *what)
{
    uint64_t now_ns = clk_now_ns();
    struct line_event *e = line_note(l, 'p', from, packet->bytes, packet->size);
    if (!e)
        return;
    e->in_ns = clk_realtime_ns();
    e->due_ns = e->in_ns + v->due_ns - now_ns;
    e->what = l->spares || v->fate > IMPAIR_HELD ? what : "full";
    if (v->fate > IMPAIR_HELD || !l->spares)
        return;
    uint32_t place = l->spare[--l->spares];
    struct line_packet *p = &l->pool[place];
    memcpy(p->bytes, packet->bytes, packet->size);
    p->size = packet->size;
    p->due_ns = v->due_ns;
    p->order = l->order++;
    p->event = l->event_count - 1;
    p->to = (uint8_t)!from;
    line_push(l, place);
}

static void line_read(struct line *l, unsigned from, struct line_packet *packet)
{
    static const char *const fates[] = { [IMPAIR_PASSED] = "passed",
                                         [IMPAIR_HELD] = "held",
                                         [IMPAIR_LOST] = "lost",
                                         [IMPAIR_BURST] = "burst",
                                         [IMPAIR_DARK] = "dark" };
    for (;;) {
        ssize_t n = read(l->ends[from].tun, packet->bytes, sizeof packet->bytes);
        if (n <= 0)
            return;
        packet->size = (uint16_t)n;
        if (!line_is_unicast(packet->bytes, packet->size))
            continue;
        struct impair_verdict v = impair_judge(&l->ends[from].impair, clk_now_ns());
        line_take(l, from, packet, &v, fates[v.fate]);
        if (v.twice)
            line_take(l, from, packet, &v, "duplicate");
    }
}

static void line_write_due(struct line *l)
{
    while (l->underway && l->pool[l->heap[0]].due_ns <= clk_now_ns()) {
        uint32_t place = line_pop(l);
        struct line_packet *p = &l->pool[place];
        l->events[p->event].out_ns = clk_realtime_ns();
        if (write(l->ends[p->to].tun, p->bytes, p->size) < 0)
            l->events[p->event].what = "unwritten";
        l->spare[l->spares++] = place;
    }
}

/* One packet that the kernel showed; false when there is none. */
static bool line_tap(struct line *l, unsigned end)
{
    uint8_t bytes[LINE_PACKET_BYTES];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct sockaddr_ll from = { 0 };
    struct iovec iov = { bytes, sizeof bytes };
    struct msghdr m = { .msg_name = &from,
                        .msg_namelen = sizeof from,
                        .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = sizeof control };
    ssize_t n = recvmsg(l->ends[end].tap, &m, MSG_DONTWAIT);
    if (n < 0)
        return false;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (!c || c->cmsg_type != SCM_TIMESTAMPNS || !line_is_unicast(bytes, (size_t)n))
        return true;
    struct line_event *e = line_note(l, 't', end, bytes, (size_t)n);
    if (!e)
        return true;
    struct timespec t;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    e->in_ns = clk_of_timespec(t);
    e->inward = from.sll_pkttype != PACKET_OUTGOING;
    return true;
}

static void line_run(struct line *l)
{
    static struct line_packet packet;
    while (!line_stopping && l->event_count < LINE_EVENTS) {
        struct pollfd fds[2] = {
            {.fd = l->ends[0].tun,  .events = POLLIN},
            { .fd = l->ends[1].tun, .events = POLLIN}
        };
        uint64_t now_ns = clk_now_ns();
        uint64_t due_ns = l->underway ? l->pool[l->heap[0]].due_ns : now_ns + CLK_NS_PER_S / 10;
        struct timespec t = clk_timespec(due_ns > now_ns ? due_ns - now_ns : 0);
        (void)ppoll(fds, 2, &t, NULL);
        for (unsigned i = 0; i < 2; i++) {
            line_write_due(l);
            line_read(l, i, &packet);
        }
        line_write_due(l);
        for (unsigned i = 0; i < 2; i++) {
            for (int n = 0; n < LINE_TAP_BATCH && line_tap(l, i); n++)
                ;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        while (line_tap(l, i))
            ;
    }
}

static void line_tell_head(FILE *out, const struct line_event *e)
{
    for (unsigned i = 0; i < e->head_size; i++)
        (void)fprintf(out, "%02x", e->head[i]);
    (void)fputs(e->head_size ? "\n" : "-\n", out);
}

static int line_tell(const struct line *l, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return line_fail(path);
    for (uint32_t i = 0; i < l->event_count; i++) {
        const struct line_event *e = &l->events[i];
        if (e->kind == 't')
            (void)fprintf(out, "tap %c %s %u %" PRIu64 " ", "ab"[e->from],
                          e -> inward ? "in" : "out", e->size, e->in_ns);
        else
            (void)fprintf(out, "packet %s %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %s ",
                          e->from ? "down" : "up", e->size, e->in_ns, e->due_ns, e->out_ns,
                          e->what);
        line_tell_head(out, e);
    }
    if (l->event_count == LINE_EVENTS)
        (void)fputs("full\n", out);
    return fclose(out) ? line_fail(path) : 0;
}

/* Both sockets of an end; the calling thread stays in that namespace. */
static int line_open(struct line_end *end, const char *netns, const char *device)
{
    static const int room = LINE_TAP_ROOM;
    static const int on = 1;
    char path[256];
    struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    (void)snprintf(path, sizeof path, "/run/netns/%s", netns);
    (void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", device);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET))
        return line_fail(path);
    (void)close(fd);
    end->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (end->tun < 0 || ioctl(end->tun, TUNSETIFF, &r))
        return line_fail("/dev/net/tun");
    end->tap = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    if (end->tap < 0 || ioctl(end->tap, SIOCGIFINDEX, &r))
        return line_fail("open a packet socket");
    struct sockaddr_ll at = { .sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_ALL),
                              .sll_ifindex = r.ifr_ifindex };
    (void)setsockopt(end->tap, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (setsockopt(end->tap, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) ||
        bind(end->tap, (const struct sockaddr *)&at, sizeof at))
        return line_fail("bind a packet socket");
    return 0;
}

/* "up RULE... down RULE..." */
static int line_rules(struct line *l, char **words)
{
    struct line_end *end = NULL;
    for (; *words; words++) {
        if (!strcmp(*words, "up") || !strcmp(*words, "down")) {
            end = &l->ends[**words == 'd'];
        } else if (!end || impair_rule(&end->impair, *words)) {
            (void)fprintf(stderr, "delayline: no rule: %s\n", *words);
            return -1;
        }
    }
    return 0;
}

static int line_make(struct line *l, char **words)
{
    uint64_t seed = strtoull(words[0], NULL, 10);
    l->pool = calloc(LINE_UNDERWAY, sizeof *l->pool);
    l->events = calloc(LINE_EVENTS, sizeof *l->events);
    if (!l->pool || !l->events)
        return line_fail("memory");
    for (uint32_t i = 0; i < LINE_UNDERWAY; i++)
        l->spare[l->spares++] = i;
    for (unsigned i = 0; i < 2; i++) {
        prng_init_named(&l->ends[i].impair.prng, seed, i ? "down" : "up");
        if (line_open(&l->ends[i], words[2 + 2 * i], words[3 + 2 * i]))
            return -1;
    }
    return line_rules(l, words + LINE_PREFIX);
}

int main(int argc, char **argv)
{
    static struct line line;
    struct sched_param priority = { .sched_priority = LINE_PRIORITY };
    struct sigaction stop = { .sa_handler = line_stop };
    if (argc <= LINE_PREFIX) {
        (void)fputs("usage: delayline SEED LOG NETNS-A DEV-A NETNS-B DEV-B up RULE... down "
                    "RULE...\n",
                    stderr);
        return 3;
    }
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    if (line_make(&line, argv + 1))
        return 3;
    (void)mlockall(MCL_CURRENT);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (sched_setscheduler(0, SCHED_FIFO, &priority))
        (void)line_fail("no real time priority");
    (void)fputs("delayline: ready\n", stderr);
    line_run(&line);
    return line_tell(&line, argv[2]) ? 1 : 0;
}
