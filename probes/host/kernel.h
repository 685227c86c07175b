/*
 * kernel: release, version and build options of the running kernel.
 *
 * SOURCE: where a config is looked for and which options are asked after: kubernetes
 * system-validators validators/types_unix.go and kernel_validator_helper.go; moby
 * contrib/check-config.sh; k3s contrib/util/check-config.sh.
 */
#ifndef PROBES_HOST_KERNEL_H
#define PROBES_HOST_KERNEL_H

#include <stddef.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

enum {
    KERNEL_RELEASE_BYTES = 65,     /* as uname(2) gives it */
    KERNEL_CONFIG_BYTES = 4 << 20, /* a distribution's is 250 kB */
};

/* "6.1.0-56-cloud-amd64" is 6001: major * 1000 + minor. 0 when it does not begin so. */
unsigned kernel_version(const char *release);

/* sys/kernel/osrelease below /proc. */
int kernel_release(int proc_fd, char release[KERNEL_RELEASE_BYTES], struct err *e);

/* Inflates gzip; over out->cap: ERR_DATA. */
int kernel_gunzip(const void *bytes, size_t size, struct buf *out, struct err *e);

/*
 * The text of the config, from /proc/config.gz or the files that distributions install (looked at
 * below self/root). where: which it was. ERR_UNSUPPORTED when there is none, with the remedy.
 */
int kernel_config(int proc_fd, const char *release, struct buf *text, char where[256],
                  struct err *e);

/*
 * Adds the options that are =y or =m and that an orchestrator asks after, without CONFIG_,
 * separated by blanks, each once. -1 when the text is no kernel config.
 */
int kernel_options(const char *text, struct buf *words, struct err *e);

#endif
