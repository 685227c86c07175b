#include "probes/kit/optdoc.h"

#include <string.h>

enum {
    OPTDOC_COLUMNS = 80,
    OPTDOC_INDENT = 26
};

void optdoc_wrap(const char *text, size_t indent, struct buf *out)
{
    size_t column = indent;
    bool first = true;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (!first && column + 1 + word > OPTDOC_COLUMNS) {
            buf_addf(out, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        buf_addf(out, "%s%.*s", first ? "" : " ", (int)word, text);
        column += word + (first ? 0 : 1);
        first = false;
        text += word + strspn(text + word, " ");
    }
    buf_adds(out, "\n");
}

static void optdoc_sentence(const struct opt *o, struct buf *out)
{
    buf_adds(out, o->help);
    for (unsigned i = 0; o->choices && o->choices[i]; i++)
        buf_addf(out, "%s%s", i ? ", " : " One of: ", o->choices[i]);
    if (o->choices)
        buf_adds(out, ".");
    if (o->initial && *o->initial)
        buf_addf(out, " Default: %s.", o->initial);
    if (o->type == OPT_TYPE_LIST && o->max != 1)
        buf_adds(out, " May be given again.");
}

void optdoc_help(const struct opt *opts, struct buf *out)
{
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END; o++) {
        struct buf left = { 0 };
        struct buf text = { 0 };
        if (o->letter)
            buf_addf(&left, "  -%c, --%s", o->letter, o->name);
        else
            buf_addf(&left, "      --%s", o->name);
        if (o->arg)
            buf_addf(&left, " %s", o->arg);
        buf_adds(out, buf_text(&left));
        if (left.size + 1 >= OPTDOC_INDENT)
            buf_addf(out, "\n%*s", OPTDOC_INDENT, "");
        else
            buf_addf(out, "%*s", (int)(OPTDOC_INDENT - left.size), "");
        optdoc_sentence(o, &text);
        optdoc_wrap(buf_text(&text), OPTDOC_INDENT, out);
        buf_release(&left);
        buf_release(&text);
    }
}

void optdoc_escape(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (strchr("_*\\#~", *text))
            buf_adds(out, "\\");
        buf_add(out, text, 1);
    }
}

void optdoc_scdoc(const struct opt *opts, struct buf *out)
{
    for (const struct opt *o = opts; o && o->type != OPT_TYPE_END; o++) {
        struct buf text = { 0 };
        if (o->letter)
            buf_addf(out, "*-%c*, ", o->letter);
        buf_addf(out, "*--%s*", o->name);
        if (o->arg) {
            buf_adds(out, " _");
            optdoc_escape(o->arg, out);
            buf_adds(out, "_");
        }
        buf_adds(out, "\n\t");
        optdoc_sentence(o, &text);
        optdoc_escape(buf_text(&text), out);
        buf_adds(out, "\n\n");
        buf_release(&text);
    }
}
