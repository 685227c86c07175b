#include "probes/image/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"

void beneath_start(struct beneath *b, int root_fd)
{
    b->root_fd = root_fd;
    b->at_fd = -1;
    b->at_size = 0;
    b->at[0] = '\0';
}

void beneath_forget(struct beneath *b)
{
    auto_close_fd(&b->at_fd);
    beneath_start(b, b->root_fd);
}

void beneath_release(struct beneath *b)
{
    beneath_forget(b);
}

const char *beneath_show(const char *text, char shown[BENEATH_SHOWN_BYTES])
{
    size_t size = 0;
    for (; text[size] && size + 1 < BENEATH_SHOWN_BYTES; size++) {
        unsigned char c = (unsigned char)text[size];
        bool is_hostile = c < ' ' || c == 0x7f || c == '\'';
        shown[size] = '?';
        if (!is_hostile)
            shown[size] = text[size];
    }
    shown[size] = '\0';
    if (text[size])
        memcpy(shown + size - 3, "...", 3);
    return shown;
}

static int beneath_add(struct beneath_name *name, size_t *size, const char *part, size_t part_size,
                       struct err *e)
{
    if (part_size > NAME_MAX || *size + part_size + 2 > sizeof name->path)
        return err_set(e, ERR_DATA, 0,
                       "a name of %zu bytes is refused: a part may have %d, the whole %zu",
                       *size + part_size, NAME_MAX, sizeof name->path - 1);
    name->parent_size = *size;
    if (*size)
        name->path[(*size)++] = '/';
    memcpy(name->path + *size, part, part_size);
    name->last = name->path + *size;
    *size += part_size;
    name->path[*size] = '\0';
    return 0;
}

int beneath_name(const char *text, struct beneath_name *name, struct err *e)
{
    size_t size = 0;
    name->path[0] = '\0';
    name->last = name->path;
    name->parent_size = 0;
    if (text[0] == '/')
        return err_set(e, ERR_DATA, 0, "an absolute name is refused");
    while (*text) {
        size_t part = strcspn(text, "/");
        bool dot = part == 1 && text[0] == '.';
        if (part == 2 && text[0] == '.' && text[1] == '.')
            return err_set(e, ERR_DATA, 0, "a name with '..' is refused");
        if (part && !dot && beneath_add(name, &size, text, part, e))
            return -1;
        text += part + (text[part] == '/');
    }
    return 0;
}

static int beneath_open(int above_fd, const char *part, bool make)
{
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(above_fd, part, flags);
    if (fd >= 0 || errno != ENOENT || !make)
        return fd;
    if (mkdirat(above_fd, part, 0755) && errno != EEXIST)
        return -1;
    return openat(above_fd, part, flags);
}

/* One component further down. */
static int beneath_enter(struct beneath *b, const char *part, size_t size, bool make, struct err *e)
{
    char name[NAME_MAX + 1];
    char shown[BENEATH_SHOWN_BYTES];
    memcpy(name, part, size);
    name[size] = '\0';
    int fd = beneath_open(b->at_fd >= 0 ? b->at_fd : b->root_fd, name, make);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return err_set(e, ERR_DATA, 0,
                       "it leads through '%s', which is a link or a file and no directory",
                       beneath_show(name, shown));
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "enter '%s'", beneath_show(name, shown));
    auto_close_fd(&b->at_fd);
    b->at_fd = fd;
    if (b->at_size)
        b->at[b->at_size++] = '/';
    memcpy(b->at + b->at_size, name, size + 1);
    b->at_size += size;
    return 0;
}

int beneath_parent(struct beneath *b, const struct beneath_name *name, bool make, struct err *e)
{
    const char *path = name->path;
    size_t end = name->parent_size;
    bool within = b->at_size <= end && memcmp(b->at, path, b->at_size) == 0 &&
                  (b->at_size == end || b->at_size == 0 || path[b->at_size] == '/');
    if (!within)
        beneath_forget(b);
    size_t at = b->at_size ? b->at_size + 1 : 0;
    while (at < end) {
        const char *slash = memchr(path + at, '/', end - at);
        size_t size = slash ? (size_t)(slash - path) - at : end - at;
        if (beneath_enter(b, path + at, size, make, e)) {
            return -1;
        }
        at += size + 1;
    }
    return b->at_fd >= 0 ? b->at_fd : b->root_fd;
}
