/*
 * paper: a report as blocks of plain words and tables, which the formats write each their own way.
 *
 *     struct paper p = { 0 };
 *     paper_say(&p, PAPER_HEADING, "Pairs");
 *     paper_table(&p, columns, 2);  paper_cell(&p, "a"); paper_cell(&p, "b");   one row
 *
 * Words may hold anything: each format escapes them. Where memory ends `failed` is set, and the
 * formats refuse.
 */
#ifndef REPORTS_PAPER_H
#define REPORTS_PAPER_H

#include <stdbool.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

enum paper_kind {
    PAPER_TITLE,
    PAPER_HEADING,
    PAPER_WORDS,
    PAPER_ITEM, /* of a list */
    PAPER_TABLE
};

enum paper_align {
    PAPER_LEFT,
    PAPER_RIGHT,
    PAPER_GRADE, /* cells are the names of grades */
    PAPER_REST   /* the last column, of sentences */
};

struct paper_column {
    const char *head;
    enum paper_align align;
};

struct paper_block {
    enum paper_kind kind;
    char *text;   /* owned; NULL for a table */
    char **heads; /* owned */
    enum paper_align *aligns;
    unsigned columns;
    char **cells; /* owned; row by row */
    unsigned cell_count, cell_room;
};

struct paper {
    struct paper_block *blocks; /* owned */
    unsigned count, room;
    bool failed;
};

void paper_say(struct paper *p, enum paper_kind kind, const char *text);
/* Begins a table; what follows by paper_cell are its cells. At least one column. */
void paper_table(struct paper *p, const struct paper_column *columns, unsigned count);
void paper_cell(struct paper *p, const char *text);
void paper_release(struct paper *p); /* idempotent */

/* width: columns of the terminal. A table that is wider is written in parts, its first column in
 * each. */
int paper_text(const struct paper *p, unsigned width, bool colour, struct buf *out, struct err *e);
int paper_markdown(const struct paper *p, struct buf *out, struct err *e);
/* title: of the page. One file that needs nothing else. */
int paper_html(const struct paper *p, const char *title, struct buf *out, struct err *e);

#endif
