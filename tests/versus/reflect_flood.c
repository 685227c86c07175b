/*
 * Floods a reflector and counts what it answers. Packets go out many to a call (UDP GSO), so that
 * the flood costs far less than the answers. At most WINDOW packets are on their way.
 * Usage: reflect_flood ADDRESS PORT SECONDS [BYTES [SOURCES [PID]]]
 *   SOURCES  sockets; on 127.0.0.1 each has an address of its own, 127.77.0.1 and up
 *   PID      of the reflector: its CPU time is printed too
 * Prints "ANSWERS/S answered of SENT/S sent, CPU % of one core, NS of CPU time an answer".
 */
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/kit/clk.h"
#include "probes/net/stamp.h"

enum {
    BURST = 32,
    WINDOW = 2048,
    SOURCES_MAX = 256,
    BYTES_MAX = 1400,
    LOST_MS = 20, /* a silence of so long: what was on its way is lost */
    FIRST_SOURCE = 0x7f4d0001,
};

struct flood {
    int fds[SOURCES_MAX];
    unsigned sources;
    size_t bytes;
    uint32_t sequence;
    uint64_t sent, answered, under_way;
    uint8_t burst[BURST * BYTES_MAX];
};

static int die(const char *what)
{
    perror(what);
    exit(3);
}

static int dial(const char *address, uint16_t port, unsigned source, size_t bytes)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in from = { .sin_family = AF_INET };
    int segment = (int)bytes;
    int room = 4 << 20;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
        die("address");
    if (ntohl(to.sin_addr.s_addr) >> 24 == 127)
        from.sin_addr.s_addr = htonl(FIRST_SOURCE + source);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) ||
        bind(fd, (struct sockaddr *)&from, sizeof from) ||
        connect(fd, (struct sockaddr *)&to, sizeof to))
        die("dial");
    return fd;
}

static void send_burst(struct flood *f, int fd)
{
    for (unsigned i = 0; i < BURST; i++) {
        struct stamp_request r = { .sequence = f->sequence++,
                                   .sent = stamp_ntp_of_ns(clk_realtime_ns()),
                                   .sent_error = 1 };
        uint8_t packet[STAMP_BYTES];
        stamp_put_request(&r, NULL, packet);
        memcpy(f->burst + i * f->bytes, packet, sizeof packet);
    }
    if (send(fd, f->burst, BURST * f->bytes, 0) > 0) {
        f->sent += BURST;
        f->under_way += BURST;
    }
}

static unsigned drain(struct flood *f, int fd)
{
    static uint8_t bytes[BURST][64];
    static struct iovec iov[BURST];
    static struct mmsghdr m[BURST];
    for (unsigned i = 0; i < BURST; i++) {
        iov[i] = (struct iovec){ bytes[i], sizeof bytes[i] };
        m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
    }
    int n = recvmmsg(fd, m, BURST, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return 0;
    f->answered += (unsigned)n;
    f->under_way -= f->under_way < (unsigned)n ? f->under_way : (unsigned)n;
    return (unsigned)n;
}

static uint64_t cpu_ns(int pid)
{
    char path[64];
    char text[512] = "";
    unsigned long user = 0;
    unsigned long sys = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = pid ? fopen(path, "r") : NULL;
    if (!file)
        return 0;
    char *end = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
    (void)fclose(file);
    if (end &&
        sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
        return 0;
    return (uint64_t)(user + sys) * CLK_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void flood(struct flood *f, uint64_t end_ns)
{
    uint64_t heard_ns = clk_now_ns();
    for (uint64_t now_ns = heard_ns; now_ns < end_ns; now_ns = clk_now_ns()) {
        unsigned came = 0;
        for (unsigned i = 0; i < f->sources; i++) {
            if (f->under_way + BURST <= WINDOW)
                send_burst(f, f->fds[i]);
            came += drain(f, f->fds[i]);
        }
        if (came)
            heard_ns = now_ns;
        else if (now_ns - heard_ns > LOST_MS * (uint64_t)CLK_NS_PER_MS)
            f->under_way = 0;
    }
}

int main(int argc, char **argv)
{
    static struct flood f;
    if (argc < 4)
        return 3;
    f.bytes = argc > 4 ? strtoul(argv[4], NULL, 10) : STAMP_BYTES;
    f.sources = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 1;
    int pid = argc > 6 ? atoi(argv[6]) : 0;
    double seconds = strtod(argv[3], NULL);
    if (f.bytes < STAMP_BYTES || f.bytes > BYTES_MAX || f.sources < 1 || f.sources > SOURCES_MAX)
        return 3;
    for (unsigned i = 0; i < f.sources; i++)
        f.fds[i] = dial(argv[1], (uint16_t)atoi(argv[2]), i, f.bytes);
    uint64_t cpu_before_ns = cpu_ns(pid);
    uint64_t start_ns = clk_now_ns();
    flood(&f, start_ns + (uint64_t)(seconds * CLK_NS_PER_S));
    double took_ns = (double)(clk_now_ns() - start_ns);
    double used_ns = (double)(cpu_ns(pid) - cpu_before_ns);
    (void)printf(
        "%.0f answered/s of %.0f sent/s, CPU %.0f %%, %.0f ns each, %.0f a second of CPU\n",
        (double)f.answered * 1e9 / took_ns, (double)f.sent * 1e9 / took_ns, used_ns * 100 / took_ns,
        f.answered ? used_ns / (double)f.answered : 0,
        used_ns > 0 ? (double)f.answered * 1e9 / used_ns : 0);
    return 0;
}
