#include "probes/image/listing.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "probes/image/beneath.h"

static bool listing_has(const struct listing *l, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = l->text; *at;) {
        const char *end = strstr(at, ", ");
        size_t item = end ? (size_t)(end - at) : strlen(at);
        if (item == size && memcmp(at, name, size) == 0)
            return true;
        at += item + (end ? 2 : 0);
    }
    return false;
}

void listing_add(struct listing *l, const char *name)
{
    char shown[BENEATH_SHOWN_BYTES];
    (void)beneath_show(name, shown);
    if (listing_has(l, shown))
        return;
    size_t used = strlen(l->text);
    if (l->left_out || used + strlen(shown) + 3 > sizeof l->text) {
        l->left_out++;
        return;
    }
    (void)snprintf(l->text + used, sizeof l->text - used, "%s%s", used ? ", " : "", shown);
    l->count++;
}

const char *listing_more(const struct listing *l, char more[LISTING_MORE_BYTES])
{
    more[0] = '\0';
    if (l->left_out)
        (void)snprintf(more, LISTING_MORE_BYTES, " and %u more", l->left_out);
    return more;
}
