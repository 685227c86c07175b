#include "probes/image/supply.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "probes/image/hint.h"
#include "probes/image/mint.h"
#include "probes/image/spec.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

enum {
    SUPPLY_NAME_BYTES = 128,
    SUPPLY_RECORD_BYTES = 64 << 10,        /* OCI_LAYERS_MAX layers, three numbers each */
    SUPPLY_MAKE_BYTES_PER_S = 20 << 20,    /* one slow core making and compressing content */
    SUPPLY_VERIFY_BYTES_PER_S = 100 << 20, /* one slow core inflating and digesting */
};

/* A block's rest, an inode and a name a file: a third for the mix of tree.h. */
static uint64_t supply_on_disk(uint64_t bytes)
{
    return bytes + bytes / 3 + (1 << 20);
}

static uint64_t supply_time_ns(uint64_t bytes, uint64_t bytes_per_s, unsigned cpus)
{
    uint64_t threads = cpus > 1 ? 2 : 1; /* the largest layers bound what more of them do */
    return (uint64_t)((double)bytes / (double)(bytes_per_s * threads) * CLK_NS_PER_S);
}

static int supply_open_path(const struct spec *spec, struct oci_image *image, struct err *e)
{
    const struct oci_wish wish = { .name = spec->name };
    return oci_open(AT_FDCWD, spec->path, &wish, image, e);
}

static int supply_size_path(const struct probe_site *site, const struct spec *spec,
                            struct supply_size *size, struct err *e)
{
    struct oci_image image;
    if (supply_open_path(spec, &image, e))
        return -1;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < image.count; i++)
        bytes += hint_of_source(&image.layers[i].source);
    unsigned layers = image.count;
    oci_close(&image);
    *size = (struct supply_size){
        .layers = layers,
        .file_bytes = bytes,
        .unpacked_bytes = supply_on_disk(bytes),
        .setup_ns = supply_time_ns(bytes, SUPPLY_VERIFY_BYTES_PER_S, site->cpus),
    };
    return 0;
}

static bool supply_is_missing(int sys)
{
    static const int errnos[] = { ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG };

    for (size_t i = 0; i < sizeof errnos / sizeof *errnos; i++) {
        if (errnos[i] == sys)
            return true;
    }
    return false;
}

/*
 * What is wrong with the words or the image ends the run: the naming of another one is the remedy.
 * That this host has no memory or no descriptors for it, or that a disk fails, says nothing of it.
 */
static int supply_refuse(struct err *e)
{
    if (e->kind == ERR_DATA || e->kind == ERR_UNSUPPORTED || e->kind == ERR_DENIED ||
        supply_is_missing(e->sys))
        e->kind = ERR_USAGE;
    return err_wrap(e, "--image");
}

int supply_size(const struct probe_site *site, struct supply_size *size, struct err *e)
{
    struct spec spec;
    if (spec_parse(site->image, &spec, e))
        return supply_refuse(e);
    if (spec.kind == SPEC_PATH)
        return supply_size_path(site, &spec, size, e) ? supply_refuse(e) : 0;
    *size = (struct supply_size){
        .layers = MINT_LAYERS_MAX,
        .make_bytes = mint_packed_bytes_max(spec.kind),
        .unpacked_bytes = mint_unpacked_bytes_max(spec.kind),
        .file_bytes = mint_file_bytes(spec.kind),
        .setup_ns = supply_time_ns(mint_file_bytes(spec.kind), SUPPLY_MAKE_BYTES_PER_S, site->cpus),
    };
    return 0;
}

/* "image-small-zstd-1" */
static void supply_name(const struct spec *spec, char name[SUPPLY_NAME_BYTES])
{
    (void)snprintf(name, SUPPLY_NAME_BYTES, "image-%s%s-%" PRIu64,
                   spec->kind == SPEC_SMALL ? "small" : "reference", spec->is_zstd ? "-zstd" : "",
                   spec->seed);
}

/* Made unless another probe of this run has. */
static int supply_open_made(struct probe_run *run, const struct spec *spec, struct oci_image *image,
                            struct err *e)
{
    const struct mint_conf conf = {
        .kind = spec->kind, .is_zstd = spec->is_zstd, .seed = spec->seed, .threads = run->site->cpus
    };
    const struct oci_wish wish = { 0 };
    char name[SUPPLY_NAME_BYTES];
    uint64_t written_bytes = 0;
    supply_name(spec, name);
    if (faccessat(run->shared_fd, name, F_OK, 0)) {
        int failed = mint_make(&conf, run->shared_fd, name, run->stopping, &written_bytes, e);
        run->result->written_bytes += written_bytes;
        if (failed)
            return err_wrap(e, "'%s'", run->site->dir);
    }
    return oci_open(run->shared_fd, name, &wish, image, e);
}

/* What oci_verify found is kept for the next probe of the run under "image-ID.verified". */
static void supply_record_name(const struct oci_image *image, char name[SUPPLY_NAME_BYTES])
{
    (void)snprintf(name, SUPPLY_NAME_BYTES, "image-%s.verified", image->id);
}

