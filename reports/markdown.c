#include "reports/markdown.h"

#include <string.h>

#include "probes/kit/auto.h"
#include "reports/wrap.h"

void markdown_say(struct buf *out, const char *words)
{
    AUTO(buf) struct buf clean = { 0 };
    wrap_clean(words, &clean);
    for (const char *c = buf_text(&clean); *c; c++) {
        if (*c == '<')
            buf_adds(out, "&lt;");
        else if (*c == '>')
            buf_adds(out, "&gt;");
        else if (*c == '&')
            buf_adds(out, "&amp;");
        else if (*c == '@')
            buf_adds(out, "&#64;"); /* a host's name must not ping a person */
        else if (strchr("\\`*_[]|#~", *c))
            buf_addf(out, "\\%c", *c);
        else
            buf_add(out, c, 1);
    }
}
