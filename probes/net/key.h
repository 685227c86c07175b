/*
 * key: the secret of --key-file that both ends share.
 *
 * The file is one line. An even number of hexadecimal digits, 32 or more, is the octets they name;
 * anything else printable is the key as it stands. A line's end is not part of it.
 * SOURCE: RFC 8762 4.4 leaves keys to the user. 64 octets: the block of SHA-256, beyond which a key
 * is hashed and gains nothing (RFC 2104 3). 8 octets: ours; what is shorter can be guessed from one
 * packet.
 */
#ifndef PROBES_NET_KEY_H
#define PROBES_NET_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/auth.h"

enum {
    KEY_BYTES_MIN = 8,
    KEY_BYTES_MAX = 64,
    KEY_HEX_DIGITS_MIN = 32,
};

struct key {
    uint8_t bytes[KEY_BYTES_MAX];
    size_t size;
};

/* A file's content. ERR_DATA with the remedy. */
int key_parse(const char *text, size_t size, struct key *k, struct err *e);
/*
 * Reads a file and makes its key ready. ERR_DENIED also when others than its owner and group may
 * read or write it. Leaves no copy of the secret but *k, which auth_key_wipe wipes.
 */
int key_load(const char *path, struct auth_key *k, struct err *e);

#endif
