/*
 * tree: a recorded /proc or /sys from a table, made in a temporary directory.
 * Rows are files ("path", "text"), or links where the text begins with "-> ".
 */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/file.h"

struct tree_row {
    const char *path;
    const char *text;
};

struct tree {
    char path[64];
    int fd; /* -1 when closed */
};

static inline int tree_make_parents(int fd, const char *path)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        (void)mkdirat(fd, part, 0755); /* most are there */
    }
    return 0;
}

static inline int tree_add(int fd, const struct tree_row *row)
{
    (void)tree_make_parents(fd, row->path);
    if (strncmp(row->text, "-> ", 3) == 0) {
        return symlinkat(row->text + 3, fd, row->path);
    }
    int file = openat(fd, row->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t size = strlen(row->text);
    int failed = file < 0 || write(file, row->text, size) != (ssize_t)size;
    if (file >= 0) {
        (void)close(file);
    }
    return failed ? -1 : 0;
}

static inline int tree_make(struct tree *t, const struct tree_row *rows, size_t count)
{
    (void)snprintf(t->path, sizeof(t->path), "/tmp/plimsoll-test-XXXXXX");
    t->fd = mkdtemp(t->path) ? open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    for (size_t i = 0; t->fd >= 0 && i < count; i++) {
        if (tree_add(t->fd, &rows[i]) != 0) {
            return -1;
        }
    }
    return t->fd < 0 ? -1 : 0;
}

static inline void tree_remove(struct tree *t)
{
    struct err e;
    if (t->fd >= 0) {
        (void)close(t->fd);
        (void)file_remove_tree_at(AT_FDCWD, t->path, &e);
        t->fd = -1;
    }
}

#endif
