/*
 * confine: gives up what a process needs no more once its socket is bound: root, capabilities,
 * system calls.
 *
 * After confine_calls a call that is not on the list answers ENOSYS, which the C library takes as
 * an old kernel and lives with: a reflector that died of an unexpected but harmless call would look
 * like a lost network. Calls that make programs, sockets or code ready, which only an intruder
 * wants here, kill the process. Both are for good and for the whole process; no threads are made
 * afterwards.
 * SOURCE: capabilities(7), seccomp(2); packages libcap-ng, libseccomp.
 */
#ifndef PROBES_NET_CONFINE_H
#define PROBES_NET_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "probes/kit/err.h"

struct confine_user {
    uid_t uid;
    gid_t gid;
};

/* ERR_USAGE when there is no such user, or when it is root. May read files, so before the rest. */
int confine_find_user(const char *name, struct confine_user *u, struct err *e);
/*
 * Becomes that user if we are root, without other groups and without any capability. *is_root is
 * set when a user namespace does not know that user, so that there is nobody to become; the
 * capabilities are gone then too.
 */
int confine_drop_root(const struct confine_user *u, bool *is_root, struct err *e);
/* ERR_UNSUPPORTED when the kernel has no filter of system calls. */
int confine_calls(struct err *e);

#endif
