#include "probes/disk/terms.h"

#include <string.h>

int terms_check(const struct probe_site *site, uint64_t least_bytes, struct err *e)
{
    const struct place *p = site->place;
    if (!p)
        return err_set(e, ERR_UNSUPPORTED, 0, "there is no directory to measure; name a --dir");
    if (p->in_memory)
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "'%s' is %s, which answers from memory; name a --dir on a disk", site->dir,
                       *p->fs ? p->fs : p->device);
    if (p->read_only)
        return err_set(e, ERR_UNSUPPORTED, 0, "'%s' is mounted read-only; name another --dir",
                       site->dir);
    uint64_t room = place_writable_bytes(p);
    if (room < least_bytes)
        return err_set(
            e, ERR_NO_RESOURCE, 0,
            "'%s' has %llu MiB free; %llu MiB are needed beside the 10 %% and 1 GiB that "
            "stay free; free some or name another --dir",
            site->dir, (unsigned long long)(p->free_bytes >> 20),
            (unsigned long long)(least_bytes >> 20));
    return 0;
}

void terms_note(struct probe_run *run)
{
    const struct place *p = run->site->place;
    bool bare = strcmp(p->journal, "none") == 0;
    result_note(run->result, "Filesystem %s on %s%s%s%s, journal: %s.%s", p->fs,
                *p->device ? p->device : p->source, *p->driver ? " (" : "", p->driver,
                *p->driver ? ")" : "", p->journal,
                bare ? " Without a journal a sync is cheaper than on the usual ext4 or xfs." : "");
}
