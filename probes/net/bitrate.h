/*
 * bitrate: "20Mbit", "1.5 Gbit/s", "500kbit" as people write the rate of a line, in octets a
 * second.
 */
#ifndef PROBES_NET_BITRATE_H
#define PROBES_NET_BITRATE_H

#include <stdint.h>

#include "probes/kit/err.h"

/* 100 kbit to 1 Gbit; ERR_USAGE naming the text and an example. */
int bitrate_parse(const char *text, uint64_t *bytes_per_s, struct err *e);

#endif
