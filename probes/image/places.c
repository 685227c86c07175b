#include "probes/image/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"

/* The name follows. */
struct places_record {
    struct timespec times[2];
    mode_t mode;
    uint32_t size;   /* of this and the name, padded */
    uint32_t before; /* size of the record before this one */
};

int places_open(struct places *p, struct err *e)
{
    *p = (struct places){ .bytes = malloc(PLACES_BYTES), .is_root = geteuid() == 0 };
    return p->bytes ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack layers");
}

void places_start(struct places *p)
{
    p->size = 0;
    p->last = 0;
}

void places_release(struct places *p)
{
    free(p->bytes);
    p->bytes = NULL;
}

int places_add(struct places *p, const char *path, mode_t mode, const struct timespec times[2],
               struct err *e)
{
    size_t align = _Alignof(struct places_record);
    size_t name_size = strlen(path) + 1;
    struct places_record record = {
        .times = {times[0], times[1]},
        .mode = mode,
        .size = (uint32_t)(sizeof record + (name_size + align - 1) / align * align),
        .before = p->last,
    };
    if (p->size + record.size > PLACES_BYTES)
        return err_set(e, ERR_DATA, 0,
                       "more directories than a layer may have (their names fill %d MiB)",
                       PLACES_BYTES >> 20);
    memcpy(p->bytes + p->size, &record, sizeof record);
    memcpy(p->bytes + p->size + sizeof record, path, name_size);
    p->size += record.size;
    p->last = record.size;
    return 0;
}

static int places_finish(const struct places *p, const struct walk *at,
                         const struct places_record *record, const char *path, struct err *e)
{
    struct beneath_name name;
    struct err ignored;
    struct stat st;
    char whole[WALK_PATH_BYTES];
    if (beneath_name(path, &name, e))
        return -1;
    walk_path(at, path, whole);
    if (walk_parent(at, &name, false, &ignored) ||
        fstatat(at->root_fd, whole, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
        return 0;
    if (!p->is_root && fchmodat(at->root_fd, whole, record->mode, 0))
        return err_set(e, err_kind_of(errno), errno, "set the mode");
    if (utimensat(at->root_fd, whole, record->times, AT_SYMLINK_NOFOLLOW))
        return err_set(e, err_kind_of(errno), errno, "set the times");
    return 0;
}

/*
 * In order when root, so that of two entries for one directory the later has the last word. Without
 * privilege from the end: a directory that forbids entering comes after what is in it.
 */
int places_finish_next(const struct places *p, const struct walk *w, struct places_cursor *at,
                       struct err *e)
{
    struct places_record record;
    char shown[BENEATH_SHOWN_BYTES];
    if (at->done >= p->size)
        return 0;
    if (at->done == 0)
        at->at = p->is_root ? 0 : p->size - p->last;
    memcpy(&record, p->bytes + at->at, sizeof record);
    const char *path = p->bytes + at->at + sizeof record;
    if (places_finish(p, w, &record, path, e))
        return err_wrap(e, "directory '%s'", beneath_show(path, shown));
    at->done += record.size;
    at->at = p->is_root ? at->at + record.size : at->at - record.before;
    return 1;
}
