#include "bench/sites.h"

#include <string.h>

#include "bench/runner.h"

static const char sites_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

/* How long the name before '=' is; 0 when the word is a directory alone. */
static size_t sites_name_length(const char *word)
{
    size_t length = strspn(word, sites_letters);
    bool begins = word[0] >= 'a' && word[0] <= 'z';
    return begins && word[length] == '=' ? length : 0;
}

static int sites_refuse(const struct sites *s, const char *word, size_t length, struct err *e)
{
    if (length == 0 && s->count > 0)
        return err_set(e, ERR_USAGE, 0,
                       "--dir '%s': with several, each but the first needs a name, as in "
                       "--dir images=%s",
                       word, word);
    if (length >= LIMITS_PLACE_BYTES)
        return err_set(e, ERR_USAGE, 0, "--dir '%s': a name has at most %d letters", word,
                       LIMITS_PLACE_BYTES - 1);
    for (unsigned i = 0; length > 0 && i < s->count; i++) {
        if (strlen(s->items[i].name) == length && memcmp(s->items[i].name, word, length) == 0)
            return err_set(e, ERR_USAGE, 0,
                           "--dir '%s': there is one of that name already; name "
                           "each differently",
                           word);
    }
    return 0;
}

static int sites_add(struct sites *s, const char *word, struct err *e)
{
    size_t length = sites_name_length(word);
    struct sites_item *item = &s->items[s->count];
    if (sites_refuse(s, word, length, e))
        return -1;
    *item = (struct sites_item){ .scratch = SCRATCH_CLOSED };
    memcpy(item->name, word, length);
    s->count++; /* also when it fails from here on: it is released */
    if (site_open(word + length + (length > 0), &item->site, e) ||
        scratch_open(item->site.dir, &item->scratch, e))
        return -1;
    item->site.probe.name = item->name;
    item->site.probe.home = &s->items[0].site.probe;
    return 0;
}

int sites_open(const struct opt_list *dirs, struct sites *s, struct err *e)
{
    *s = (struct sites){ 0 };
    if (dirs->count == 0)
        return sites_add(s, "", e);
    for (unsigned i = 0; i < dirs->count; i++) {
        if (sites_add(s, dirs->items[i], e))
            return -1;
    }
    return 0;
}

unsigned sites_find(const struct sites *s, const char *name)
{
    unsigned found = 0;
    for (unsigned i = 0; i < s->count; i++)
        found = strcmp(s->items[i].name, name) == 0 ? i : found;
    return found;
}

void sites_release(struct sites *s, const struct patience *patience)
{
    for (unsigned i = 0; i < s->count; i++) {
        runner_tidy(&s->items[i].scratch, patience);
        site_release(&s->items[i].site);
    }
    s->count = 0;
}
