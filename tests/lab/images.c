/*
 * What image.bats needs of the reader of images:
 *     images PATH [NAME [PLATFORM]]  opens and verifies an image; prints what it is, then a line a
 *                                    layer: "layer FORM BYTES TAR-BYTES ENTRIES diff_id"
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "probes/image/digest.h"
#include "probes/image/oci.h"

static void images_print(const struct oci_image *i)
{
    static const char *const forms[] = {
        [STREAM_GZIP] = "gzip", [STREAM_PLAIN] = "plain", [STREAM_ZSTD] = "zstd"
    };
    char hex[DIGEST_HEX_BYTES];
    (void)printf("form %s\nplatform %s\nid %s\n", i->form, i->platform, i->id);
    (void)printf("packed %" PRIu64 "\ntar %" PRIu64 "\nentries %" PRIu64 "\nfiles %" PRIu64 "\n",
                 i->packed_bytes, i->tar_bytes, i->entries, i->file_bytes);
    for (unsigned n = 0; n < i->count; n++) {
        const struct oci_layer *layer = &i->layers[n];
        digest_hex(layer->diff_id, hex);
        (void)printf("layer %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", forms[layer->source.form],
                     layer->source.size, layer->tar_bytes, layer->entries, hex);
    }
}

int main(int argc, char **argv)
{
    struct oci_image image;
    struct err e;
    if (argc < 2) {
        (void)fprintf(stderr, "usage: images PATH [NAME [PLATFORM]]\n");
        return 3;
    }
    const struct oci_wish wish = { .name = argc > 2 ? argv[2] : NULL,
                                   .platform = argc > 3 ? argv[3] : NULL };
    int failed = oci_open(AT_FDCWD, argv[1], &wish, &image, &e);
    if (!failed) {
        failed = oci_verify(&image, 2, 0, NULL, &e);
        if (!failed)
            images_print(&image);
        oci_close(&image);
    }
    if (failed)
        (void)fprintf(stderr, "%s\n", e.msg);
    return failed ? 1 : 0;
}
