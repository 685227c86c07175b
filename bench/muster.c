#include "bench/muster.h"

#include <stdlib.h>
#include <unistd.h>

#include "bench/say.h"
#include "probes/kit/auto.h"
#include "reports/cluster_page.h"

struct muster {
    const struct roles *roles;
    bool strict;
    unsigned count;
    struct document *documents;         /* owned */
    struct verdicts *verdicts;          /* owned, by document */
    const struct verdict **by_document; /* owned; the same for the page */
    struct cluster cluster;
};

static void muster_release(struct muster *m)
{
    cluster_release(&m->cluster);
    for (unsigned i = 0; i < m->count; i++) {
        if (m->verdicts)
            roles_release_verdicts(&m->verdicts[i]);
        if (m->documents)
            document_release(&m->documents[i]);
    }
    free(m->documents);
    free(m->verdicts);
    free(m->by_document);
}

static int muster_open(struct muster *m, unsigned count, struct err *e)
{
    m->count = count;
    m->documents = calloc(count + 1, sizeof *m->documents);
    m->verdicts = calloc(count + 1, sizeof *m->verdicts);
    m->by_document = calloc(count + 1, sizeof(struct verdict *));
    return m->documents && m->verdicts && m->by_document
               ? 0
               : err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u documents", count);
}

static int muster_read(struct muster *m, const struct opt_list *paths, struct err *e)
{
    for (unsigned i = 0; i < paths->count; i++) {
        if (document_load(paths->items[i], &m->documents[i], e))
            return -1;
    }
    return cluster_open(m->documents, paths->items, paths->count, &m->cluster, e);
}

static int muster_judge(struct muster *m, struct err *e)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (roles_judge(m->roles, &m->documents[i], m->strict, &m->verdicts[i], e))
            return -1;
        m->by_document[i] = m->verdicts[i].items;
    }
    return 0;
}

/* As if the worst of each role were one host's. */
static int muster_status(const struct cluster_page *page, const struct roles *roles, int *status,
                         struct err *e)
{
    struct verdicts worst = { .items = calloc(page->role_count + 1, sizeof *worst.items) };
    if (!worst.items)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the verdicts");
    for (; worst.count < page->role_count; worst.count++)
        worst.items[worst.count] = *cluster_page_role(page, worst.count).verdict;
    *status = roles_exit_status(roles, &worst);
    free(worst.items); /* their findings are the documents' */
    return 0;
}

int muster_report(const struct muster_wish *wish, struct buf *out, int *status, struct err *e)
{
    const struct roles *roles = wish->roles;
    AUTO(muster) struct muster m = { .roles = roles, .strict = wish->strict };
    if (muster_open(&m, wish->paths->count, e) || muster_read(&m, wish->paths, e) ||
        muster_judge(&m, e))
        return -1;
    struct cluster_page page = { .cluster = &m.cluster,
                                 .verdicts = m.by_document,
                                 .role_count = roles->count,
                                 .colour = say_colour(STDOUT_FILENO),
                                 .width = say_width(STDOUT_FILENO) };
    return cluster_page_render(&page, wish->format, out, e) ||
                   muster_status(&page, roles, status, e)
               ? -1
               : 0;
}
