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
 *     chunk_turns    four large files through unpigz
 *     zstd_ratio     CPU time of klauspost's decoder in a profile, to libzstd's
 *
 * The VM was busy with other work all the while. Ratios of this program to containerd in
 * alternating runs, median and range: gzip by its own decoder 1.01, 0.89 to 1.16 (6 runs of three
 * images); zstd 1.01, 0.93 to 1.16 (4); through unpigz 60,000 small files 0.97, 0.86 to 1.02 (4), a
 * mixed image 1.10, 0.88 to 1.44 (4), four large files 0.84, 0.46 to 1.39 (4), 60 files that do not
 * compress 1.27, 1.16 to 3.1 (3). So chunk_turns is the least certain.
 *
 * Of versions after 1.6 only SHA-256 (Go 1.21) and the gzip decoder (containerd v2.4.0-beta.0,
 * klauspost/compress) are known to differ. That decoder's ratio is an assumption; everything else
 * is taken to be as in 1.6, and was not measured.
 */
const struct costs *costs_of(unsigned major, unsigned minor)
{
    static const struct costs_row rows[] = {
        {2,  4, { 1.3, 1.25, 0.0, 13.5, 1.5, 5, 1.5 } },
        { 1, 7, { 1.8, 1.25, 0.0, 13.5, 1.5, 5, 1.5 } },
        { 0, 0, { 1.8, 1.25, 0.95, 13.5, 1.5, 5, 1.5 }},
    };
    size_t i = 0;
    while (major < rows[i].major || (major == rows[i].major && minor < rows[i].minor))
        i++;
    return &rows[i].costs;
}
