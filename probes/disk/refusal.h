/*
 * refusal: why the kernel refuses a way of asynchronous I/O, from the errno of its set-up call and
 * what /proc/sys says. Pure but for the reading. Both always return -1.
 * SOURCE: io_uring_setup(2), io_setup(2); Linux Documentation/admin-guide/sysctl/kernel.rst
 * (io_uring_disabled), sysctl/fs.rst (aio-nr, aio-max-nr).
 */
#ifndef PROBES_DISK_REFUSAL_H
#define PROBES_DISK_REFUSAL_H

#include "probes/kit/err.h"

/* proc_fd is a descriptor of /proc or of a recorded tree; -1 when there is none. ENOTSUP is our
 * own: a ring without IORING_FEAT_EXT_ARG. */
int refusal_of_uring(int sys, int proc_fd, struct err *e);
int refusal_of_aio(int sys, int proc_fd, struct err *e);

#endif
