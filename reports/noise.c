#include "reports/noise.h"

#include "probes/kit/auto.h"
#include "probes/kit/units.h"
#include "reports/thief.h"
#include "reports/worst.h"

void noise_thief(struct html *h, const struct document *d)
{
    struct thief thief;
    AUTO(buf) struct buf words = { 0 };
    thief_find(d, &thief);
    thief_tell(d, &thief, &words);
    if (words.size == 0)
        return;
    html_open(h, "section", NULL);
    html_leaf(h, "h2", NULL, "Who took the CPU");
    html_leaf(h, "p", NULL, buf_text(&words));
    html_close(h);
}

static void worst_row(struct html *h, const struct worst *w)
{
    char text[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf name = { 0 };
    AUTO(buf) struct buf what = { 0 };
    AUTO(buf) struct buf why = { 0 };
    result_name(w->owner, &name);
    worst_what(w, &what);
    coincidence_tell(&w->why, &why);
    html_open(h, "tr", NULL);
    html_leaf(h, "td", "name", buf_text(&name));
    html_leaf(h, "td", "number at", units_format((double)w->event->at_ns, UNIT_NS, text));
    html_leaf(h, "td", "number lasted", units_format((double)w->event->duration_ns, UNIT_NS, text));
    html_leaf(h, "td", NULL, buf_text(&what));
    html_leaf(h, "td", NULL, buf_text(&why));
    html_close(h);
}

int noise_worst(struct html *h, const struct document *d, struct err *e)
{
    static const struct {
        const char *name, *class;
    } heads[] = {
        {"probe",               NULL    },
        { "at",                 "number"},
        { "lasted",             "number"},
        { "what",               NULL    },
        { "the CPUs meanwhile", NULL    },
    };
    struct worst all[WORST_MOST];
    int found = worst_find(d, WORST_MOST, all, e);
    if (found <= 0)
        return found;
    html_open(h, "section", NULL);
    html_leaf(h, "h2", NULL, "Worst moments");
    html_open(h, "table", "worst");
    html_open(h, "thead", NULL);
    html_open(h, "tr", NULL);
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++)
        html_leaf(h, "th", heads[i].class, heads[i].name);
    html_close(h);
    html_close(h);
    html_open(h, "tbody", NULL);
    for (int i = 0; i < found; i++)
        worst_row(h, &all[i]);
    html_close(h);
    html_close(h);
    html_leaf(h, "p", "run",
              "The longest of every probe first, then the second longest of each; a stall that two "
              "saw is one. What fell together in time need not be cause and effect.");
    html_close(h);
    return 0;
}
