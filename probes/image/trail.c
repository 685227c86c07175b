#include "probes/image/trail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TRAIL_OPEN = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    TRAIL_IMPLIED_MODE = 0755 /* of a directory that no entry names. SOURCE: containerd, mkparent */
};

int trail_start(struct trail *t, int root_fd, struct err *e)
{
    struct stat st;
    if (fstat(root_fd, &st))
        return err_set(e, err_kind_of(errno), errno, "look at the directory");
    t->count = 1;
    t->gid = getegid();
    t->batch = NULL;
    t->heirs = NULL;
    t->has_heirs = false;
    t->steps[0] = (struct trail_step){ .fd = root_fd,
                                       .is_plain = st.st_gid == t->gid && !(st.st_mode & S_ISGID) };
    return 0;
}

static int trail_set(const struct trail_step *s, struct err *e)
{
    if (s->sets_mode && fchmod(s->fd, s->mode))
        return err_set(e, err_kind_of(errno), errno, "set a directory's mode");
    if (s->is_changed && s->has_times && futimens(s->fd, s->times))
        return err_set(e, err_kind_of(errno), errno, "set a directory's times");
    return 0;
}

/* To those who make what is queued in it. */
static int trail_hand_over(struct trail *t, const struct trail_step *s, struct err *e)
{
    const struct batch_dir dir = {
        .fd = s->fd,
        .mode = s->mode,
        .times = {s->times[0], s->times[1]},
        .sets_mode = s->sets_mode,
        .has_times = s->is_changed && s->has_times
    };
    return batch_hold(t->batch, &dir, e);
}

/* Leaves the last directory. */
static int trail_pop(struct trail *t, struct err *e)
{
    struct trail_step *s = &t->steps[--t->count];
    if (t->count > 0 && batch_awaits(t->batch, s->queued))
        return trail_hand_over(t, s, e);
    int failed = trail_set(s, e);
    if (t->count > 0)
        (void)close(s->fd);
    return failed;
}

int trail_leave(struct trail *t, struct err *e)
{
    int failed = 0;
    while (t->count > 0 && !failed)
        failed = trail_pop(t, e);
    return failed;
}

void trail_release(struct trail *t)
{
    for (; t->count > 1; t->count--)
        (void)close(t->steps[t->count - 1].fd);
    t->count = 0;
}

/* One that keeps its owner out is opened up; what it had is read before. */
static int trail_open_closed(struct trail_step *s, int above_fd, const char *part)
{
    struct stat st;
    if (fstatat(above_fd, part, &st, AT_SYMLINK_NOFOLLOW))
        return -1;
    errno = ENOTDIR;
    if (!S_ISDIR(st.st_mode) || fchmodat(above_fd, part, (st.st_mode & 07777) | 0700, 0))
        return -1;
    s->sets_mode = true;
    s->mode = st.st_mode & 07777;
    return openat(above_fd, part, TRAIL_OPEN);
}

/* What a directory that was there has, so that it has it again when it is left. */
static int trail_remember(struct trail_step *s, gid_t gid)
{
    struct stat st;
    if (fstat(s->fd, &st))
        return -1;
    s->times[0] = st.st_atim;
    s->times[1] = st.st_mtim;
    s->has_times = true;
    s->is_plain = st.st_gid == gid && !(st.st_mode & S_ISGID);
    if (s->sets_mode || (st.st_mode & 0700) == 0700)
        return 0;
    s->sets_mode = true;
    s->mode = st.st_mode & 07777;
    return fchmod(s->fd, s->mode | 0700);
}

static int trail_open(struct trail_step *s, int above_fd, const char *part, bool is_new, gid_t gid)
{
    s->fd = openat(above_fd, part, TRAIL_OPEN);
    if (s->fd < 0 && errno == EACCES)
        s->fd = trail_open_closed(s, above_fd, part);
    if (s->fd < 0)
        return -1;
    return is_new ? 0 : trail_remember(s, gid);
}

