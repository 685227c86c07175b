#include "probes/image/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/image/du.h"
#include "probes/image/removal.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    PULL_NAME_BYTES = 32
};

int pull_open(struct pull *p, const struct pull_conf *conf, struct err *e)
{
    p->conf = *conf;
    return unpack_open(&p->unpack, conf->runtime, e) || flush_open(&p->flush, -1, e) ? -1 : 0;
}

void pull_release(struct pull *p)
{
    flush_release(&p->flush);
    unpack_release(&p->unpack);
}

uint64_t pull_bytes(const struct oci_image *image)
{
    return image->file_bytes + ledger_image_bytes(image->count);
}

uint64_t pull_written_bytes(const struct pull *p)
{
    return p->count.written_bytes + p->ledger_bytes;
}

bool pull_may(const struct pull *p)
{
    return p->begun < PULL_MAX &&
           pull_written_bytes(p) + pull_bytes(p->conf.image) <= p->conf.budget_bytes;
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

/* "2", and in it "fs" for the layer and "work", as the overlay snapshotter makes them. */
static int pull_make_snapshot(int set_fd, unsigned index, struct err *e)
{
    char name[PULL_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%u", index);
    AUTO_CLOSE int fd = pull_make_dir(set_fd, name, e);
    if (fd < 0)
        return -1;
    if (mkdirat(fd, "work", 0711))
        return err_set(e, err_kind_of(errno), errno, "create the directory 'work'");
    return pull_make_dir(fd, "fs", e);
}

static int pull_sync(struct pull *p, int fd, const struct quota *quota, struct err *e)
{
    uint64_t ignored_ns = 0;
    return p->is_durable ? flush_within(&p->flush, fd, quota, &ignored_ns, e) : 0;
}

static int pull_check_digest(const struct pull *p, const struct oci_layer *layer, struct err *e)
{
    if (memcmp(p->unpack.digest, layer->diff_id, sizeof layer->diff_id) == 0)
        return 0;
    return err_set(e, ERR_DATA, 0, "its tar is not the one that the image's config names");
}

/* A snapshot is prepared, the layer applied, the snapshot measured and committed. */
static int pull_snapshot(struct pull *p, unsigned index, int set_fd, uint64_t until_ns,
                         struct err *e)
{
    const struct oci_layer *layer = &p->conf.image->layers[index];
    const struct rules_limits limits = { .until_ns = until_ns, .stopping = p->conf.stopping };
    const struct quota quota = rules_quota(&limits);
    struct du found = { 0 };
    struct walk at;
    AUTO_CLOSE int fd = pull_make_snapshot(set_fd, index, e);
    if (fd < 0 || ledger_commit(&p->ledger, LEDGER_BEFORE, e))
        return -1;
    walk_start(&at, fd, set_fd, index);
    if (unpack_layer(&p->unpack, &layer->source, &at, &limits, &p->count, e) ||
        pull_check_digest(p, layer, e) || pull_sync(p, fd, &quota, e))
        return -1;
    return du_walk(&at, &quota, &found, e) || ledger_commit(&p->ledger, LEDGER_AFTER, e) ? -1 : 0;
}

static int pull_snapshots(struct pull *p, int set_fd, uint64_t until_ns, struct pull_took *took,
                          struct err *e)
{
    if (ledger_commit(&p->ledger, LEDGER_AROUND, e))
        return -1;
    for (; took->layers < p->conf.image->count; took->layers++) {
        if (pull_snapshot(p, took->layers, set_fd, until_ns, e))
            return err_wrap(e, "layer %u of %u", took->layers + 1, p->conf.image->count);
    }
    return ledger_commit(&p->ledger, LEDGER_AROUND, e);
}

static int pull_layers(struct pull *p, uint64_t until_ns, struct pull_took *took, struct err *e)
{
    char name[PULL_NAME_BYTES];
    pull_name(p->begun++, name);
    AUTO_CLOSE int fd = pull_make_dir(p->conf.dir_fd, name, e);
    if (fd < 0 || ledger_open(&p->ledger, fd, e))
        return -1;
    took->opened_ns = clk_now_ns();
    int failed = pull_snapshots(p, fd, until_ns, took, e);
    p->ledger_bytes += LEDGER_FILE_BYTES + p->ledger.written_bytes;
    ledger_release(&p->ledger);
    p->whole += failed ? 0 : 1;
    return failed;
}

int pull_once(struct pull *p, uint64_t until_ns, struct pull_took *took, struct err *e)
{
    struct rules_count before = p->count;
    uint64_t modelled_ns = p->unpack.modelled_ns;
    uint64_t beside_ns = p->unpack.beside_ns;
    uint64_t cpu_ns = clk_thread_cpu_ns();
    *took = (struct pull_took){ .opened_ns = clk_now_ns() };
    int failed = pull_layers(p, until_ns, took, e);
    took->wall_ns = clk_now_ns() - took->opened_ns;
    took->cpu_ns = clk_thread_cpu_ns() - cpu_ns;
    took->modelled_ns = p->unpack.modelled_ns - modelled_ns;
    took->beside_ns = p->unpack.beside_ns - beside_ns;
    took->stream_bytes = p->count.stream_bytes - before.stream_bytes;
    took->entries = p->count.entries - before.entries;
    return failed;
}

int pull_remove_last(struct pull *p, uint64_t until_ns, uint64_t *took_ns, struct err *e)
{
    const struct removal_conf conf = { .threads = 1,
                                       .until_ns = until_ns,
                                       .stopping = p->conf.stopping };
    struct removal_count count;
    char name[PULL_NAME_BYTES];
    pull_name(p->begun - 1, name);
    if (removal_run(&conf, p->conf.dir_fd, name, &count, e))
        return -1;
    p->begun--;
    *took_ns = count.took_ns;
    return 0;
}

/* Once it was asked to stop, only the deadline counts. */
static struct removal_conf pull_removal(const struct pull *p, uint64_t until_ns)
{
    const volatile sig_atomic_t *stopping = p->conf.stopping;
    return (struct removal_conf){ .threads = p->conf.runtime->cpus,
                                  .until_ns = until_ns,
                                  .stopping = stopping && *stopping ? NULL : stopping };
}

int pull_remove(struct pull *p, uint64_t until_ns, struct err *e)
{
    char name[PULL_NAME_BYTES];
    struct removal_count count;
    int failed = 0;
    for (; p->begun > 0 && clk_now_ns() < until_ns; p->begun--) {
        const struct removal_conf conf = pull_removal(p, until_ns);
        pull_name(p->begun - 1, name);
        if (removal_run(&conf, p->conf.dir_fd, name, &count, e) == 0)
            continue;
        if (e->kind == ERR_TIMEOUT || e->kind == ERR_INTERRUPTED)
            return failed;
        failed = -1;
    }
    return failed;
}

void pull_note_skips(const struct pull *p, struct result *r)
{
    for (unsigned i = 0; i < RULES_SKIPS; i++) {
        if (p->count.skipped[i])
            result_note(r, "Left out, for lack of privilege or of support: %s (%llu times).",
                        rules_skip_name((enum rules_skip)i),
                        (unsigned long long)p->count.skipped[i]);
    }
}
