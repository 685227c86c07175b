#include "probes/host/storage.h"

#include <stddef.h>

/* A text of struct place, and why it may be empty. */
struct storage_row {
    const char *fact;
    size_t offset;
    const char *missing;
};

static const struct storage_row storage_rows[] = {
    {"host.disk.fs",           offsetof(struct place, fs),          "the mount table does not say"},
    { "host.disk.journal",     offsetof(struct place, journal),     "the kernel does not say"     },
    { "host.disk.device",      offsetof(struct place, device),
     "no block device lies under this filesystem"                                                 },
    { "host.disk.driver",      offsetof(struct place, driver),      "/sys names no driver"        },
    { "host.disk.scheduler",   offsetof(struct place, scheduler),   "/sys names no I/O scheduler" },
    { "host.disk.write_cache", offsetof(struct place, write_cache),
     "/sys does not say whether there is one"                                                     },
};

enum {
    STORAGE_ROWS = sizeof storage_rows / sizeof storage_rows[0]
};

static const char *const storage_numbers[] = {
    "host.disk.rotational",        "host.disk.size", "host.disk.free", "host.disk.free_ratio",
    "host.disk.inodes_free_ratio",
};

static void storage_state_none(struct facts *f)
{
    static const char why[] = "no directory was given to look under";
    for (unsigned i = 0; i < STORAGE_ROWS; i++)
        (void)facts_set_unknown(f, storage_rows[i].fact, why);
    for (size_t i = 0; i < sizeof storage_numbers / sizeof storage_numbers[0]; i++)
        (void)facts_set_unknown(f, storage_numbers[i], why);
}

static void storage_state_ratio(struct facts *f, const char *fact, uint64_t part, uint64_t whole,
                                const char *missing)
{
    if (whole)
        (void)facts_set_number(f, fact, (double)part / (double)whole, UNIT_RATIO, NULL);
    else
        (void)facts_set_unknown(f, fact, missing);
}

void storage_state(const struct place *p, struct facts *f)
{
    if (!p) {
        storage_state_none(f);
        return;
    }
    for (unsigned i = 0; i < STORAGE_ROWS; i++) {
        const struct storage_row *row = &storage_rows[i];
        const char *text = (const char *)p + row->offset;
        if (*text)
            (void)facts_set_text(f, row->fact, text, NULL);
        else
            (void)facts_set_unknown(f, row->fact, row->missing);
    }
    if (p->rotational < 0)
        (void)facts_set_unknown(f, "host.disk.rotational", "/sys does not say");
    else
        (void)facts_set_text(f, "host.disk.rotational", p->rotational ? "yes" : "no",
                             "as the driver claims");
    (void)facts_set_number(f, "host.disk.size", (double)p->total_bytes, UNIT_BYTES,
                           "of the filesystem");
    (void)facts_set_number(f, "host.disk.free", (double)p->free_bytes, UNIT_BYTES, "to this user");
    storage_state_ratio(f, "host.disk.free_ratio", p->free_bytes, p->total_bytes,
                        "the filesystem has no size");
    storage_state_ratio(f, "host.disk.inodes_free_ratio", p->free_inodes, p->total_inodes,
                        "this filesystem makes inodes as it needs them");
}
