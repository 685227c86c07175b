#include "probes/image/descriptor.h"

#include <stdio.h>
#include <string.h>

struct descriptor_type {
    const char *media_type;
    enum descriptor_kind kind;
};

static const struct descriptor_type descriptor_types[] = {
    {"application/vnd.oci.image.index.v1+json",                    DESCRIPTOR_INDEX   },
    { "application/vnd.docker.distribution.manifest.list.v2+json", DESCRIPTOR_INDEX   },
    { "application/vnd.oci.image.manifest.v1+json",                DESCRIPTOR_MANIFEST},
    { "application/vnd.docker.distribution.manifest.v2+json",      DESCRIPTOR_MANIFEST},
    { "application/vnd.oci.image.config.v1+json",                  DESCRIPTOR_CONFIG  },
    { "application/vnd.docker.container.image.v1+json",            DESCRIPTOR_CONFIG  },
};

static enum descriptor_kind descriptor_kind_of(const char *media_type)
{
    for (size_t i = 0; i < sizeof descriptor_types / sizeof *descriptor_types; i++) {
        if (strcmp(descriptor_types[i].media_type, media_type) == 0)
            return descriptor_types[i].kind;
    }
    return DESCRIPTOR_OTHER;
}

/* It comes from somebody else and goes into sentences. */
static void descriptor_scrub(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f || *text == '\'')
            *text = '?';
    }
}

/* Annotations are many and any; a name that is too long cannot be asked for. */
static void descriptor_read_names(const struct node *at, struct descriptor *d)
{
    struct err passed = { 0 };
    struct node annotations = node_member(at, "annotations");
    if (node_text_or_empty(&annotations, "org.opencontainers.image.ref.name", d->short_name,
                           sizeof d->short_name, &passed)) {
        d->short_name[0] = '\0';
    }
    if (node_text_or_empty(&annotations, "io.containerd.image.name", d->name, sizeof d->name,
                           &passed)) {
        d->name[0] = '\0';
    }
    descriptor_scrub(d->name);
    descriptor_scrub(d->short_name);
    if (!d->name[0])
        memcpy(d->name, d->short_name, sizeof d->name);
    d->is_attestation = d->is_attestation || node_has(&annotations, "vnd.docker.reference.type");
}

static int descriptor_read_platform(const struct node *at, struct descriptor *d, struct err *e)
{
    struct node platform;
    d->has_platform = node_has(at, "platform");
    if (!d->has_platform)
        return 0;
    if (node_object(at, "platform", &platform, e) || platform_read(&platform, &d->platform, e))
        return -1;
    d->is_attestation = platform_is_unknown(&d->platform);
    return 0;
}

int descriptor_read(const struct node *at, struct descriptor *d, struct err *e)
{
    *d = (struct descriptor){ 0 };
    if (!json_is_object(at->value))
        return node_refuse(at, "an object", e);
    if (node_text(at, "mediaType", d->media_type, sizeof d->media_type, e) ||
        node_u64(at, "size", &d->size, e)) {
        return -1;
    }
    const char *digest = node_text_ref(at, "digest", e);
    if (!digest)
        return -1;
    if (digest_parse(digest, d->digest, e))
        return err_wrap(e, "%s.digest", at->where[0] ? at->where : "descriptor");
    d->kind = descriptor_kind_of(d->media_type);
    descriptor_scrub(d->media_type);
    if (descriptor_read_platform(at, d, e))
        return -1;
    descriptor_read_names(at, d);
    return 0;
}

void descriptor_path(const struct descriptor *d, char path[DESCRIPTOR_PATH_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    digest_hex(d->digest, hex);
    (void)snprintf(path, DESCRIPTOR_PATH_BYTES, "blobs/sha256/%s", hex);
}

bool descriptor_has_name(const struct descriptor *d, const char *name)
{
    return strcmp(d->name, name) == 0 || strcmp(d->short_name, name) == 0;
}
