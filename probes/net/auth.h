/*
 * auth: who wrote an octet string: HMAC-SHA-256 cut to 128 bits, by nettle.
 * SOURCE: RFC 8762 4.4 (which hash, how long), RFC 4868 2.1.1 (the cut), RFC 2104 (HMAC).
 */
#ifndef PROBES_NET_AUTH_H
#define PROBES_NET_AUTH_H

#include <nettle/hmac.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AUTH_TAG_BYTES = 16
};

/* A key made ready once. Only read afterwards: threads may share it. */
struct auth_key {
    struct hmac_sha256_ctx ready;
};

/* What a tag covers: two pieces, one after the other; either may be empty. */
struct auth_text {
    const uint8_t *head, *body;
    size_t head_bytes, body_bytes;
};

/* Any number of octets; key.h reads them from a file. */
void auth_key_set(struct auth_key *k, const uint8_t *bytes, size_t size);
/* Leaves nothing of the key in memory. */
void auth_key_wipe(struct auth_key *k);

/* Writes AUTH_TAG_BYTES. */
void auth_put_tag(const struct auth_key *k, const struct auth_text *text, uint8_t *tag);
/* Takes as long for a tag that is wrong at its start as for one wrong at its end. */
bool auth_is_tag(const struct auth_key *k, const struct auth_text *text, const uint8_t *tag);

#endif
