#include "reports/paper.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_ROOM = 16
};

static struct paper_block *add_block(struct paper *p, enum paper_kind kind)
{
    if (p->count == p->room) {
        unsigned room = p->room ? 2 * p->room : FIRST_ROOM;
        struct paper_block *blocks = reallocarray(p->blocks, room, sizeof *blocks);
        if (!blocks) {
            p->failed = true;
            return NULL;
        }
        p->blocks = blocks;
        p->room = room;
    }
    struct paper_block *b = &p->blocks[p->count++];
    *b = (struct paper_block){ .kind = kind };
    return b;
}

static char *copy(struct paper *p, const char *text)
{
    char *made = strdup(text);
    p->failed = p->failed || !made;
    return made;
}

void paper_say(struct paper *p, enum paper_kind kind, const char *text)
{
    struct paper_block *b = add_block(p, kind);
    if (b)
        b->text = copy(p, text);
}

void paper_table(struct paper *p, const struct paper_column *columns, unsigned count)
{
    struct paper_block *b = add_block(p, PAPER_TABLE);
    if (!b)
        return;
    b->heads = calloc(count, sizeof *b->heads);
    b->aligns = calloc(count, sizeof *b->aligns);
    if (!b->heads || !b->aligns) {
        p->failed = true;
        return;
    }
    for (; b->columns < count; b->columns++) {
        b->heads[b->columns] = copy(p, columns[b->columns].head);
        b->aligns[b->columns] = columns[b->columns].align;
    }
}

void paper_cell(struct paper *p, const char *text)
{
    struct paper_block *b = p->count ? &p->blocks[p->count - 1] : NULL;
    if (!b || b->kind != PAPER_TABLE) {
        p->failed = true;
        return;
    }
    if (b->cell_count == b->cell_room) {
        unsigned room = b->cell_room ? 2 * b->cell_room : FIRST_ROOM;
        char **cells = reallocarray(b->cells, room, sizeof *cells);
        if (!cells) {
            p->failed = true;
            return;
        }
        b->cells = cells;
        b->cell_room = room;
    }
    b->cells[b->cell_count++] = copy(p, text);
}

static void release_words(char **words, unsigned count)
{
    for (unsigned i = 0; words && i < count; i++)
        free(words[i]);
    free(words);
}

void paper_release(struct paper *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        struct paper_block *b = &p->blocks[i];
        free(b->text);
        release_words(b->heads, b->columns);
        release_words(b->cells, b->cell_count);
        free(b->aligns);
    }
    free(p->blocks);
    *p = (struct paper){ 0 };
}
