/* A key of both ends, in a file of one's own and for a reflector. */
#ifndef TESTS_UNIT_PROBES_NET_LOCKED_H
#define TESTS_UNIT_PROBES_NET_LOCKED_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/net/auth.h"
#include "probes/net/reflector.h"

struct locked {
    char path[64];
    struct auth_key key;
};

static inline void locked_open(struct locked *l, const char *text)
{
    (void)snprintf(l->path, sizeof l->path, "/tmp/plimsoll-key-XXXXXX");
    int fd = mkstemp(l->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(close(fd), 0);
    auth_key_set(&l->key, (const uint8_t *)text, strlen(text));
}

/* Before it answers anything. */
static inline void locked_govern(struct locked *l, struct reflector *r)
{
    struct err e = { 0 };
    struct reflector_rules rules = { .key = &l->key };
    assert_int_equal(reflector_govern(r, &rules, &e), 0);
}

static inline void locked_close(struct locked *l)
{
    assert_int_equal(unlink(l->path), 0);
}

#endif
