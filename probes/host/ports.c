#include "probes/host/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/kit/services.h"

enum {
    PORTS_TCP_LISTEN = 0x0A,
    PORTS_UDP_OPEN = 0x07,
};

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
            for (unsigned i = 0; i < services_count(); i++) {
                if (services_all[i].port == port && services_all[i].udp == udp)
                    p->taken[i] = true;
            }
        }
        text += n + (text[n] != '\0');
    }
}

void ports_words(const struct ports *p, struct buf *words)
{
    for (unsigned i = 0; i < services_count(); i++) {
        if (p->taken[i])
            services_word(&services_all[i], words);
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
