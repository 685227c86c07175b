#include "probes/net/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
    V6_BITS = 128,
    V4_BITS = 32,
    V4_OFFSET = V6_BITS - V4_BITS,
    BITS_DIGITS = 3,
};

static const char cidr_form[] = "expected ADDRESS/BITS, as in 10.0.0.0/8 or 2001:db8::/32";

static int refuse(const char *text, struct err *e)
{
    return err_set(e, ERR_USAGE, 0, "'%.80s' is no range of addresses; %s", text, cidr_form);
}

/* The bits of o that lie behind the first `bits`, cleared. */
static struct origin start_of(struct origin o, unsigned bits)
{
    uint64_t high = bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : UINT64_MAX << (64 - bits);
    uint64_t low = bits <= 64 ? 0 : bits >= V6_BITS ? UINT64_MAX : UINT64_MAX << (V6_BITS - bits);
    return (struct origin){ o.high & high, o.low & low };
}

static int parse_bits(const char *digits, unsigned most, unsigned *bits)
{
    size_t size = strlen(digits);
    *bits = 0;
    if (size == 0 || size > BITS_DIGITS || strspn(digits, "0123456789") != size)
        return -1;
    for (const char *c = digits; *c; c++)
        *bits = *bits * 10 + (unsigned)(*c - '0');
    return *bits <= most ? 0 : -1;
}

static int parse_address(const char *text, struct cidr *c)
{
    struct in_addr v4;
    struct in6_addr v6;
    union peer_sockaddr a = { .any.sa_family = AF_UNSPEC };
    if (inet_pton(AF_INET, text, &v4) == 1)
        a.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = v4 };
    else if (inet_pton(AF_INET6, text, &v6) == 1)
        a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = v6 };
    else
        return -1;
    c->first = origin_of(&a);
    c->v4 = a.any.sa_family == AF_INET;
    return 0;
}

/* "10.0.0.0/8" into out. */
static void write_range(struct origin o, bool v4, unsigned bits, char *out, size_t size)
{
    uint8_t octets[16];
    char name[INET6_ADDRSTRLEN] = "";
    for (int i = 0; i < 8; i++) {
        octets[i] = (uint8_t)(o.high >> (56 - 8 * i));
        octets[i + 8] = (uint8_t)(o.low >> (56 - 8 * i));
    }
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? octets + 12 : octets, name, sizeof name);
    (void)snprintf(out, size, "%s/%u", name, bits);
}

int cidr_parse(const char *text, struct cidr *c, struct err *e)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    unsigned bits;
    *c = (struct cidr){ 0 };
    if (size == 0 || size >= sizeof address)
        return refuse(text, e);
    memcpy(address, text, size);
    address[size] = '\0';
    if (parse_address(address, c))
        return refuse(text, e);
    bits = c->v4 ? V4_BITS : V6_BITS;
    if (slash && parse_bits(slash + 1, bits, &bits))
        return err_set(e, ERR_USAGE, 0, "'%.80s': the bits must be a number from 0 to %d", text,
                       c->v4 ? V4_BITS : V6_BITS);
    c->bits = bits + (c->v4 ? V4_OFFSET : 0);
    struct origin first = start_of(c->first, c->bits);
    if (!origin_same(first, c->first)) {
        char meant[INET6_ADDRSTRLEN + 5];
        write_range(first, c->v4, bits, meant, sizeof meant);
        return err_set(e, ERR_USAGE, 0, "'%.80s' is not the start of a range; did you mean %s?",
                       text, meant);
    }
    return 0;
}

bool cidr_holds(const struct cidr *c, struct origin o)
{
    return c->v4 == origin_is_v4(o) && origin_same(start_of(o, c->bits), c->first);
}

int cidr_list_add(struct cidr_list *l, const char *text, struct err *e)
{
    if (l->count == CIDR_LIST_MAX)
        return err_set(e, ERR_USAGE, 0, "more than %d ranges of addresses", CIDR_LIST_MAX);
    if (cidr_parse(text, &l->items[l->count], e))
        return -1;
    l->count++;
    return 0;
}

bool cidr_list_holds(const struct cidr_list *l, struct origin o)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (cidr_holds(&l->items[i], o))
            return true;
    }
    return false;
}
