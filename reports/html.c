#include "reports/html.h"

#include <stdbool.h>
#include <string.h>

static bool is_block(const char *name)
{
    static const char *const blocks[] = { "table",   "thead",   "tbody", "tr",   "section", "ul",
                                          "li",      "details", "div",   "main", "header",  "p",
                                          "summary", "h1",      "h2",    "h3",   "dl" };
    for (unsigned i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (strcmp(blocks[i], name) == 0)
            return true;
    }
    return false;
}

void html_open(struct html *h, const char *name, const char *class)
{
    if (h->depth == HTML_DEPTH) {
        h->out->failed = true;
        return;
    }
    if (is_block(name) && h->out->size > 0 && h->out->data[h->out->size - 1] != '\n')
        buf_adds(h->out, "\n");
    h->open[h->depth++] = name;
    if (class)
        buf_addf(h->out, "<%s class=\"%s\">", name, class);
    else
        buf_addf(h->out, "<%s>", name);
}

void html_close(struct html *h)
{
    if (h->depth == 0) {
        h->out->failed = true;
        return;
    }
    const char *name = h->open[--h->depth];
    buf_addf(h->out, "</%s>%s", name, is_block(name) ? "\n" : "");
}

void html_text(struct html *h, const char *words)
{
    for (const char *c = words; *c; c++) {
        unsigned char u = (unsigned char)*c;
        if (u == '&')
            buf_adds(h->out, "&amp;");
        else if (u == '<')
            buf_adds(h->out, "&lt;");
        else if (u == '>')
            buf_adds(h->out, "&gt;");
        else if (u == '"')
            buf_adds(h->out, "&quot;");
        else if (u == '\'')
            buf_adds(h->out, "&#39;");
        else if (u >= 0x20U && u != 0x7FU)
            buf_add(h->out, c, 1);
        else if (u == '\n' || u == '\t')
            buf_adds(h->out, " ");
    }
}

void html_words(struct html *h, const struct buf *words)
{
    html_text(h, buf_text(words));
}

void html_leaf(struct html *h, const char *name, const char *class, const char *words)
{
    html_open(h, name, class);
    html_text(h, words);
    html_close(h);
}

void html_raw(struct html *h, const char *markup)
{
    buf_adds(h->out, markup);
}
