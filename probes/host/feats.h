/*
 * feats: what a container runtime does, done once. Each is the body of an attempt: it runs in a
 * child, in namespaces and directories that vanish with it, and says 0 or why not.
 */
#ifndef PROBES_HOST_FEATS_H
#define PROBES_HOST_FEATS_H

#include "probes/host/attempt.h"

/* arg: the CLONE_NEW* flag, an int. For CLONE_NEWPID a first process is made in it too. */
attempt_body feats_namespace;
/* Mounts an overlay in the scratch, deletes a lower file, and looks for the whiteout. */
attempt_body feats_overlay;
attempt_body feats_veth;     /* a pair in a fresh network namespace */
attempt_body feats_nft;      /* lists the tables of one */
attempt_body feats_iptables; /* asks for the legacy filter table of one */
/* arg: "user", "trusted" or "security" (file capabilities, as image layers carry them). */
attempt_body feats_xattr;
attempt_body feats_mknod;     /* a whiteout (0:0) and a real node (1:3), removed */
attempt_body feats_conntrack; /* writes nf_conntrack_max back as it is */

#endif
