#include "probes/net/road.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/net/moment.h"
#include "probes/net/stamping.h"

enum {
    ROAD_TTL = 255, /* RFC 4656 4.1.2; so that the reflector's TTL field tells the hops */
    ROAD_CONTROL_BYTES = 256,
    ROAD_SOCKET_BYTES = 4 << 20, /* a second of 10,000 packets; the kernel caps it */
    ROAD_LOOKS = 16,             /* batches taken at a look */
};

struct road_pending {
    bool is_set;
    uint32_t number;
    uint64_t tag;
};

struct road_batch {
    struct mmsghdr out[ROAD_BATCH], in[ROAD_TAKEN];
    struct iovec out_iov[ROAD_BATCH], in_iov[ROAD_TAKEN];
    union peer_sockaddr to[ROAD_BATCH], from[ROAD_TAKEN];
    uint64_t tags[ROAD_BATCH];
    _Alignas(struct cmsghdr) char control[ROAD_TAKEN][ROAD_CONTROL_BYTES];
    size_t each;     /* octets of a place in bytes */
    uint8_t bytes[]; /* ROAD_BATCH places for what goes, ROAD_TAKEN for what comes */
};

static void set_options(int fd, const struct road_terms *terms)
{
    static const int on = 1;
    static const int ttl = ROAD_TTL;
    static const int room = ROAD_SOCKET_BYTES;
    int tos = terms->tos;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (terms->family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
        (void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    }
}

int road_open(struct road *r, const struct road_terms *terms, const struct road_sink *sink,
              struct err *e)
{
    size_t each = terms->packet_bytes + 1; /* one more shows what is too long */
    *r = ROAD_CLOSED;
    r->terms = *terms;
    r->sink = *sink;
    r->batch = calloc(1, sizeof *r->batch + each * (ROAD_BATCH + ROAD_TAKEN));
    r->pending = calloc(ROAD_PENDING, sizeof *r->pending);
    if (!r->batch || !r->pending)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a batch of packets");
    r->batch->each = each;
    r->fd = socket(terms->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (r->fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open a UDP socket for IPv%d",
                       terms->family == AF_INET6 ? 6 : 4);
    set_options(r->fd, terms);
    r->stamped = stamping_start(r->fd);
    return 0;
}

void road_release(struct road *r)
{
    auto_close_fd(&r->fd);
    free(r->batch);
    free(r->pending);
    *r = ROAD_CLOSED;
}

uint8_t *road_room(struct road *r)
{
    return r->batch->bytes + r->filled * r->batch->each;
}

static struct road_pending *pending_of(struct road *r, uint32_t number)
{
    return &r->pending[number % ROAD_PENDING];
}

static void remember(struct road *r, uint64_t tag)
{
    *pending_of(r, r->number) =
        (struct road_pending){ .is_set = true, .number = r->number, .tag = tag };
    r->number++;
}

/* A send that failed may have taken a number or not: they begin again. */
static void renumber(struct road *r)
{
    if (!r->stamped)
        return;
    road_read_notes(r);
    stamping_restart(r->fd);
    r->number = 0;
}

/* Packet i again: the error may have been that of an earlier one, and is cleared by being told. */
static void send_again(struct road *r, unsigned i)
{
    struct road_batch *b = r->batch;
    renumber(r);
    if (sendmsg(r->fd, &b->out[i].msg_hdr, MSG_DONTWAIT) >= 0) {
        remember(r, b->tags[i]);
        return;
    }
    int code = errno;
    renumber(r);
    r->sink.unsent(r->sink.arg, b->tags[i], code);
}

void road_flush(struct road *r)
{
    struct road_batch *b = r->batch;
    for (unsigned i = 0; i < r->filled;) {
        int sent = sendmmsg(r->fd, b->out + i, r->filled - i, MSG_DONTWAIT);
        for (int k = 0; k < sent; k++)
            remember(r, b->tags[i++]);
        if (i < r->filled)
            send_again(r, i++);
    }
    r->filled = 0;
    road_read_notes(r);
}

void road_push(struct road *r, const union peer_sockaddr *to, size_t size, uint64_t tag)
{
    struct road_batch *b = r->batch;
    unsigned i = r->filled;
    b->to[i] = *to;
    b->tags[i] = tag;
    b->out_iov[i] = (struct iovec){ road_room(r), size };
    b->out[i].msg_hdr = (struct msghdr){ .msg_name = &b->to[i],
                                         .msg_namelen = peer_sockaddr_size(to),
                                         .msg_iov = &b->out_iov[i],
                                         .msg_iovlen = 1 };
    r->filled++;
    if (r->filled == ROAD_BATCH)
        road_flush(r);
}

/* Up to `most` messages into the batch; how many came. */
static unsigned receive(struct road *r, unsigned most, int flags)
{
    struct road_batch *b = r->batch;
    for (unsigned i = 0; i < most; i++) {
        b->in_iov[i] = (struct iovec){ b->bytes + (ROAD_BATCH + i) * b->each, b->each };
        b->in[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i],
                                            .msg_namelen = sizeof b->from[i],
                                            .msg_iov = &b->in_iov[i],
                                            .msg_iovlen = 1,
                                            .msg_control = b->control[i],
                                            .msg_controllen = ROAD_CONTROL_BYTES };
    }
    int came = recvmmsg(r->fd, b->in, most, flags | MSG_DONTWAIT, NULL);
    return came > 0 ? (unsigned)came : 0;
}

static void take_note(struct road *r, unsigned i)
{
    struct stamping_note note;
    stamping_read_note(&r->batch->in[i].msg_hdr, &note);
    if (!note.is_stamp) {
        if (note.error)
            r->sink.icmp(r->sink.arg, &r->batch->from[i], note.error);
        return;
    }
    const struct road_pending *p = pending_of(r, note.number);
    if (p->is_set && p->number == note.number)
        r->sink.stamp(r->sink.arg, p->tag, &note.stamp);
}

/* Empties the queue, or it would wake us for ever. */
void road_read_notes(struct road *r)
{
    unsigned most = r->terms.senders < ROAD_TAKEN ? r->terms.senders : ROAD_TAKEN;
    unsigned came = most;
    for (int look = 0; look < ROAD_LOOKS * ROAD_TAKEN && came == most; look++) {
        came = receive(r, most, MSG_ERRQUEUE);
        for (unsigned i = 0; i < came; i++)
            take_note(r, i);
    }
}

bool road_take(struct road *r)
{
    struct road_batch *b = r->batch;
    unsigned most = r->terms.senders < ROAD_TAKEN ? r->terms.senders : ROAD_TAKEN;
    for (int look = 0; look < ROAD_LOOKS; look++) {
        unsigned came = receive(r, most, 0);
        struct session_time read = moment_now();
        for (unsigned i = 0; i < came; i++) {
            struct road_packet p = { .from = &b->from[i],
                                     .bytes = b->in_iov[i].iov_base,
                                     .size = b->in[i].msg_len,
                                     .came.read = read };
            stamping_read(&b->in[i].msg_hdr, &p.came.stamp);
            r->sink.packet(r->sink.arg, &p);
        }
        if (came < most)
            return true;
    }
    return false;
}
