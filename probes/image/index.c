#include "probes/image/index.h"

#include <string.h>

#include "probes/image/beneath.h"
#include "probes/image/jsonfile.h"
#include "probes/image/listing.h"
#include "probes/image/manifest.h"
#include "probes/kit/auto.h"

struct index_search {
    struct shelf *shelf;
    const char *name;
    const struct platform *wanted;
    struct descriptor *found;
    int rank; /* of found; -1: none yet */
    unsigned lookups;
    bool has_first, is_ambiguous;
    struct descriptor first; /* at the top, of those that have the name */
    struct listing names;    /* of the images at the top */
    struct listing platforms;
};

static const struct descriptor index_top = {
    .media_type = "application/vnd.oci.image.index.v1+json",
    .kind = DESCRIPTOR_INDEX,
};

static int index_walk(struct index_search *q, const struct node *index, unsigned depth,
                      struct err *e);

static int index_look_up(struct index_search *q, struct err *e)
{
    if (++q->lookups <= INDEX_LOOKUPS_MAX)
        return 0;
    return err_set(e, ERR_DATA, 0,
                   "more than %d documents would have to be read to find the image's platform",
                   INDEX_LOOKUPS_MAX);
}

static int index_enter(struct index_search *q, const struct descriptor *d, unsigned depth,
                       struct err *e)
{
    AUTO(jsonfile) struct jsonfile file = { 0 };
    if (depth == INDEX_DEPTH_MAX)
        return err_set(e, ERR_DATA, 0, "indexes within indexes, more than %d deep",
                       INDEX_DEPTH_MAX);
    if (index_look_up(q, e))
        return -1;
    if (jsonfile_read_blob(q->shelf, d, &file, e))
        return err_wrap(e, "index");
    struct node root = node_root(file.json);
    if (manifest_check_form(&root, d, "layers", e))
        return err_wrap(e, "index");
    return index_walk(q, &root, depth, e);
}

/* false when it is of no container image. */
static int index_ask_config(struct index_search *q, const struct descriptor *d, bool *is_image,
                            struct platform *platform, struct err *e)
{
    struct manifest manifest = { 0 };
    struct config config = { 0 };
    AUTO(jsonfile) struct jsonfile file = { 0 };
    if (index_look_up(q, e) || manifest_read(q->shelf, d, &manifest, e))
        return -1;
    *is_image = manifest_is_image(&manifest);
    int failed = 0;
    if (*is_image) {
        failed = jsonfile_read_blob(q->shelf, &manifest.config, &file, e)
                     ? err_wrap(e, "config")
                     : manifest_read_config(&file, &config, e);
        *platform = config.platform;
    }
    manifest_release(&manifest);
    manifest_release_config(&config);
    return failed;
}

static int index_weigh(struct index_search *q, const struct descriptor *d, struct err *e)
{
    struct platform platform = d->platform;
    bool is_image = true;
    char shown[PLATFORM_SHOWN_BYTES];
    if (!d->has_platform && index_ask_config(q, d, &is_image, &platform, e))
        return -1;
    if (!is_image || platform_is_unknown(&platform))
        return 0;
    listing_add(&q->platforms, platform_show(&platform, shown));
    int rank = platform_rank(q->wanted, &platform);
    if (rank >= 0 && (q->rank < 0 || rank < q->rank)) {
        *q->found = *d;
        q->rank = rank;
    }
    return 0;
}

/* At the top are images with names; false for one that is not meant. */
static bool index_is_meant(struct index_search *q, const struct descriptor *d)
{
    listing_add(&q->names, d->name[0] ? d->name : "(one without a name)");
    if (q->name[0] && !descriptor_has_name(d, q->name))
        return false;
    if (!q->has_first) {
        q->has_first = true;
        q->first = *d;
    }
    q->is_ambiguous = q->is_ambiguous || (!q->name[0] && strcmp(q->first.name, d->name) != 0 &&
                                          memcmp(q->first.digest, d->digest, DIGEST_BYTES) != 0);
    return true;
}

static int index_take(struct index_search *q, const struct descriptor *d, unsigned depth,
                      struct err *e)
{
    bool is_either = d->kind == DESCRIPTOR_INDEX || d->kind == DESCRIPTOR_MANIFEST;
    if (!is_either || d->is_attestation)
        return 0;
    if (depth == 0 && !index_is_meant(q, d))
        return 0;
    if (q->is_ambiguous)
        return 0;
    return d->kind == DESCRIPTOR_INDEX ? index_enter(q, d, depth + 1, e) : index_weigh(q, d, e);
}

static int index_walk(struct index_search *q, const struct node *index, unsigned depth,
                      struct err *e)
{
    struct node manifests;
    if (node_array(index, "manifests", &manifests, e))
        return err_wrap(e, "index");
    for (size_t i = 0; i < node_count(&manifests); i++) {
        struct node item = node_item(&manifests, i);
        struct descriptor d;
        if (descriptor_read(&item, &d, e))
            return err_wrap(e, "index");
        if (index_take(q, &d, depth, e))
            return -1;
    }
    return 0;
}

static int index_conclude(const struct index_search *q, struct err *e)
{
    char more[LISTING_MORE_BYTES];
    char shown[BENEATH_SHOWN_BYTES];
    char platform[PLATFORM_SHOWN_BYTES];
    (void)listing_more(&q->names, more);
    if (q->is_ambiguous)
        return err_set(e, ERR_USAGE, 0, "it holds several images; add @ and the name of one: %s%s",
                       q->names.text, more);
    if (q->name[0] && !q->has_first)
        return err_set(e, ERR_USAGE, 0, "it holds no image named '%s', but %s%s",
                       beneath_show(q->name, shown),
                       q->names.text[0] ? q->names.text : "none at all", more);
    if (q->rank >= 0)
        return 0;
    if (!q->platforms.text[0])
        return err_set(e, ERR_DATA, 0, "index.json: it lists no container image");
    return err_set(e, ERR_UNSUPPORTED, 0, "it holds no image for %s, but for: %s%s",
                   platform_show(q->wanted, platform), q->platforms.text,
                   listing_more(&q->platforms, more));
}

int index_find(struct shelf *s, const char *name, const struct platform *wanted,
               struct descriptor *found, struct err *e)
{
    AUTO(jsonfile) struct jsonfile file = { 0 };
    struct index_search search = {
        .shelf = s, .name = name, .wanted = wanted, .found = found, .rank = -1
    };
    if (jsonfile_read(s, "index.json", &file, e))
        return -1;
    struct node root = node_root(file.json);
    if (manifest_check_form(&root, &index_top, "layers", e))
        return err_wrap(e, "index.json");
    if (index_walk(&search, &root, 0, e))
        return -1;
    return index_conclude(&search, e);
}
