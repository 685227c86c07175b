#include "bench/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/say.h"
#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/clk.h"

enum {
    PROGRESS_NAME_COLUMNS = 14
};

#define PROGRESS_EVERY_NS UINT64_C(200000000)

static const char progress_clear[] = "\r\033[K";

void progress_init(struct progress *p, bool quiet)
{
    *p = (struct progress){ .quiet = quiet,
                            .live = isatty(STDERR_FILENO) == 1,
                            .width = say_width(STDERR_FILENO) };
}

/* Cut to the width, so that a line never wraps and can be drawn again. */
static void progress_draw(const struct progress *p, const struct buf *line)
{
    int room = (int)p->width - 1;
    (void)fprintf(stderr, "%s%.*s", progress_clear, room, buf_text(line));
    (void)fflush(stderr);
}

void progress_update(void *progress, const char *figure, uint64_t left_ns)
{
    struct progress *p = progress;
    uint64_t now = clk_now_ns();
    if (p->quiet || !p->live || now - p->shown_ns < PROGRESS_EVERY_NS)
        return;
    p->shown_ns = now;
    AUTO(buf) struct buf line = { 0 };
    buf_addf(&line, "%-*s %3.0f s left  %s", PROGRESS_NAME_COLUMNS, p->probe,
             (double)left_ns / CLK_NS_PER_S, figure);
    progress_draw(p, &line);
}

void progress_begin(struct progress *p, const char *probe, uint64_t slot_ns)
{
    p->probe = probe;
    p->shown_ns = 0;
    progress_update(p, "", slot_ns);
}

void progress_end(struct progress *p, const struct result *r)
{
    if (p->quiet)
        return;
    AUTO(buf) struct buf line = { 0 };
    struct buf name = { 0 };
    result_name(r, &name);
    buf_addf(&line, "%-*s %5.1f s  ", PROGRESS_NAME_COLUMNS, buf_text(&name),
             (double)r->duration_ns / CLK_NS_PER_S);
    buf_release(&name);
    if (r->status == STATUS_MEASURED) {
        struct buf figures = { 0 };
        result_headline(r, &figures);
        buf_adds(&line, figures.size ? buf_text(&figures) : "done");
        buf_release(&figures);
    } else {
        buf_addf(&line, "%s: %s", status_name(r->status), r->reason);
    }
    if (p->live)
        progress_draw(p, &line);
    else
        (void)fputs(buf_text(&line), stderr);
    (void)fputc('\n', stderr);
}
