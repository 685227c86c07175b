/*
 * survey: a whole run on this host: site, plan, probes one after the other, witness, document.
 */
#ifndef BENCH_SURVEY_H
#define BENCH_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/beat.h"
#include "bench/progress.h"
#include "bench/tap.h"
#include "bench/vigil.h"
#include "probes/kit/document.h"
#include "probes/kit/opt.h"

struct survey_conf {
    struct opt_list dirs; /* "[NAME=]DIR"; none is the default: /var/lib for root, else /var/tmp */
    uint64_t budget_ns;
    uint64_t seed; /* 0: drawn */
    struct opt_list peers;
    struct opt_list services; /* HOST:PORT to connect to */
    const char *load;         /* "20Mbit" */
    const char *key_file;     /* that the reflectors have too; "": unauthenticated */
    const char *image;        /* as probes/image/spec.h takes it */
    struct beat beat;
    struct tap tap;
    struct vigil vigil;
    struct opt_list labels; /* "key=value" */
    struct opt_list sets;   /* "probe.option=value" */
};

/* Rows for a command whose config struct holds a `struct survey_conf survey`. */
#define SURVEY_OPTIONS(conf)                                                                       \
    OPT_LIST(conf, survey.dirs, .name = "dir", .arg = "[NAME=]DIR", .max = LIMITS_PLACES,          \
             .help = "Measure the disk under this directory, where the orchestrator would keep "   \
                     "its state. Default: /var/lib for root, else /var/tmp. Several are given "    \
                     "names: --dir /var/lib/etcd --dir images=/var/lib/containerd; the first is "  \
                     "what verdicts judge, and images are unpacked in the one called images."),    \
        OPT_DURATION(conf, survey.budget_ns, .name = "budget", .initial = "60s",                   \
                     .min = BENCH_BUDGET_NS_MIN, .max = BENCH_BUDGET_NS_MAX,                       \
                     .help = "Wall time of the whole run, report included."),                      \
        OPT_LIST(conf, survey.peers, .name = "peer", .arg = "HOST[:PORT]", .max = LIMITS_PEERS,    \
                 .help = "Measure the network to this node, where 'plimsoll reflect' runs. Given " \
                         "several times, all are measured at once, and verdicts take the worst."), \
        OPT_LIST(conf, survey.services, .name = "connect", .arg = "HOST:PORT",                     \
                 .help = "Time TCP connections to this service: the API server, a registry. May "  \
                         "be given several times; no byte is sent to it."),                        \
        OPT_TEXT(conf, survey.load, .name = "load", .arg = "RATE",                                 \
                 .help = "Send a stream of this rate to each --peer and back, one after the "      \
                         "other, and measure round trips beside it; 20Mbit by default."),          \
        OPT_TEXT(conf, survey.key_file, .name = "key-file", .arg = "FILE",                         \
                 .help = "Authenticate the packets to each --peer with the key in this file, "     \
                         "which 'plimsoll reflect --key-file' has there too."),                    \
        OPT_TEXT(conf, survey.image, .name = "image", .arg = "IMAGE",                              \
                 .help = "Unpack this image: small (the default) or reference, which are made "    \
                         "here, either with -zstd; or the path of an OCI image layout, an OCI "    \
                         "archive or a docker-save archive, with @NAME where it holds several."),  \
        BEAT_OPTIONS(conf, survey.beat), TAP_OPTIONS(conf, survey.tap),                            \
        VIGIL_OPTIONS(conf, survey.vigil),                                                         \
        OPT_LIST(conf, survey.labels, .name = "label", .arg = "KEY=VALUE",                         \
                 .help = "Note provider, plan, region, price, node or note in the document; a "    \
                         "cluster's report calls this host by its node."),                         \
        OPT_LIST(conf, survey.sets, .name = "set", .arg = "PROBE.OPTION=VALUE",                    \
                 .help = "Set an option of a probe; 'plimsoll explain PROBE' lists them."),        \
        OPT_U64(conf, survey.seed, .name = "seed",                                                 \
                .help = "Repeat a run's offsets and contents; 0 draws a seed.")

/* Names the probes to measure again in the time that is left; how many. */
typedef unsigned survey_again(const struct document *d, void *arg, const char *names[],
                              unsigned most);

/* Whether those named may be of that probe; else nothing is set aside for it. */
typedef bool survey_may_repeat(const char *probe, void *arg);

struct survey {
    const struct survey_conf *conf;
    const struct opt_list *probes; /* to measure; none: all */
    survey_again *again;           /* NULL: one round */
    survey_may_repeat *may_repeat; /* NULL: any */
    void *again_arg;
    struct progress *progress;
};

/*
 * Fills *d. -1 only when nothing could be measured at all (bad options, no --dir); a probe that
 * fails is in the document. An interrupted run is no error: d->interrupted.
 */
int survey_run(const struct survey *s, struct document *d, struct err *e);

/* The host's name for people and file names. */
void survey_hostname(char name[LIMITS_NAME_BYTES]);

#endif
