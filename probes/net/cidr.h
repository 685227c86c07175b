/*
 * cidr: address ranges as people write them, "10.0.0.0/8", "2001:db8::/32", "192.0.2.7", and the
 * list that --allow makes of them.
 * SOURCE: RFC 4632 3.1 (IPv4), RFC 4291 2.3 (IPv6).
 */
#ifndef PROBES_NET_CIDR_H
#define PROBES_NET_CIDR_H

#include <stdbool.h>

#include "probes/kit/err.h"
#include "probes/net/origin.h"

enum {
    CIDR_LIST_MAX = 64
};

struct cidr {
    struct origin first;
    unsigned bits; /* 0-128, of the IPv6 form: an IPv4 range has 96 more than it was written with */
    bool v4;       /* an IPv4 range; 0.0.0.0/0 holds no IPv6 address and ::/0 no IPv4 address */
};

struct cidr_list {
    struct cidr items[CIDR_LIST_MAX];
    unsigned count;
};

/*
 * ERR_USAGE naming the text and an example. An address that is not the first of its range is
 * refused with the range that is probably meant.
 */
int cidr_parse(const char *text, struct cidr *c, struct err *e);
bool cidr_holds(const struct cidr *c, struct origin o);

/* ERR_USAGE as above, or when there are too many. */
int cidr_list_add(struct cidr_list *l, const char *text, struct err *e);
/* An empty list holds nothing. */
bool cidr_list_holds(const struct cidr_list *l, struct origin o);

#endif
