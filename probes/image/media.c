#include "probes/image/media.h"

#include <string.h>
#include <unistd.h>

enum media_way {
    MEDIA_PLAIN,
    MEDIA_SNIFF,
    MEDIA_FOREIGN
};

struct media_row {
    const char *media_type;
    enum media_way way;
};

static const struct media_row media_rows[] = {
    {"",                                                              MEDIA_SNIFF  },
    { "application/vnd.oci.image.layer.v1.tar",                       MEDIA_PLAIN  },
    { "application/vnd.oci.image.layer.v1.tar+gzip",                  MEDIA_SNIFF  },
    { "application/vnd.oci.image.layer.v1.tar+zstd",                  MEDIA_SNIFF  },
    { "application/vnd.docker.image.rootfs.diff.tar",                 MEDIA_SNIFF  },
    { "application/vnd.docker.image.rootfs.diff.tar.gzip",            MEDIA_SNIFF  },
    { "application/vnd.docker.image.rootfs.diff.tar.zstd",            MEDIA_SNIFF  },
    { "application/vnd.oci.image.layer.nondistributable.v1.tar",      MEDIA_FOREIGN},
    { "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_FOREIGN},
    { "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_FOREIGN},
    { "application/vnd.docker.image.rootfs.foreign.diff.tar",         MEDIA_FOREIGN},
    { "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",    MEDIA_FOREIGN},
};

struct media_magic {
    uint8_t bytes[4], mask[4];
    enum stream_form form;
};

/* SOURCE: RFC 1952 2.3.1 (ID1, ID2, CM 8); RFC 8878 3.1.1 and 3.1.2 (skippable frames). */
static const struct media_magic media_magics[] = {
    {{ 0x1f, 0x8b, 0x08, 0x00 },  { 0xff, 0xff, 0xff, 0x00 }, STREAM_GZIP},
    { { 0x28, 0xb5, 0x2f, 0xfd }, { 0xff, 0xff, 0xff, 0xff }, STREAM_ZSTD},
    { { 0x50, 0x2a, 0x4d, 0x18 }, { 0xf0, 0xff, 0xff, 0xff }, STREAM_ZSTD},
};

static bool media_matches(const struct media_magic *m, const uint8_t bytes[4])
{
    for (unsigned i = 0; i < sizeof m->bytes; i++) {
        if ((bytes[i] & m->mask[i]) != m->bytes[i])
            return false;
    }
    return true;
}

static enum stream_form media_sniff(const struct stream_source *source)
{
    uint8_t bytes[4] = { 0 };
    size_t size = source->size < sizeof bytes ? (size_t)source->size : sizeof bytes;
    if (pread(source->fd, bytes, size, (off_t)source->offset) <= 0)
        return STREAM_PLAIN;
    for (size_t i = 0; i < sizeof media_magics / sizeof *media_magics; i++) {
        if (media_matches(&media_magics[i], bytes))
            return media_magics[i].form;
    }
    return STREAM_PLAIN;
}

static const struct media_row *media_row(const char *media_type)
{
    for (size_t i = 0; i < sizeof media_rows / sizeof *media_rows; i++) {
        if (strcmp(media_rows[i].media_type, media_type) == 0)
            return &media_rows[i];
    }
    return NULL;
}

int media_judge(const char *media_type, struct stream_source *source, struct err *e)
{
    const struct media_row *row = media_row(media_type);
    if (strstr(media_type, "+encrypted"))
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "it is encrypted (%s); decrypt the image first: skopeo copy "
                       "--decryption-key",
                       media_type);
    if (!row)
        return err_set(e, ERR_UNSUPPORTED, 0, "it is no layer of a kind that is read: '%s'",
                       media_type);
    if (row->way == MEDIA_FOREIGN)
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "it is a foreign layer (%s), which is fetched from elsewhere and is for "
                       "another system",
                       media_type);
    source->form = row->way == MEDIA_PLAIN ? STREAM_PLAIN : media_sniff(source);
    return 0;
}
