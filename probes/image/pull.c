#include "probes/image/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

enum {
    PULL_NAME_BYTES = 32
};

int pull_open(struct pull *p, const struct oci_image *image, int dir_fd, uint64_t budget_bytes,
              const volatile sig_atomic_t *stopping, struct err *e)
{
    p->image = image;
    p->dir_fd = dir_fd;
    p->budget_bytes = budget_bytes;
    p->stopping = stopping;
    return unpack_open(&p->unpack, e);
}

void pull_release(struct pull *p)
{
    unpack_release(&p->unpack);
}

bool pull_may(const struct pull *p)
{
    return p->begun < PULL_MAX && p->count.written_bytes + p->image->file_bytes <= p->budget_bytes;
}

/* "pull-3" */
static void pull_name(unsigned number, char name[PULL_NAME_BYTES])
{
    (void)snprintf(name, PULL_NAME_BYTES, "pull-%u", number);
}

static int pull_make_dir(int dir_fd, const char *name, struct err *e)
{
    if (mkdirat(dir_fd, name, 0755))
        return err_set(e, err_kind_of(errno), errno, "create the directory '%s'", name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : err_set(e, err_kind_of(errno), errno, "open '%s'", name);
}

static int pull_layer(struct pull *p, unsigned index, int set_fd, uint64_t until_ns, struct err *e)
{
    const struct apply_limits limits = { .until_ns = until_ns, .stopping = p->stopping };
    char name[PULL_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%u", index);
    AUTO_CLOSE int fd = pull_make_dir(set_fd, name, e);
    if (fd < 0)
        return -1;
    if (unpack_layer(&p->unpack, &p->image->layers[index].source, fd, &limits, &p->count, e))
        return err_wrap(e, "layer %u of %u", index + 1, p->image->count);
    return 0;
}

static int pull_layers(struct pull *p, uint64_t until_ns, struct pull_took *took, struct err *e)
{
    char name[PULL_NAME_BYTES];
    pull_name(p->begun++, name);
    AUTO_CLOSE int fd = pull_make_dir(p->dir_fd, name, e);
    if (fd < 0)
        return -1;
    for (; took->layers < p->image->count; took->layers++) {
        if (pull_layer(p, took->layers, fd, until_ns, e))
            return -1;
    }
    p->whole++;
    return 0;
}

int pull_once(struct pull *p, uint64_t until_ns, struct pull_took *took, struct err *e)
{
    struct apply_count before = p->count;
    uint64_t wall_ns = clk_now_ns();
    uint64_t cpu_ns = clk_thread_cpu_ns();
    *took = (struct pull_took){ 0 };
    int failed = pull_layers(p, until_ns, took, e);
    took->wall_ns = clk_now_ns() - wall_ns;
    took->cpu_ns = clk_thread_cpu_ns() - cpu_ns;
    took->stream_bytes = p->count.stream_bytes - before.stream_bytes;
    took->entries = p->count.entries - before.entries;
    return failed;
}

int pull_remove(struct pull *p, uint64_t until_ns, struct err *e)
{
    char name[PULL_NAME_BYTES];
    int failed = 0;
    for (; p->begun > 0 && clk_now_ns() < until_ns; p->begun--) {
        pull_name(p->begun - 1, name);
        failed = file_remove_tree_at(p->dir_fd, name, e) || failed ? -1 : 0;
    }
    return failed;
}

void pull_note_skips(const struct pull *p, struct result *r)
{
    for (unsigned i = 0; i < APPLY_SKIPS; i++) {
        if (p->count.skipped[i])
            result_note(r, "Left out, for lack of privilege or of support: %s (%llu times).",
                        apply_skip_name((enum apply_skip)i),
                        (unsigned long long)p->count.skipped[i]);
    }
}
