#include "probes/disk/terms.h"

#include <inttypes.h>
#include <string.h>

#include "probes/kit/units.h"

static int terms_refuse_room(const struct probe_site *site, uint64_t least_bytes, struct err *e)
{
    char have[UNITS_TEXT_BYTES];
    char may[UNITS_TEXT_BYTES];
    char need[UNITS_TEXT_BYTES];
    const struct place *p = site->place;
    return err_set(e, ERR_NO_RESOURCE, 0,
                   "'%s' has %s free, of which %s may be written (10 %% and 1 GiB stay free), and "
                   "%s are needed; free some or name another --dir",
                   site->dir, units_format((double)p->free_bytes, UNIT_BYTES, have),
                   units_format((double)place_writable_bytes(p), UNIT_BYTES, may),
                   units_format((double)least_bytes, UNIT_BYTES, need));
}

int terms_check(const struct probe_site *site, uint64_t least_bytes, struct err *e)
{
    const struct place *p = site->place;
    if (!p)
        return err_set(e, ERR_UNSUPPORTED, 0, "there is no directory to measure; name a --dir");
    if (p->in_memory)
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "'%s' is on %s, which answers from memory; name a --dir on a disk",
                       site->dir, p->device[0] ? p->device : p->fs);
    if (p->read_only)
        return err_set(e, ERR_UNSUPPORTED, 0, "'%s' is mounted read-only; name another --dir",
                       site->dir);
    return place_writable_bytes(p) < least_bytes ? terms_refuse_room(site, least_bytes, e) : 0;
}

bool terms_has_option(const char *options, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = strstr(options, word); at; at = strstr(at + 1, word)) {
        bool begins = at == options || at[-1] == ',';
        if (begins && (at[size] == '\0' || at[size] == ','))
            return true;
    }
    return false;
}

bool terms_barriers_off(const struct place *place)
{
    return terms_has_option(place->options, "nobarrier") ||
           terms_has_option(place->options, "barrier=0");
}

void terms_note(struct probe_run *run)
{
    const struct place *p = run->site->place;
    const char *device = p->device[0] ? p->device : p->source;
    const char *driver = p->driver[0] ? p->driver : "no known driver";
    if (strcmp(p->journal, "none") == 0)
        result_note(run->result,
                    "%s without a journal on %s (%s): a sync here is cheaper than on a journaled "
                    "filesystem; ext4 and xfs as usually made would take longer.",
                    p->fs, device, driver);
    else
        result_note(run->result, "%s on %s (%s), journal: %s.", p->fs, device, driver, p->journal);
    if (terms_barriers_off(p))
        result_note(run->result,
                    "Mounted without barriers: a sync does not flush the disk's cache, and a power "
                    "cut there loses acknowledged data.");
}
