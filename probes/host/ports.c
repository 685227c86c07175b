#include "probes/host/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

struct ports_row {
    uint16_t port;
    bool udp;
};

static const struct ports_row ports_rows[] = {
  /* Kubernetes, k3s */
    {6443,   false},
    { 2379,  false},
    { 2380,  false},
    { 10250, false},
    { 10257, false},
    { 10259, false},
    { 10256, false},
    { 8472,  true },
    { 51820, true },
    { 51821, true },
 /* Swarm */
    { 2377,  false},
    { 7946,  false},
    { 7946,  true },
    { 4789,  true },
 /* Mesos, ZooKeeper, Marathon */
    { 5050,  false},
    { 5051,  false},
    { 2181,  false},
    { 2888,  false},
    { 3888,  false},
    { 8080,  false},
 /* Nomad */
    { 4646,  false},
    { 4647,  false},
    { 4648,  false},
    { 4648,  true },
 /* Consul */
    { 8300,  false},
    { 8301,  false},
    { 8301,  true },
    { 8302,  false},
    { 8302,  true },
    { 8500,  false},
    { 8600,  false},
    { 8600,  true },
};

enum {
    PORTS_ROWS = sizeof ports_rows / sizeof ports_rows[0],
    PORTS_TCP_LISTEN = 0x0A,
    PORTS_UDP_OPEN = 0x07,
};

_Static_assert((int)PORTS_ROWS <= (int)PORTS_MAX, "struct ports has room for every row");

/* "   0: 0100007F:1F90 00000000:0000 0A ...": the local port and the state. -1: no such line. */
static int ports_parse_line(const char *line, size_t size, unsigned long *port,
                            unsigned long *state)
{
    const char *end = line + size;
    const char *slot = memchr(line, ':', size);
    const char *local = slot ? memchr(slot + 1, ':', (size_t)(end - slot - 1)) : NULL;
    if (!local || end - local < 6)
        return -1;
    char *after = NULL;
    *port = strtoul(local + 1, &after, 16);
    if (after != local + 5)
        return -1;
    const char *remote = memchr(after, ':', (size_t)(end - after));
    if (!remote || end - remote < 8)
        return -1;
    *state = strtoul(remote + 5, &after, 16);
    return after == remote + 8 ? 0 : -1;
}

void ports_parse(const char *text, bool udp, struct ports *p)
{
    unsigned long wanted = udp ? PORTS_UDP_OPEN : PORTS_TCP_LISTEN;
    while (*text) {
        unsigned long port = 0;
        unsigned long state = 0;
        size_t n = strcspn(text, "\n");
        if (!ports_parse_line(text, n, &port, &state) && state == wanted) {
            for (unsigned i = 0; i < PORTS_ROWS; i++) {
                if (ports_rows[i].port == port && ports_rows[i].udp == udp)
                    p->taken[i] = true;
            }
        }
        text += n + (text[n] != '\0');
    }
}

void ports_words(const struct ports *p, struct buf *words)
{
    for (unsigned i = 0; i < PORTS_ROWS; i++) {
        if (p->taken[i])
            buf_addf(words, "%s%u%s", words->size ? " " : "", ports_rows[i].port,
                     ports_rows[i].udp ? "/udp" : "");
    }
}

void ports_state(int proc_fd, struct facts *f)
{
    static const char *const files[] = { "net/tcp", "net/tcp6", "net/udp", "net/udp6" };
    AUTO(buf) struct buf words = { 0 };
    struct ports p = { 0 };
    struct err e = { 0 };
    unsigned read = 0;
    for (unsigned i = 0; i < 4; i++) {
        /* 150 bytes a socket; a busy proxy has some 100000. */
        AUTO(buf) struct buf text = { .cap = 64 << 20 };
        if (file_read_at(proc_fd, files[i], &text, &e))
            continue; /* a kernel without IPv6 */
        ports_parse(buf_text(&text), i >= 2, &p);
        read++;
    }
    ports_words(&p, &words);
    if (read == 0)
        (void)facts_set_unknown(f, "host.ports.listening", e.msg);
    else
        (void)facts_set_list(f, "host.ports.listening", buf_text(&words), NULL);
}
