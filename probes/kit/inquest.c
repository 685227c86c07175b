#include "probes/kit/inquest.h"

#include <stdio.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/docket.h"
#include "probes/kit/glimpse.h"

#define INQUEST_LOOK_NS_MIN (INQUEST_LOOK_MS * (uint64_t)CLK_NS_PER_MS / 2)
#define INQUEST_SETTLE_NS   (20 * (uint64_t)CLK_NS_PER_MS) /* two ticks: then steal is counted */

enum {
    INQUEST_TELL_PERCENT_MIN = 1
};

struct inquest {
    struct glimpse_eye eye;
    struct docket *docket;
};

static void inquest_look_now(struct inquest *q)
{
    glimpse_take(&q->eye, docket_next(q->docket));
    docket_seen(q->docket);
}

struct inquest *inquest_open(const struct inquest_site *site, struct err *e)
{
    struct inquest *q = calloc(1, sizeof *q);
    if (!q) {
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory for an inquest");
        return NULL;
    }
    struct glimpse_site look = { .proc_fd = site->proc_fd,
                                 .sys_fd = site->sys_fd,
                                 .counts_interrupts = site->counts_interrupts,
                                 .own_ns = site->own_ns,
                                 .own_arg = site->own_arg };
    q->eye = (struct glimpse_eye)GLIMPSE_EYE_NONE;
    if (glimpse_open(&q->eye, &look, e) ||
        !(q->docket = docket_open(q->eye.cpus, &site->host, site->interval_ns, e))) {
        inquest_free(q);
        return NULL;
    }
    inquest_look_now(q);
    return q;
}

void inquest_look(struct inquest *q)
{
    if (clk_now_ns() - docket_last(q->docket)->at_ns >= INQUEST_LOOK_NS_MIN)
        inquest_look_now(q);
}

void inquest_halted(struct inquest *q, uint64_t from_ns, uint64_t to_ns)
{
    docket_halted(q->docket, from_ns, to_ns);
}

void inquest_add(struct inquest *q, const struct episode *e)
{
    docket_add(q->docket, e);
}

void inquest_close(struct inquest *q)
{
    uint64_t pending_ns = docket_pending_ns(q->docket);
    uint64_t now_ns = clk_now_ns();
    if (pending_ns && pending_ns + INQUEST_SETTLE_NS > now_ns && pending_ns <= now_ns)
        (void)clk_sleep_until(pending_ns + INQUEST_SETTLE_NS);
    inquest_look_now(q);
    docket_close(q->docket);
}

const struct inquest_blame *inquest_blame(const struct inquest *q, int32_t cpu)
{
    return docket_blame(q->docket, cpu);
}

unsigned inquest_worst(const struct inquest *q, struct inquest_case *cases, unsigned most)
{
    return docket_worst(q->docket, cases, most);
}

uint64_t inquest_crowded(const struct inquest *q)
{
    return docket_crowded(q->docket);
}

const struct glimpse *inquest_last(const struct inquest *q)
{
    return docket_last(q->docket);
}

void inquest_free(struct inquest *q)
{
    if (!q)
        return;
    glimpse_eye_release(&q->eye);
    docket_free(q->docket);
    free(q);
}

/* The largest share that is not told yet; CAUSES: none. */
static unsigned inquest_next(const struct inquest_blame *b, const bool told[CAUSES])
{
    unsigned most = CAUSES;
    for (unsigned i = 0; i < CAUSES; i++) {
        if (!told[i] && b->lost_ns[i] > 0 && (most == CAUSES || b->lost_ns[i] > b->lost_ns[most]))
            most = i;
    }
    return most;
}

void inquest_tell(const struct inquest_blame *b, char *text, size_t size)
{
    bool told[CAUSES] = { false };
    double all = 0;
    size_t used = 0;
    for (unsigned i = 0; i < CAUSES; i++)
        all += (double)b->lost_ns[i];
    if (size)
        text[0] = '\0';
    for (unsigned i = inquest_next(b, told); i < CAUSES; i = inquest_next(b, told)) {
        double percent = 100 * (double)b->lost_ns[i] / all;
        if (percent < INQUEST_TELL_PERCENT_MIN || used >= size)
            return;
        int n = snprintf(text + used, size - used, "%s%s %.0f %%", used ? ", " : "",
                         cause_name((enum cause)i), percent);
        used += n > 0 ? (size_t)n : 0;
        told[i] = true;
    }
}
