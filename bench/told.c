#include "bench/told.h"

#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/optdoc.h"

enum {
    TOLD_COLUMNS = 20
};

static void told_line(const char *name, const char *text, struct buf *out)
{
    buf_addf(out, "  %-*s", TOLD_COLUMNS - 2, name);
    if (strlen(name) > TOLD_COLUMNS - 3)
        buf_addf(out, "\n%*s", TOLD_COLUMNS, "");
    optdoc_wrap(text, TOLD_COLUMNS, out);
}

static void told_fact(const struct fact_row *row, const struct result *r, const struct document *d,
                      struct buf *out)
{
    AUTO(buf) struct buf text = { 0 };
    const struct fact *f = document_fact(d, r, row->name);
    if (!f)
        return;
    facts_show(f, &text);
    if (f->kind != FACT_UNKNOWN && f->reason && f->reason[0])
        buf_addf(&text, ": %s", f->reason);
    told_line(row->name, buf_text(&text), out);
}

/* Whether a fact of the probe has that sentence for its reason. */
static bool told_already(const struct probe *p, const struct result *r, const struct document *d,
                         const char *note)
{
    bool already = false;
    for (const struct fact_row *row = p->facts; row && row->name; row++) {
        const struct fact *f = document_fact(d, r, row->name);
        already = already || (f && f->reason && strcmp(f->reason, note) == 0);
    }
    return already;
}

static void told_result(const struct probe *p, const struct result *r, const struct document *d,
                        struct buf *out)
{
    const char *heading = p->concludes_from ? "because" : "notes";
    AUTO(buf) struct buf name = { 0 };
    AUTO(buf) struct buf figures = { 0 };
    result_name(r, &name);
    if (r->status != STATUS_MEASURED)
        buf_addf(&figures, "%s: %s. ", status_name(r->status), r->reason);
    result_headline(r, &figures);
    if (figures.size)
        told_line(buf_text(&name), buf_text(&figures), out);
    for (const struct fact_row *row = p->facts; row && row->name; row++)
        told_fact(row, r, d, out);
    for (unsigned i = 0; i < r->note_count; i++) {
        if (told_already(p, r, d, r->notes[i]))
            continue;
        told_line(heading, r->notes[i], out);
        heading = "";
    }
}

void told_by(const struct probe *p, const struct document *d, const char *path, struct buf *out)
{
    bool any = false;
    const struct fact *host = facts_find(&d->host, "host.hostname");
    buf_addf(out, "\non %s, measured %s (%s):\n", host && host->text ? host->text : "a host",
             d->started, path);
    for (unsigned i = 0; i < d->measurement_count; i++) {
        if (strcmp(d->measurements[i].probe, p->name) != 0)
            continue;
        told_result(p, &d->measurements[i], d, out);
        any = true;
    }
    if (!any)
        buf_addf(out, "  not in this document; 'plimsoll measure %s' measures it\n", p->name);
}
