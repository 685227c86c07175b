#include "probes/net/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "probes/net/stamp.h"

static const char peer_form[] =
    "expected HOST, HOST:PORT or [ADDRESS]:PORT, as in 192.0.2.7 or [2001:db8::7]:862";

static int parse_port(const char *digits, uint16_t *port)
{
    unsigned value = 0;
    if (!*digits || strlen(digits) > 5)
        return -1;
    for (const char *c = digits; *c; c++) {
        if (*c < '0' || *c > '9')
            return -1;
        value = value * 10 + (unsigned)(*c - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX ? 0 : -1;
}

/* Control characters and blanks stand in no name; they would spoil messages. */
static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

/* Finds where the host begins and ends and where the port begins; NULL when there is none. */
static int split(const char *text, const char **host, size_t *host_size, const char **port)
{
    const char *close = *text == '[' ? strchr(text, ']') : NULL;
    const char *first = strchr(text, ':');
    *port = NULL;
    *host = text;
    *host_size = strlen(text);
    if (*text == '[') {
        if (!close || (close[1] && close[1] != ':'))
            return -1;
        *host = text + 1;
        *host_size = (size_t)(close - text) - 1;
        *port = close[1] ? close + 2 : NULL;
    } else if (first && !strchr(first + 1, ':')) { /* two colons are an IPv6 address */
        *host_size = (size_t)(first - text);
        *port = first + 1;
    }
    return strcspn(*host, "[]") < *host_size ? -1 : 0;
}

static int parse(const char *text, struct peer *p, bool local, struct err *e)
{
    const char *host;
    const char *port;
    size_t size;
    *p = (struct peer){ .port = STAMP_PORT };
    if (!is_printable(text))
        return err_set(e, ERR_USAGE, 0, "a peer's name has blanks or control characters; %s",
                       peer_form);
    if (split(text, &host, &size, &port) || size >= sizeof p->host || (!local && size == 0))
        return err_set(e, ERR_USAGE, 0, "'%.80s' is no peer; %s", text, peer_form);
    if (port && (parse_port(port, &p->port) || (!local && p->port == 0)))
        return err_set(e, ERR_USAGE, 0, "'%.80s': the port must be a number from %d to 65535", text,
                       local ? 0 : 1);
    memcpy(p->host, host, size);
    return 0;
}

int peer_parse(const char *text, struct peer *p, struct err *e)
{
    return parse(text, p, false, e);
}

int peer_parse_local(const char *text, struct peer *p, struct err *e)
{
    return parse(text, p, true, e);
}

static int refuse(const struct peer *p, int code, int sys, struct err *e)
{
    if (code == EAI_SYSTEM)
        return err_set(e, ERR_PEER, sys, "resolve '%s'", p->host);
    return err_set(e, ERR_PEER, 0, "resolve '%s': %s; check the name, or give an address", p->host,
                   gai_strerror(code));
}

int peer_resolve(const struct peer *p, bool local, struct peer_addresses *out, struct err *e)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_DGRAM,
                              .ai_protocol = IPPROTO_UDP,
                              .ai_flags = AI_NUMERICSERV | (local ? AI_PASSIVE : 0) };
    struct addrinfo *list = NULL;
    char port[8];
    *out = (struct peer_addresses){ 0 };
    (void)snprintf(port, sizeof port, "%u", p->port);
    int code = getaddrinfo(*p->host ? p->host : NULL, port, &hints, &list);
    if (code)
        return refuse(p, code, errno, e);
    for (const struct addrinfo *a = list; a && out->count < PEER_ADDRESSES; a = a->ai_next) {
        if (a->ai_addrlen <= sizeof out->items[0])
            memcpy(&out->items[out->count++], a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    return out->count ? 0 : refuse(p, EAI_NONAME, 0, e);
}

socklen_t peer_sockaddr_size(const union peer_sockaddr *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

uint16_t peer_sockaddr_port(const union peer_sockaddr *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

bool peer_same(const union peer_sockaddr *a, const union peer_sockaddr *b)
{
    if (a->any.sa_family != b->any.sa_family || peer_sockaddr_port(a) != peer_sockaddr_port(b))
        return false;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

const char *peer_name(const union peer_sockaddr *a, char name[PEER_NAME_BYTES])
{
    char text[INET6_ADDRSTRLEN] = "?";
    char zone[IF_NAMESIZE + 1] = "";
    bool v6 = a->any.sa_family == AF_INET6;
    (void)inet_ntop(a->any.sa_family, v6 ? (const void *)&a->v6.sin6_addr : &a->v4.sin_addr, text,
                    sizeof text);
    if (v6 && a->v6.sin6_scope_id) {
        zone[0] = '%';
        if (!if_indextoname(a->v6.sin6_scope_id, zone + 1))
            (void)snprintf(zone + 1, sizeof zone - 1, "%u", a->v6.sin6_scope_id);
    }
    (void)snprintf(name, PEER_NAME_BYTES, v6 ? "[%s%s]:%u" : "%s%s:%u", text, zone,
                   peer_sockaddr_port(a));
    return name;
}
