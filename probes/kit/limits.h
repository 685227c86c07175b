/*
 * limits: every cap of the measuring floor, each with its reason.
 */
#ifndef PROBES_KIT_LIMITS_H
#define PROBES_KIT_LIMITS_H

#include <stdint.h>

enum {
    LIMITS_BUF_BYTES = 64 << 20, /* no text we make is larger; a run-away append stops here */
    LIMITS_PROC_BYTES = 1 << 20, /* /proc/stat of 4096 CPUs is 500 kB */
    LIMITS_DOCUMENT_BYTES =
        64 << 20,           /* a run makes some 100 kB; 64 MiB is a mistake or an attack */
    LIMITS_JSON_DEPTH = 32, /* our documents nest 8 deep */
    LIMITS_JSON_VALUES =
        4 << 20,               /* a long run has 100,000; a value costs some 50 bytes of memory */
    LIMITS_NAME_BYTES = 64,    /* probe, metric and fact names */
    LIMITS_PROCESS_BYTES = 16, /* a process's name, as the kernel cuts it */
    LIMITS_TEXT_BYTES = 480,   /* one sentence */
    LIMITS_METRICS = 32,       /* metrics of one probe */
    LIMITS_FACTS = 256,        /* facts of one host */
    LIMITS_LIST = 512,         /* elements of one list fact (kernel options, ports) */
    LIMITS_EVENTS = 512,       /* events of one measurement, the longest: 86 kB */
    LIMITS_CAUSE_BYTES = 24,   /* the id of a cause */
    LIMITS_NOTES = 32,         /* sentences of one measurement */
    LIMITS_BLOCKS = 256,       /* repetitions of one measurement, over all rounds */
    LIMITS_LABELS = 32,        /* --label of one run */
    LIMITS_PLACES = 4,         /* --dir of one run: etcd, images, volumes and one more */
    LIMITS_PLACE_BYTES = 24,   /* the name of one */
    LIMITS_PEERS = 1000,       /* --peer of one run: a large cluster; more is a scan */
    LIMITS_PEER_BYTES = 272,   /* one as typed: a DNS name, an interface, brackets and a port */
    LIMITS_PART_BLOCKS = 1024, /* repetitions of one metric for all peers together: memory */
    LIMITS_MEASUREMENTS = 128, /* probes of one run, times places */
    LIMITS_RESULTS = LIMITS_MEASUREMENTS + LIMITS_PEERS, /* of one document */
    LIMITS_HISTOGRAM_PAGES = 1 << 16, /* of 4 KiB, filled by those of one document: 256 MiB */
    LIMITS_CPUS = 4096,               /* CPUs of one host; CONFIG_NR_CPUS rarely exceeds 8192 */
};

#endif
