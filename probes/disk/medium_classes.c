#include <stddef.h>

#include "probes/disk/medium.h"

#define BIT(sign) (1U << MEDIUM_##sign)

/* No SATA drive does any of these. */
#define MEDIUM_BEYOND_SATA (BIT(RATE_BEYOND_AHCI) | BIT(DEPTH_BEYOND_AHCI) | BIT(LINK_BEYOND_SATA))

static const struct medium_class medium_rate_limited = {
    .name = "rate-limited",
    .means =
        "A limiter of the provider's, not the disk, decides: one busy container takes the whole "
        "allowance, and all others wait for it.",
    .rule = "The same rate comes again and again, a deeper queue brings no more, and I/O waits for "
            "slices or is paced as no disk paces it.",
    .source =
        "Linux blk-throttle; services' published rates (plans); facts of saturated disks for the "
        "difference",
    .any = BIT(CAPPED),
};

static const struct medium_class medium_served_from_memory = {
    .name = "served-from-memory",
    .means =
        "A cache answered and the medium behind it was not seen: after a restart, or with more "
        "data, this disk is slower than it looks.",
    .rule = "The median 4 KiB read at depth 1 takes less than 20 us.",
    .source = "Latencies of flash (40 us and up) and of Optane (10 us), published specifications",
    .any = BIT(READ_CACHED) | BIT(READ_QUICK),
    .supports = BIT(SYNC_CHEAP),
    .against = BIT(READ_QUICK),
};

static const struct medium_class medium_hdd = {
    .name = "hdd",
    .means =
        "Each synced write waits for a rotation: etcd's p99 of 10 ms is out of reach, and image "
        "starts queue behind one arm.",
    .rule = "The median 4 KiB read at depth 1 takes 3 ms or more, and 32 at once bring less than 8 "
            "times the rate.",
    .source = "etcd op-guide: 10 ms for a sync of a rotating disk; rotation of 7200 rpm: 8.3 ms",
    .all = BIT(READ_ROTATING),
    .none = BIT(MANY_ARMS) | MEDIUM_BEYOND_SATA,
    .supports = BIT(ONE_ARM) | BIT(SYNC_ROTATING) | BIT(LINK_BELOW_SATA),
    .against = BIT(SYNC_CHEAP) | BIT(READ_MIXED),
};

static const struct medium_class medium_nvme_flushes_like_consumer = {
    .name = "nvme-flushes-like-consumer",
    .means =
        "Reads are fast and synced writes are not: no power-loss protection, so every commit of "
        "etcd or a database waits for flash.",
    .rule = "Reads as NVMe, and a sync takes more than 0.5 ms and more than 10 times a write.",
    .source = "Syncs of consumer drives: 0.9 ms to several ms, of data-centre drives 12 to 58 us "
              "(smalldatum, 2026)",
    .all = BIT(READ_FLASH) | BIT(SYNC_DEAR),
    .any = BIT(READ_NVME) | MEDIUM_BEYOND_SATA,
    .none = BIT(LINK_OF_SATA),
    .against = BIT(READ_MIXED) | BIT(DEPTH_OF_AHCI),
};

static const struct medium_class medium_sata_ssd = {
    .name = "sata-ssd",
    .means =
        "Good for most nodes; many busy containers share one queue of 32 commands and one link of "
        "600 MB/s.",
    .rule =
        "The median 4 KiB read at depth 1 takes 20 to 200 us, sequential reads end at 450 to 620 "
        "MB/s, and depths beyond 32 bring nothing.",
    .source = "SATA-III: 6 Gbit/s with 8b/10b coding; AHCI: one queue of 32 commands; AnandTech "
              "enterprise SSD round-up (2018)",
    .all = BIT(READ_FLASH) | BIT(LINK_OF_SATA) | BIT(DEPTH_OF_AHCI),
    .none = MEDIUM_BEYOND_SATA,
    .against = BIT(READ_NVME) | BIT(READ_MIXED) | BIT(SYNC_DEAR),
};

static const struct medium_class medium_nvme = {
    .name = "nvme",
    .means = "Nothing in an orchestrator asks for a faster disk than this.",
    .rule =
        "The median 4 KiB read at depth 1 takes 20 to 200 us, and below 80 us, or the rate, the "
        "depths beyond 32 or the sequential reads are more than SATA can give.",
    .source = "NVMe base specification (queues); data-centre drives: 85 to 115 us (Intel P4500 "
              "specification)",
    .all = BIT(READ_FLASH),
    .any = BIT(READ_NVME) | MEDIUM_BEYOND_SATA,
    .none = BIT(LINK_OF_SATA) | BIT(SYNC_DEAR),
    .supports = BIT(SYNC_CHEAP),
    .against = BIT(READ_MIXED) | BIT(DEPTH_OF_AHCI) | BIT(LINK_BELOW_SATA),
};

static const struct medium_class medium_network_volume = {
    .name = "network-volume",
    .means =
        "Each I/O crosses a network: a path that stalls stalls etcd, and synced writes take 1 to "
        "10 ms; it outlives the machine, which a local disk does not.",
    .rule =
        "The median 4 KiB read at depth 1 takes 0.25 to 3 ms, or longer while 32 at once bring 8 "
        "times the rate or more.",
    .source = "Providers promise single-digit milliseconds, their best volumes 0.5 ms (AWS EBS "
              "documentation)",
    .any = BIT(READ_FAR) | BIT(MANY_ARMS),
    .supports = BIT(MANY_ARMS) | BIT(LINK_BELOW_SATA),
    .against = BIT(READ_MIXED) | BIT(SYNC_CHEAP) | BIT(RATE_BEYOND_AHCI) | BIT(LINK_BEYOND_SATA),
};

static const struct medium_class medium_unknown = {
    .name = "unknown",
    .means = "What was measured fits no class, or too little was measured: look at the figures "
             "themselves.",
    .rule = "No other rule is satisfied.",
    .source = "The rules before this one",
};

const struct medium_class *const medium_classes[] = {
    &medium_rate_limited,
    &medium_served_from_memory,
    &medium_hdd,
    &medium_nvme_flushes_like_consumer,
    &medium_sata_ssd,
    &medium_nvme,
    &medium_network_volume,
    &medium_unknown,
    NULL,
};
