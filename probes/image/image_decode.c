#include <stdlib.h>

#include "probes/image/decode.h"
#include "probes/image/image.h"
#include "probes/image/supply.h"
#include "probes/kit/clk.h"

static const struct metric image_decode_metrics[] = {
    [DECODE_ZLIB] = {"image.decode.zlib",    UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                     "Unpacked bytes a second that zlib makes of a gzip layer, on one core."},
    [DECODE_ISAL] = { "image.decode.isal",   UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                     "The same by ISA-L, which uses the CPU's vector instructions."         },
    [DECODE_ZSTD] = { "image.decode.zstd",   UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                     "The same bytes from a zstd layer, by libzstd."                        },
    [DECODE_HASH] = { "image.decode.sha256", UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                     "Bytes a second whose SHA-256 one core computes: a pull does so twice."},
    METRIC_END,
};

#define IMAGE_DECODE_SETUP_NS ((uint64_t)CLK_NS_PER_S) /* packing 8 MiB on a slow core */
/* Where making the image used up the slot there is a figure all the same. */
#define IMAGE_DECODE_LEAST_NS (200 * (uint64_t)CLK_NS_PER_MS)

struct image_decode_state {
    struct oci_image image;
    struct decode decode;
};

static int image_decode_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    return image_check(site, 0, e);
}

static int image_decode_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                                 struct probe_cost *cost, struct err *e)
{
    struct supply_size size;
    (void)conf;
    (void)slot_ns;
    if (supply_size(site, &size, e))
        return -1;
    cost->write_bytes = size.make_bytes;
    cost->setup_ns = size.setup_ns + IMAGE_DECODE_SETUP_NS;
    return 0;
}

static int image_decode_setup(struct probe_run *run, struct err *e)
{
    struct image_decode_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to decompress an image");
    if (supply_open(run, &s->image, e))
        return -1;
    return decode_open(&s->decode, &s->image, run->stopping, e);
}

/* Each way gets an equal share of what is left, so that a slow one cannot take the others' time. */
static int image_decode_measure(struct probe_run *run, struct err *e)
{
    struct image_decode_state *s = run->state;
    uint64_t least_ns = clk_now_ns() + IMAGE_DECODE_LEAST_NS;
    uint64_t until_ns = run->until_ns > least_ns ? run->until_ns : least_ns;
    for (unsigned way = 0; way < DECODE_WAYS && !*run->stopping; way++) {
        struct decode_took took;
        uint64_t now_ns = clk_now_ns();
        uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        if (decode_run(&s->decode, way, now_ns + left_ns / (DECODE_WAYS - way), &took, e))
            return -1;
        if (took.bytes == 0)
            continue;
        run->values[way] = (double)took.bytes * CLK_NS_PER_S / (double)took.ns;
        run->observed_ns[way] = took.ns;
    }
    return 0;
}

static void image_decode_judge(struct probe_run *run)
{
    const struct image_decode_state *s = run->state;
    supply_note(run, &s->image);
    result_note(run->result,
                "Over the first %.0f MB of the largest layer, packed anew: gzip level %d to %.0f "
                "MB, zstd level %d to %.0f MB; from memory to memory, one thread.",
                (double)s->decode.size / 1e6, DECODE_GZIP_LEVEL,
                (double)s->decode.packed_bytes[DECODE_ZLIB] / 1e6, DECODE_ZSTD_LEVEL,
                (double)s->decode.packed_bytes[DECODE_ZSTD] / 1e6);
}

static void image_decode_teardown(struct probe_run *run)
{
    struct image_decode_state *s = run->state;
    if (!s)
        return;
    decode_release(&s->decode);
    oci_close(&s->image);
    free(s);
    run->state = NULL;
}

const struct probe image_decode = {
    .name = "image.decode",
    .title = "Decompression of image layers",
    .why = "Where the disk keeps up, a pull is as fast as one core inflates: a host with a slow "
           "core, or a runtime that inflates by zlib, waits for that and not for the network.",
    .source = "containerd pkg/archive/compression (igzip, then unpigz, then its own decoder, one "
              "stream a layer)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET,
    .place = "images",
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK | PROBE_LOADS_CPU,
    .weight = 1,
    .repetition_ns = 200 * (uint64_t)CLK_NS_PER_MS,
    .metrics = image_decode_metrics,
    .supported = image_decode_supported,
    .estimate = image_decode_estimate,
    .setup = image_decode_setup,
    .measure = image_decode_measure,
    .judge = image_decode_judge,
    .teardown = image_decode_teardown,
};
