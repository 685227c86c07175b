/*
 * platform: for which machine an image is: operating system, architecture and its variant, by Go's
 * names.
 *
 * SOURCE: OCI image specification 1.1, image-index.md (platform, "Platform Variants"); Go's GOOS
 * and GOARCH; the variant that is meant where none is written: containerd's platforms package
 * (arm is v7, arm64 v8, amd64 v1).
 */
#ifndef PROBES_IMAGE_PLATFORM_H
#define PROBES_IMAGE_PLATFORM_H

#include <stdbool.h>

#include "probes/kit/err.h"
#include "probes/kit/node.h"

enum {
    PLATFORM_PART_BYTES = 24,
    PLATFORM_SHOWN_BYTES = 3 * PLATFORM_PART_BYTES,
    PLATFORM_RANK_ANY = 1000 /* worse than any variant */
};

struct platform {
    char os[PLATFORM_PART_BYTES];           /* "linux" */
    char architecture[PLATFORM_PART_BYTES]; /* "amd64" */
    char variant[PLATFORM_PART_BYTES];      /* "v7"; "" when none is written */
};

/* This machine's, by uname. ERR_UNSUPPORTED for one that Go has no name for. */
int platform_host(struct platform *p, struct err *e);
/* That of a machine as uname writes it, "aarch64"; false when it is not known. */
bool platform_of_machine(const char *machine, struct platform *p);
/* "linux/arm64", "linux/arm/v7"; ERR_USAGE. */
int platform_parse(const char *text, struct platform *p, struct err *e);
/* The members os, architecture and variant of an object. */
int platform_read(const struct node *at, struct platform *p, struct err *e);

/*
 * How well an image serves: 0 best, more is worse (an older variant), -1 not at all: another
 * system or architecture, or a newer variant. An image of architecture "unknown" has no programs
 * and serves everywhere: PLATFORM_RANK_ANY.
 */
int platform_rank(const struct platform *wanted, const struct platform *image);
/* "unknown/unknown": what is listed under it is about an image and none. */
bool platform_is_unknown(const struct platform *p);
/* "linux/arm/v7", fit for a sentence. */
const char *platform_show(const struct platform *p, char shown[PLATFORM_SHOWN_BYTES]);

#endif
