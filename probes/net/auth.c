#include "probes/net/auth.h"

#include <nettle/memops.h>
#include <string.h>

void auth_key_set(struct auth_key *k, const uint8_t *bytes, size_t size)
{
    hmac_sha256_set_key(&k->ready, size, bytes);
}

void auth_key_wipe(struct auth_key *k)
{
    explicit_bzero(k, sizeof *k);
}

void auth_put_tag(const struct auth_key *k, const struct auth_text *text, uint8_t *tag)
{
    struct hmac_sha256_ctx work = k->ready;
    hmac_sha256_update(&work, text->head_bytes, text->head);
    hmac_sha256_update(&work, text->body_bytes, text->body);
    hmac_sha256_digest(&work, AUTH_TAG_BYTES, tag);
}

bool auth_is_tag(const struct auth_key *k, const struct auth_text *text, const uint8_t *tag)
{
    uint8_t right[AUTH_TAG_BYTES];
    auth_put_tag(k, text, right);
    return memeql_sec(right, tag, AUTH_TAG_BYTES) != 0;
}
