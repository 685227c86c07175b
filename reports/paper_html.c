#include <stdio.h>
#include <string.h>

#include "reports/grade.h"
#include "reports/html.h"
#include "reports/paper.h"
#include "reports/style.h"

static const char *pill_of(const char *cell)
{
    static const char *const classes[] = {
        [GRADE_FIT] = "pill fit",
        [GRADE_MARGINAL] = "pill marginal",
        [GRADE_UNFIT] = "pill unfit",
        [GRADE_UNKNOWN] = "pill unknown",
    };
    for (unsigned g = 0; g < sizeof classes / sizeof classes[0]; g++) {
        if (strcmp(grade_name((enum grade)g), cell) == 0)
            return classes[g];
    }
    return NULL;
}

static void cell(struct html *h, const char *text, enum paper_align align, bool first)
{
    const char *pill = align == PAPER_GRADE ? pill_of(text) : NULL;
    html_open(h, "td", first ? "name" : align == PAPER_RIGHT ? "number" : NULL);
    if (pill)
        html_leaf(h, "span", pill, text);
    else
        html_text(h, text);
    html_close(h);
}

static void table(struct html *h, const struct paper_block *b)
{
    html_open(h, "div", "scroll");
    html_open(h, "table", NULL);
    html_open(h, "thead", NULL);
    html_open(h, "tr", NULL);
    for (unsigned i = 0; i < b->columns; i++)
        html_leaf(h, "th", b->aligns[i] == PAPER_RIGHT ? "number" : NULL, b->heads[i]);
    html_close(h);
    html_close(h);
    html_open(h, "tbody", NULL);
    for (unsigned at = 0; at + b->columns <= b->cell_count && b->columns > 0; at += b->columns) {
        html_open(h, "tr", NULL);
        for (unsigned i = 0; i < b->columns; i++)
            cell(h, b->cells[at + i], b->aligns[i], i == 0);
        html_close(h);
    }
    html_close(h);
    html_close(h);
    html_close(h);
}

static void block(struct html *h, const struct paper *p, unsigned i)
{
    static const char *const names[] = {
        [PAPER_TITLE] = "h1", [PAPER_HEADING] = "h2", [PAPER_WORDS] = "p", [PAPER_ITEM] = "li"
    };
    const struct paper_block *b = &p->blocks[i];
    bool item = b->kind == PAPER_ITEM;
    if (item && (i == 0 || p->blocks[i - 1].kind != PAPER_ITEM))
        html_open(h, "ul", NULL);
    if (b->kind == PAPER_TABLE)
        table(h, b);
    else
        html_leaf(h, names[b->kind], NULL, b->text);
    if (item && (i + 1 == p->count || p->blocks[i + 1].kind != PAPER_ITEM))
        html_close(h);
}

int paper_html(const struct paper *p, const char *title, struct buf *out, struct err *e)
{
    struct html h = { .out = out };
    style_begin(&h, title);
    html_open(&h, "main", NULL);
    for (unsigned i = 0; i < p->count && !p->failed; i++)
        block(&h, p, i);
    html_close(&h);
    html_raw(&h, "</body>\n</html>\n");
    return p->failed || out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "the report grew too large")
                                    : 0;
}
