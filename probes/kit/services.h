/*
 * services: the ports that orchestrators' parts listen at, one row a port and transport.
 *
 * SOURCE: each row names its own; "[unverified]" stands where the number is known and the page it
 * comes from was not read.
 */
#ifndef PROBES_KIT_SERVICES_H
#define PROBES_KIT_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/buf.h"

enum {
    SERVICES_MAX = 64
};

struct service {
    uint16_t port;
    bool udp;
    bool between;       /* nodes reach it on one another; else only the host itself and its users */
    const char *what;   /* "etcd peers"; whose it is */
    const char *source; /* where the number is written */
};

/* Ended by a row with port 0. */
extern const struct service services_all[];

unsigned services_count(void); /* at most SERVICES_MAX */
/* "6443", "8472/udp": the word that documents and profiles have for it. */
void services_word(const struct service *s, struct buf *words);

#endif
