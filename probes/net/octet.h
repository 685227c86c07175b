/*
 * octet: unsigned integers as octets, the highest first, as all packets here have them.
 */
#ifndef PROBES_NET_OCTET_H
#define PROBES_NET_OCTET_H

#include <stddef.h>
#include <stdint.h>

/* The lowest `octets` octets of value; at most 8. */
static inline void octet_put(uint8_t *at, uint64_t value, size_t octets)
{
    for (size_t i = 0; i < octets; i++)
        at[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
}

static inline uint64_t octet_get(const uint8_t *at, size_t octets)
{
    uint64_t value = 0;
    for (size_t i = 0; i < octets; i++)
        value = value << 8 | at[i];
    return value;
}

#endif
