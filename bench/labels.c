#include "bench/labels.h"

#include <stdbool.h>
#include <string.h>

static const char *const labels_known[] = { "provider", "plan", "region", "price",
                                            "node",     "note", NULL };

/* Control characters would stand as '?' in the document: refused instead of changed. */
static bool labels_plain(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < ' ' || *c == 0x7f)
            return false;
    }
    return true;
}

static int labels_one(const char *text, struct document *d, struct err *e)
{
    struct document_label label = { 0 };
    const char *equals = strchr(text, '=');
    if (!labels_plain(text))
        return err_set(e, ERR_USAGE, 0,
                       "--label: a control character in a label; write it in one plain line");
    if (!equals || equals == text || !equals[1] || (size_t)(equals - text) >= sizeof label.key)
        return err_set(e, ERR_USAGE, 0, "--label '%s' is not KEY=VALUE, as in provider=Example",
                       text);
    memcpy(label.key, text, (size_t)(equals - text));
    bool known = false;
    for (unsigned i = 0; labels_known[i]; i++)
        known = known || strcmp(labels_known[i], label.key) == 0;
    if (!known)
        return err_set(
            e, ERR_USAGE, 0,
            "--label '%s': unknown key '%s'; known are provider, plan, region, price, node "
            "and note",
            text, label.key);
    if (strlen(equals + 1) >= sizeof label.value)
        return err_set(e, ERR_USAGE, 0, "--label %s: its value is longer than %zu bytes", label.key,
                       sizeof label.value - 1);
    memcpy(label.value, equals + 1, strlen(equals + 1) + 1);
    for (unsigned i = 0; i < d->label_count; i++) {
        if (strcmp(d->labels[i].key, label.key) == 0)
            return err_set(e, ERR_USAGE, 0, "--label %s is given twice", label.key);
    }
    d->labels[d->label_count++] = label;
    return 0;
}

int labels_parse(const struct opt_list *labels, struct document *d, struct err *e)
{
    for (unsigned i = 0; i < labels->count; i++) {
        if (labels_one(labels->items[i], d, e))
            return -1;
    }
    return 0;
}