static json_t *supply_record(const struct oci_image *image)
{
    json_t *layers = json_array();
    for (unsigned i = 0; i < image->count; i++) {
        const struct oci_layer *layer = &image->layers[i];
        (void)json_array_append_new(layers, json_pack("[I,I,I]", (json_int_t)layer->tar_bytes,
                                                      (json_int_t)layer->entries,
                                                      (json_int_t)layer->file_bytes));
    }
    return json_pack("{s:I,s:o}", "packed_bytes", (json_int_t)image->packed_bytes, "layers",
                     layers);
}

/* Without it the next probe verifies again: failures are none. */
static void supply_remember(struct probe_run *run, const struct oci_image *image)
{
    char name[SUPPLY_NAME_BYTES];
    struct err ignored;
    json_t *record = supply_record(image);
    AUTO_FREE char *text = json_dumps(record, JSON_COMPACT);
    json_decref(record);
    supply_record_name(image, name);
    AUTO_CLOSE int fd =
        openat(run->shared_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || !text || file_write_all(fd, text, strlen(text), &ignored))
        return;
    run->result->written_bytes += strlen(text);
}

/* Whether the record is of these very layers; then the image has its figures. */
static bool supply_fill(struct oci_image *image, const json_t *record)
{
    const json_t *layers = json_object_get(record, "layers");
    json_int_t packed = json_integer_value(json_object_get(record, "packed_bytes"));
    if ((uint64_t)packed != image->packed_bytes || json_array_size(layers) != image->count)
        return false;
    for (unsigned i = 0; i < image->count; i++) {
        struct oci_layer *layer = &image->layers[i];
        const json_t *row = json_array_get(layers, i);
        layer->tar_bytes = (uint64_t)json_integer_value(json_array_get(row, 0));
        layer->entries = (uint64_t)json_integer_value(json_array_get(row, 1));
        layer->file_bytes = (uint64_t)json_integer_value(json_array_get(row, 2));
        image->tar_bytes += layer->tar_bytes;
        image->entries += layer->entries;
        image->file_bytes += layer->file_bytes;
    }
    return true;
}

static bool supply_recall(const struct probe_run *run, struct oci_image *image)
{
    AUTO(buf) struct buf text = { .cap = SUPPLY_RECORD_BYTES };
    char name[SUPPLY_NAME_BYTES];
    struct err ignored;
    supply_record_name(image, name);
    if (file_read_at(run->shared_fd, name, &text, &ignored))
        return false;
    json_t *record = json_loads(buf_text(&text), 0, NULL);
    bool known = record && supply_fill(image, record);
    json_decref(record);
    return known;
}

/* Its figures are known afterwards: read again unless another probe of this run has. */
static int supply_verify(struct probe_run *run, struct oci_image *image, struct err *e)
{
    if (supply_recall(run, image))
        return 0;
    if (oci_verify(image, run->site->cpus, run->slot_end_ns, run->stopping, e))
        return -1;
    supply_remember(run, image);
    return 0;
}

/* Where nothing is unpacked there is nothing to time. */
static int supply_check(const struct probe_run *run, const struct oci_image *image, struct err *e)
{
    if (image->tar_bytes > 0)
        return 0;
    return err_set(e, ERR_DATA, 0,
                   "--image '%s': the image has no content: nothing is in its %u layers; name "
                   "another one",
                   run->site->image, image->count);
}

int supply_open(struct probe_run *run, struct oci_image *image, struct err *e)
{
    struct spec spec;
    *image = (struct oci_image){ 0 };
    if (spec_parse(run->site->image, &spec, e))
        return -1;
    if (spec.kind == SPEC_PATH ? supply_open_path(&spec, image, e)
                               : supply_open_made(run, &spec, image, e))
        return -1;
    if (supply_verify(run, image, e) || supply_check(run, image, e)) {
        oci_close(image);
        return -1;
    }
    return 0;
}

static void supply_note_parameters(struct probe_run *run, const struct oci_image *image,
                                   const char *what)
{
    json_t *parameters = run->result->parameters;
    if (!parameters)
        return;
    (void)json_object_set_new(parameters, "image", json_string(what));
    (void)json_object_set_new(parameters, "image_id", json_string(image->id));
    (void)json_object_set_new(parameters, "image_layers", json_integer(image->count));
}

void supply_note(struct probe_run *run, const struct oci_image *image)
{
    struct spec spec;
    struct err ignored;
    const char *what = run->site->image && *run->site->image ? run->site->image : "small";
    bool is_made = spec_parse(what, &spec, &ignored) == 0 && spec.kind != SPEC_PATH;
    supply_note_parameters(run, image, what);
    result_note(run->result,
                "Image '%s' (%s): %u layers, %" PRIu64
                " entries, %.1f MB unpacked, %.1f MB packed (%.2f:1).",
                what, is_made ? "made from its seed" : image->form, image->count, image->entries,
                (double)image->tar_bytes / 1e6, (double)image->packed_bytes / 1e6,
                (double)image->tar_bytes / (double)(image->packed_bytes ? image->packed_bytes : 1));
    result_note(run->result, "Its image ID is %.16s...%s", image->id,
                is_made ? ", the same on every machine." : ".");
}
