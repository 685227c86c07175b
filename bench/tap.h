/*
 * tap: the options of a run that say which TCP traffic net.passive looks at.
 */
#ifndef BENCH_TAP_H
#define BENCH_TAP_H

#include "bench/plan.h"
#include "probes/kit/opt.h"

struct tap {
    const char *interface, *file, *ports, *length;
};

/* Rows for a config struct that holds a `struct tap` as `member`. Values are read by the probe. */
#define TAP_OPTIONS(conf, member)                                                                  \
    OPT_TEXT(conf, member.interface, .name = "passive", .arg = "IFACE",                            \
             .help = "Measure the round trips of the TCP traffic that passes this interface, and " \
                     "send none; 'any' is all interfaces. Needs root or CAP_NET_RAW."),            \
        OPT_TEXT(conf, member.file, .name = "pcap", .arg = "FILE",                                 \
                 .help = "The same from a capture file, pcap or pcapng."),                         \
        OPT_TEXT(conf, member.ports, .name = "port", .arg = "PORT,...",                            \
                 .help = "With --passive or --pcap: only TCP of these ports, as in 2379,6443."),   \
        OPT_TEXT(conf, member.length, .name = "for", .arg = "TIME",                                \
                 .help = "With --passive: how long, 30s when not given.")

/* Hands what was given to net.passive, where it is in the plan. ERR_USAGE naming the option. */
int tap_apply(const struct tap *t, struct plan *p, struct err *e);

#endif
