#include <string.h>

#include "reports/grade.h"
#include "reports/markdown.h"
#include "reports/paper.h"

static void row(char *const *cells, const struct paper_block *b, bool is_head, struct buf *out)
{
    buf_adds(out, "|");
    for (unsigned i = 0; i < b->columns; i++) {
        bool bad =
            !is_head && b->aligns[i] == PAPER_GRADE && strcmp(cells[i], grade_name(GRADE_FIT)) != 0;
        buf_adds(out, bad ? " **" : " ");
        markdown_say(out, cells[i]);
        buf_adds(out, bad ? "** |" : " |");
    }
    buf_adds(out, "\n");
}

static void table(const struct paper_block *b, struct buf *out)
{
    row(b->heads, b, true, out);
    buf_adds(out, "|");
    for (unsigned i = 0; i < b->columns; i++)
        buf_adds(out, b->aligns[i] == PAPER_RIGHT ? "--:|" : "---|");
    buf_adds(out, "\n");
    for (unsigned i = 0; i + b->columns <= b->cell_count; i += b->columns)
        row(b->cells + i, b, false, out);
}

int paper_markdown(const struct paper *p, struct buf *out, struct err *e)
{
    static const char *const marks[] = { [PAPER_TITLE] = "# ",
                                         [PAPER_HEADING] = "## ",
                                         [PAPER_WORDS] = "",
                                         [PAPER_ITEM] = "- ",
                                         [PAPER_TABLE] = "" };
    for (unsigned i = 0; i < p->count && !p->failed; i++) {
        const struct paper_block *b = &p->blocks[i];
        if (i > 0 && !(b->kind == PAPER_ITEM && p->blocks[i - 1].kind == PAPER_ITEM))
            buf_adds(out, "\n");
        buf_adds(out, marks[b->kind]);
        if (b->kind == PAPER_TABLE) {
            table(b, out);
        } else {
            markdown_say(out, b->text);
            buf_adds(out, "\n");
        }
    }
    return p->failed || out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "the report grew too large")
                                    : 0;
}