/* The new step takes the place of the last one where there is no more room. */
static int trail_make_room(struct trail *t)
{
    struct err e;
    return t->count < TRAIL_STEPS ? 0 : trail_pop(t, &e);
}

static struct trail_step *trail_push(struct trail *t, const char *part, size_t size, bool is_new)
{
    struct trail_step *above = &t->steps[t->count - 1];
    struct trail_step s = { .is_plain = above->is_plain };
    int failed = trail_open(&s, above->fd, part, is_new, t->gid);
    if (failed && s.fd >= 0)
        (void)close(s.fd);
    if (failed)
        return NULL;
    if (trail_make_room(t)) {
        (void)close(s.fd);
        return NULL;
    }
    size_t from = above->size + (above->size > 0);
    if (from)
        t->path[from - 1] = '/';
    memcpy(t->path + from, part, size);
    s.size = from + size;
    t->steps[t->count] = s;
    return &t->steps[t->count++];
}

/* A directory that no entry names. */
static struct trail_step *trail_make(struct trail *t, const char *name, size_t size)
{
    struct trail_step *above = &t->steps[t->count - 1];
    above->is_changed = true;
    if (mkdirat(above->fd, name, TRAIL_IMPLIED_MODE))
        return NULL;
    struct trail_step *made = trail_push(t, name, size, true);
    if (made) {
        made->sets_mode = !made->is_plain;
        made->mode = TRAIL_IMPLIED_MODE;
    }
    return made;
}

/* Tells the heirs of the directory that the trail ends in. */
static int trail_tell(struct trail *t, enum heirs_kind kind, struct err *e)
{
    if (!t->heirs)
        return 0;
    t->has_heirs = true;
    return heirs_add(t->heirs, t->layer, kind, t->path, t->steps[t->count - 1].size, e);
}

int trail_list(struct trail *t, struct err *e)
{
    return t->has_heirs ? trail_tell(t, HEIRS_LISTED, e) : 0;
}

/* One component further down. */
static int trail_walk(struct trail *t, const char *part, size_t size, struct quota *quota,
                      struct err *e)
{
    char name[NAME_MAX + 1];
    char shown[BENEATH_SHOWN_BYTES];
    memcpy(name, part, size);
    name[size] = '\0';
    if (trail_push(t, name, size, false))
        return 0;
    if (errno == ENOENT && quota) {
        if (quota_take(quota, e))
            return -1;
        if (trail_make(t, name, size))
            return trail_tell(t, HEIRS_IMPLIED, e);
    }
    if (errno == ENOTDIR || errno == ELOOP)
        return err_set(e, ERR_DATA, 0,
                       "it leads through '%s', which is a link or a file and no directory",
                       beneath_show(name, shown));
    return err_set(e, err_kind_of(errno), errno, "enter '%s'", beneath_show(name, shown));
}

/* Whether the step is on the way to the parent of that name. */
static bool trail_leads(const struct trail *t, const struct trail_step *s,
                        const struct beneath_name *name)
{
    bool is_whole = s->size == 0 || s->size == name->parent_size ||
                    (s->size < name->parent_size && name->path[s->size] == '/');
    return is_whole && memcmp(t->path, name->path, s->size) == 0;
}

struct trail_step *trail_enter(struct trail *t, const struct beneath_name *name,
                               struct quota *quota, struct err *e)
{
    while (!trail_leads(t, &t->steps[t->count - 1], name)) {
        if (trail_pop(t, e))
            return NULL;
    }
    size_t at = t->steps[t->count - 1].size;
    for (at += at > 0; at < name->parent_size;) {
        const char *slash = memchr(name->path + at, '/', name->parent_size - at);
        size_t end = slash ? (size_t)(slash - name->path) : name->parent_size;
        if (batch_clear(t->batch, name->path, end, e) ||
            trail_walk(t, name->path + at, end - at, quota, e))
            return NULL;
        at = end + 1;
    }
    return &t->steps[t->count - 1];
}

struct trail_step *trail_descend(struct trail *t, const struct beneath_name *name, bool is_new)
{
    return trail_push(t, name->last, strlen(name->last), is_new);
}
