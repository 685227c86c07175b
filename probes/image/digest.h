/*
 * digest: content digests as OCI writes them, "sha256:" and 64 hexadecimal digits.
 *
 * SOURCE: OCI image specification 1.1, descriptor.md, "Digests": algorithm ":" encoded, lower-case
 * digits for sha256. Other algorithms are registered there (sha512, blake3) and not read here.
 */
#ifndef PROBES_IMAGE_DIGEST_H
#define PROBES_IMAGE_DIGEST_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    DIGEST_BYTES = SHA256_DIGEST_SIZE,
    DIGEST_HEX_BYTES = 2 * DIGEST_BYTES + 1 /* with its NUL */
};

/* ERR_UNSUPPORTED for an algorithm but sha256, ERR_DATA for what is no digest at all. */
int digest_parse(const char *text, uint8_t digest[DIGEST_BYTES], struct err *e);
/* 64 lower-case digits; true when they are. Not ended by a NUL. */
bool digest_of_hex(const char *hex, uint8_t digest[DIGEST_BYTES]);
void digest_hex(const uint8_t digest[DIGEST_BYTES], char hex[DIGEST_HEX_BYTES]);

void digest_of_bytes(const void *bytes, size_t size, uint8_t digest[DIGEST_BYTES]);
/* ERR_DATA, saying both, when they differ. */
int digest_compare(const uint8_t found[DIGEST_BYTES], const uint8_t wanted[DIGEST_BYTES],
                   struct err *e);

#endif
