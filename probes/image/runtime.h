/*
 * runtime: the container runtime that image.runtime stands for: containerd, in the version that is
 * installed, and what it would decompress gzip with.
 *
 *     igzip, else unpigz, where found on PATH (igzip since 2.0), unless the environment variable
 *     CONTAINERD_DISABLE_IGZIP or CONTAINERD_DISABLE_PIGZ is true; else the one of its own: Go's
 *     compress/gzip, and klauspost's since 2.4.
 * SOURCE: containerd archive/compression/compression.go in v1.6.20, v2.0.0 and v2.4.0-beta.0
 * (gzipDecompress, detectCommand); Go os/exec LookPath; Go strconv.ParseBool.
 *
 * What counts are PATH and environment of this process: a daemon started by systemd may have
 * others (`systemctl show containerd -p Environment`). Where no containerd is found the newest is
 * modelled. zstd is always decoded by its own (klauspost's), in goroutines that run ahead.
 */
#ifndef PROBES_IMAGE_RUNTIME_H
#define PROBES_IMAGE_RUNTIME_H

#include <limits.h>
#include <stdbool.h>

#include "probes/image/costs.h"
#include "probes/kit/err.h"

enum runtime_decoder {
    RUNTIME_IGZIP,
    RUNTIME_UNPIGZ,
    RUNTIME_OWN,
    RUNTIME_DECODERS
};

enum {
    RUNTIME_VERSION_BYTES = 48
};

struct runtime {
    bool is_installed;                   /* containerd was found on PATH */
    char version[RUNTIME_VERSION_BYTES]; /* as it said it; "" when it did not */
    unsigned major, minor;               /* that is modelled */
    enum runtime_decoder decoder;        /* of gzip */
    char program[PATH_MAX];              /* igzip's or unpigz' path; "" for its own */
    const struct costs *costs;           /* of its code beside ours */
    unsigned cpus;                       /* this process may run on */
    double kib_ns;                       /* see yardstick.h */
};

/* What of this process's environment decides; any may be NULL. */
struct runtime_environment {
    const char *path, *disable_igzip, *disable_pigz;
};

/* This process's; borrowed until the environment changes. */
struct runtime_environment runtime_environment(void);
/*
 * Finds decoder and version: runs `containerd --version` once, for at most two seconds; and
 * measures this CPU (yardstick.h), some 5 ms.
 */
int runtime_find(const struct runtime_environment *env, struct runtime *r, struct err *e);
/* Chooses the decoder for r->major and r->minor, and its program. */
void runtime_choose(const struct runtime_environment *env, struct runtime *r);
/* "containerd github.com/containerd/containerd v2.0.1 88aa..." -> version, major, minor; -1: no. */
int runtime_parse(const char *said, struct runtime *r);
const char *runtime_decoder_name(enum runtime_decoder decoder); /* "igzip", "unpigz", "its own" */

#endif
