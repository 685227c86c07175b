#include "probes/image/digest.h"

#include <stdio.h>
#include <string.h>

#include "probes/image/beneath.h"

static const char digest_prefix[] = "sha256:";
static const char digest_digits[] = "0123456789abcdef";

bool digest_of_hex(const char *hex, uint8_t digest[DIGEST_BYTES])
{
    for (unsigned i = 0; i < 2 * DIGEST_BYTES; i++) {
        const char *digit = hex[i] ? strchr(digest_digits, hex[i]) : NULL;
        if (!digit)
            return false;
        unsigned value = (unsigned)(digit - digest_digits);
        digest[i / 2] = (uint8_t)(i % 2 ? (unsigned)digest[i / 2] << 4 | value : value);
    }
    return true;
}

void digest_hex(const uint8_t digest[DIGEST_BYTES], char hex[DIGEST_HEX_BYTES])
{
    for (unsigned i = 0; i < DIGEST_BYTES; i++)
        (void)snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
}

/* "sha512:..." and the like, as the specification's grammar has it. */
static bool digest_is_of_other(const char *text)
{
    size_t algorithm = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+._-");
    if (algorithm == 0 || text[algorithm] != ':' ||
        strncmp(text, digest_prefix, sizeof digest_prefix - 1) == 0) {
        return false;
    }
    const char *encoded = text + algorithm + 1;
    size_t size = strspn(encoded, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789=_-");
    return size > 0 && encoded[size] == '\0';
}

int digest_parse(const char *text, uint8_t digest[DIGEST_BYTES], struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    size_t prefix = sizeof digest_prefix - 1;
    if (strncmp(text, digest_prefix, prefix) == 0 &&
        strlen(text) == prefix + (size_t)2 * DIGEST_BYTES && digest_of_hex(text + prefix, digest)) {
        return 0;
    }
    if (digest_is_of_other(text))
        return err_set(e, ERR_UNSUPPORTED, 0, "'%s' is not by SHA-256, the only algorithm read",
                       beneath_show(text, shown));
    return err_set(e, ERR_DATA, 0, "'%s' is no digest: 'sha256:' and 64 hexadecimal digits",
                   beneath_show(text, shown));
}

void digest_of_bytes(const void *bytes, size_t size, uint8_t digest[DIGEST_BYTES])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, DIGEST_BYTES, digest);
}

int digest_compare(const uint8_t found[DIGEST_BYTES], const uint8_t wanted[DIGEST_BYTES],
                   struct err *e)
{
    char found_hex[DIGEST_HEX_BYTES];
    char wanted_hex[DIGEST_HEX_BYTES];
    if (memcmp(found, wanted, DIGEST_BYTES) == 0)
        return 0;
    digest_hex(found, found_hex);
    digest_hex(wanted, wanted_hex);
    return err_set(e, ERR_DATA, 0, "its SHA-256 is %s and should be %s", found_hex, wanted_hex);
}
