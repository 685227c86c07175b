#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "reports/grade.h"
#include "reports/paper.h"
#include "reports/wrap.h"

enum {
    GAP = 2,       /* blanks between columns */
    REST_MIN = 24, /* the column of sentences is never narrower */
    ITEM_INDENT = 2
};

static const char *const colours[] = {
    [GRADE_FIT] = "\033[32m",
    [GRADE_MARGINAL] = "\033[33m",
    [GRADE_UNFIT] = "\033[31m",
    [GRADE_UNKNOWN] = "\033[35m",
};

struct form { /* of a table */
    const struct paper_block *block;
    unsigned *widths;
    unsigned width;
    bool colour;
    struct buf *out;
};

static unsigned columns_of(const char *text)
{
    AUTO(buf) struct buf clean = { 0 };
    wrap_clean(text, &clean);
    return wrap_columns(buf_text(&clean));
}

static void measure(const struct form *f)
{
    const struct paper_block *b = f->block;
    for (unsigned i = 0; i < b->columns; i++)
        f->widths[i] = columns_of(b->heads[i]);
    for (unsigned i = 0; i < b->cell_count; i++) {
        unsigned wide = columns_of(b->cells[i]);
        unsigned *width = &f->widths[i % b->columns];
        *width = wide > *width ? wide : *width;
    }
}

static const char *colour_of(const char *cell)
{
    for (unsigned g = 0; g < sizeof colours / sizeof colours[0]; g++) {
        if (strcmp(grade_name((enum grade)g), cell) == 0)
            return colours[g];
    }
    return "";
}

static void blanks(struct buf *out, unsigned count)
{
    buf_addf(out, "%*s", (int)count, "");
}

/* A sentence in what the line has left, wrapped below itself. */
static void put_rest(const struct form *f, unsigned at, const char *text)
{
    AUTO(buf) struct buf clean = { 0 };
    unsigned width = f->width > at + REST_MIN ? f->width : at + REST_MIN;
    wrap_clean(text, &clean);
    wrap_words(buf_text(&clean), at, at, width, f->out);
}

static void put_cell(const struct form *f, unsigned column, const char *text, bool is_head,
                     bool last)
{
    AUTO(buf) struct buf clean = { 0 };
    wrap_clean(text, &clean);
    unsigned spare = f->widths[column] - wrap_columns(buf_text(&clean));
    bool right = f->block->aligns[column] == PAPER_RIGHT;
    bool coloured = f->colour && !is_head && f->block->aligns[column] == PAPER_GRADE;
    const char *colour = coloured ? colour_of(buf_text(&clean)) : "";
    if (right)
        blanks(f->out, spare);
    buf_addf(f->out, "%s%s%s", colour, buf_text(&clean), *colour ? "\033[0m" : "");
    if (!right && !last)
        blanks(f->out, spare);
}

/* The first column, then those from `from` up to `to`. */
static void put_row(const struct form *table, char *const *cells, bool is_head, unsigned from,
                    unsigned to)
{
    AUTO(buf) struct buf line = { 0 };
    struct form own = *table;
    const struct form *f = &own;
    own.out = &line;
    unsigned at = 0;
    for (unsigned i = 0; i < to; i = i == 0 ? from : i + 1) {
        if (i > 0)
            blanks(f->out, GAP);
        at += i > 0 ? GAP : 0;
        if (f->block->aligns[i] == PAPER_REST)
            put_rest(f, at, cells[i]);
        else
            put_cell(f, i, cells[i], is_head, i + 1 == to);
        at += f->widths[i];
    }
    while (line.size > 0 && line.data[line.size - 1] == ' ')
        line.size--; /* an empty last cell */
    buf_add(table->out, buf_text(&line), line.size);
    buf_adds(table->out, "\n");
}

/* How far the columns from `from` go in one line; one at least. */
static unsigned part_end(const struct form *f, unsigned from)
{
    unsigned used = f->widths[0];
    unsigned to = from;
    while (to < f->block->columns) {
        bool rest = f->block->aligns[to] == PAPER_REST;
        used += GAP + (rest ? REST_MIN : f->widths[to]);
        if (used > f->width && to > from)
            break;
        to++;
    }
    return to;
}

static void put_table(const struct form *f)
{
    const struct paper_block *b = f->block;
    unsigned from = 1;
    do {
        unsigned to = b->columns > 1 ? part_end(f, from) : 1;
        if (from > 1)
            buf_adds(f->out, "\n");
        put_row(f, b->heads, true, from, to);
        for (unsigned row = 0; row + b->columns <= b->cell_count; row += b->columns)
            put_row(f, b->cells + row, false, from, to);
        from = to;
    } while (from < b->columns);
}

static int write_table(const struct paper_block *b, unsigned width, bool colour, struct buf *out)
{
    AUTO_FREE unsigned *widths = calloc(b->columns, sizeof *widths);
    const struct form f = { b, widths, width, colour, out };
    if (!widths)
        return -1;
    measure(&f);
    put_table(&f);
    return 0;
}

static void words(const struct paper_block *b, unsigned width, struct buf *out)
{
    AUTO(buf) struct buf clean = { 0 };
    bool item = b->kind == PAPER_ITEM;
    unsigned indent = item ? 2 * ITEM_INDENT : b->kind == PAPER_TITLE ? ITEM_INDENT : 0;
    wrap_clean(b->text, &clean);
    if (item)
        blanks(out, ITEM_INDENT);
    wrap_words(buf_text(&clean), item ? ITEM_INDENT : 0, indent, width, out);
    buf_adds(out, "\n");
}

int paper_text(const struct paper *p, unsigned width, bool colour, struct buf *out, struct err *e)
{
    int failed = p->failed ? -1 : 0;
    for (unsigned i = 0; i < p->count && !failed; i++) {
        const struct paper_block *b = &p->blocks[i];
        bool follows = i > 0 && !(b->kind == PAPER_ITEM && p->blocks[i - 1].kind != PAPER_TABLE) &&
                       p->blocks[i - 1].kind != PAPER_HEADING;
        if (follows)
            buf_adds(out, "\n");
        if (b->kind == PAPER_TABLE)
            failed = write_table(b, width, colour, out);
        else
            words(b, width, out);
    }
    return failed || out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "the report grew too large") : 0;
}
