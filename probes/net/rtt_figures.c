#include "probes/net/rtt_figures.h"

const struct metric rtt_figures[] = {
    [RTT_WIRE] = {"net.rtt",                 UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "p50 p99 max",
                  "Round trip by the kernel's times of sending and arrival, without the "
                   "reflector's residence (RFC 2681, RFC 8762): the network's own."           },
    [RTT_FELT] = { "net.rtt.felt",           UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "p50 p99",
                  "What a process waits: from just before it sends until it has read the answer, "
                   "the reflector's residence included."                                      },
    [RTT_SEND] = { "net.part.send",          UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                  "From just before a packet is sent until the kernel hands it to the NIC: this "
                   "host's sending stack."                                                    },
    [RTT_WAKE] = { "net.part.wake",          UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                  "From the answer's arrival in the kernel until it was read: this host's "
                   "receiving stack and the wake-up of a process."                            },
    [RTT_REFLECTOR] = { "net.part.reflector",     UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                  "From the packet's arrival at the reflector until it answers, by its own "
                        "clock (RFC 8762 T3 - T2); its sending stack is in net.rtt."          },
    [RTT_IPDV_UP] = { "net.ipdv.up",            UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "p99",
                  "Change of the one-way delay between neighbours on the way there, without "
                      "its sign (RFC 3393); needs no clocks in step."                         },
    [RTT_IPDV_DOWN] = { "net.ipdv.down",          UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "p99",
                  "Change of the one-way delay between neighbours on the way here, without "
                        "its sign (RFC 3393); needs no clocks in step."                       },
    [RTT_PDV_UP] = { "net.pdv.up",             UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                  "One-way delay there above the least of the run (RFC 5481); a drift between "
                     "the clocks is in it."                                                   },
    [RTT_PDV_DOWN] = { "net.pdv.down",           UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                  "One-way delay here above the least of the run (RFC 5481); a drift between "
                       "the clocks is in it."                                                 },
    [RTT_JITTER_UP] = { "net.jitter.up",          UNIT_NS,    METRIC_LOWER,   METRIC_MEAN, "",
                  "Interarrival jitter on the way there, the 1/16 filter at the end of each "
                        "second (RFC 3550)."                                                  },
    [RTT_JITTER_DOWN] = { "net.jitter.down",        UNIT_NS,    METRIC_LOWER,   METRIC_MEAN, "",
                  "Interarrival jitter on the way here, the 1/16 filter at the end of each "
                          "second (RFC 3550)."                                                },
    [RTT_LOSS] = { "net.loss",               UNIT_RATIO, METRIC_LOWER,   METRIC_MEAN, "value",
                  "Share of packets without an answer within 3 s (RFC 7680), whichever way they "
                   "were lost."                                                               },
    [RTT_LOSS_UP] = { "net.loss.up",            UNIT_RATIO, METRIC_LOWER,   METRIC_MEAN, "",
                  "Share of packets lost on the way there (RFC 7680), by the numbers of a "
                      "stateful reflector."                                                   },
    [RTT_LOSS_DOWN] = { "net.loss.down",          UNIT_RATIO, METRIC_LOWER,   METRIC_MEAN, "",
                  "Share of answers lost on the way here (RFC 7680), by the numbers of a "
                        "stateful reflector."                                                 },
    [RTT_LOSS_RUN] = { "net.loss.run",           UNIT_COUNT, METRIC_LOWER,   METRIC_MAX,  "",
                  "Packets lost one after the other, at most (RFC 3357 loss period)."         },
    [RTT_LOSS_SPAN] = { "net.loss.span",          UNIT_NS,    METRIC_LOWER,   METRIC_MAX,  "",
                  "The same as time, an interval for each packet."                            },
    [RTT_DUPLICATES] = { "net.duplicates",         UNIT_RATIO, METRIC_LOWER,   METRIC_MEAN, "",
                  "Answers that came again, to the packets answered (RFC 5560)."              },
    [RTT_REORDERED] = { "net.reordered",          UNIT_RATIO, METRIC_LOWER,   METRIC_MEAN, "",
                  "Share of answers that came after one to a later packet (RFC 4737)."        },
    [RTT_EXTENT] = { "net.reordered.extent",   UNIT_COUNT, METRIC_LOWER,   METRIC_MAX,  "",
                  "Arrivals by which one came too late, at most (RFC 4737 4.2.1; 256 is 256 or "
                     "more)."                                                                 },
    [RTT_GAP] = { "net.gap",                UNIT_NS,    METRIC_LOWER,   METRIC_MAX,  "value",
                  "Longest time without an answer while packets were sent, to one interval."  },
    [RTT_OFFSET] = { "net.offset",             UNIT_NS,    METRIC_LOWER,   METRIC_MEAN, "",
                  "Distance of the peer's clock from ours, by each second's fastest exchange."},
    [RTT_OFFSET_ERROR] = { "net.offset.error",       UNIT_NS,    METRIC_LOWER,   METRIC_MEAN, "",
                  "How far net.offset may be wrong: half the round trip of that "
                           "exchange."                                                        },
    [RTT_FLOOR] = { "net.floor",              UNIT_NS,    METRIC_NEITHER, METRIC_HIST, "",
                  "The instrument's own: net.rtt to a reflector of ours over this host's "
                    "loopback, before the run."                                               },
    [RTT_WIRE_SENT] = { "net.wire.sent_diff",     UNIT_NS,    METRIC_NEITHER, METRIC_HIST, "",
                  "Distance of the capture's time of each packet sent from ours, with "
                        "--wire."                                                             },
    [RTT_WIRE_RECEIVED] = { "net.wire.received_diff", UNIT_NS,    METRIC_NEITHER, METRIC_HIST, "",
                  "Distance of the capture's time of each answer from ours, with "
                            "--wire."                                                         },
    [RTT_FIGURES] = METRIC_END,
};
