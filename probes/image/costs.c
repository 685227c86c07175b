#include "probes/image/costs.h"

#include <stddef.h>

struct costs_row {
    unsigned major, minor; /* from this version on */
    struct costs costs;
};

/*
 * SOURCE of every number: measured on a VM of two CPUs (AMD EPYC family 26, Linux 6.18) beside
 * containerd 1.6.20 of Debian 12 (Go 1.19), unpacking four images of 60 to 700 MB onto tmpfs, each
 * in turns with this program; `tests/versus/containerd-unpack` and `layers pull` repeat it. Found
 * one after the other, each from an image in which little else counts:
 *
 *     hash_kib       Go's SHA-256 without the CPU's instructions for it (they came with Go 1.21):
 *                    1.87 ns a byte where yardstick.h's KiB takes 1.93 us
 *     inflate_ratio  four files of 140 MB, gzip by its own decoder
 *     entry_kib      60,000 files of 0 to 640 bytes, gzip by its own decoder: 40 us an entry, the
 *                    garbage collection included
 *     part_kib       the same against an image of deeper names: 3 us a part
 *     read_kib       60,000 small files through unpigz: 50 us an entry of CPU on both sides, most
 *                    of which stir.h spends
 *     chunk_kib      four large files through unpigz
 *     zstd_ratio     CPU time of klauspost's decoder in a profile, to libzstd's
 *
 * How far the model was off is in costs_check. The VM's memory had been touched before, all of it:
 * where the host has to find a page for the guest first, writing 1.5 GB costs two seconds more for
 * whoever comes first. chunk_kib is the least certain.
 *
 * Of versions after 1.6 only SHA-256 (Go 1.21) and the gzip decoder (containerd v2.4.0-beta.0,
 * klauspost/compress) are known to differ. That decoder's ratio is an assumption; everything else
 * is taken to be as in 1.6, and was not measured.
 */
const struct costs *costs_of(unsigned major, unsigned minor)
{
    static const struct costs_row rows[] = {
        {2,  4, { 1.3, 1.25, 0.0, 13.5, 1.5, 18, 1.5 } },
        { 1, 7, { 1.8, 1.25, 0.0, 13.5, 1.5, 18, 1.5 } },
        { 0, 0, { 1.8, 1.25, 0.95, 13.5, 1.5, 18, 1.5 }},
    };
    size_t i = 0;
    while (major < rows[i].major || (major == rows[i].major && minor < rows[i].minor))
        i++;
    return &rows[i].costs;
}

const char *costs_way_name(enum costs_way way)
{
    static const char *const names[COSTS_WAYS] = {
        [COSTS_GZIP_IGZIP] = "gzip by igzip",
        [COSTS_GZIP_UNPIGZ] = "gzip by unpigz",
        [COSTS_GZIP_OWN] = "gzip by its own decoder",
        [COSTS_ZSTD] = "zstd",
    };
    return names[way];
}

/*
 * SOURCE: measured on the VM and with the images above, in alternating runs of this program and of
 * containerd 1.6.20. Through igzip nothing was compared, nor with other versions.
 */
const struct costs_check *costs_check(enum costs_way way, unsigned index)
{
    static const struct costs_check own[] = {
        {"three images",                   1.01, 0.89, 1.16, 6},
        { "files of this host's /usr",     0.92, 0.85, 1.06, 4},
        { "four large files",              1.11, 1.09, 1.14, 2},
        { "60 files that do not compress", 1.43, 1.43, 1.43, 1},
    };
    static const struct costs_check zstd[] = {
        {"the reference image", 0.95, 0.80, 1.14, 7},
    };
    static const struct costs_check unpigz[] = {
        {"the reference image, on ext4",   1.08, 0.83, 1.12, 3},
        { "the reference image, on xfs",   0.91, 0.84, 0.98, 2},
        { "files of this host's /usr",     0.87, 0.71, 0.89, 3},
        { "60,000 small files",            0.92, 0.86, 0.94, 3},
        { "four large files",              1.02, 0.96, 1.06, 3},
        { "60 files that do not compress", 0.92, 0.85, 1.01, 3},
    };

    static const struct {
        const struct costs_check *rows;
        size_t count;
    } ways[COSTS_WAYS] = {
        [COSTS_GZIP_UNPIGZ] = {unpigz, sizeof unpigz / sizeof *unpigz},
        [COSTS_GZIP_OWN] = { own,   sizeof own / sizeof *own      },
        [COSTS_ZSTD] = { zstd,  sizeof zstd / sizeof *zstd    },
    };

    return index < ways[way].count ? &ways[way].rows[index] : NULL;
}
