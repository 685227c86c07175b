/*
 * Capture files of any bytes, pcap or pcapng, to the last figure: no crash, no sample without a
 * packet, and counts that add up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/net/capture.h"
#include "probes/net/passive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct passive passive;
static struct hist hists[PASSIVE_RTTS];

static void open_all(void)
{
    static const struct portset all = { .count = 0 };
    struct err e;
    for (unsigned i = 0; i < PASSIVE_RTTS; i++) {
        if (hists[i].counts)
            hist_clear(&hists[i]);
        else if (hist_open(&hists[i], UINT64_C(1) << 30, &e))
            abort();
    }
    if (!passive.pool.nodes && passive_open(&passive, &all, 1, &e))
        abort();
}

/* As freshly opened: taking its memory anew for each input would be most of the time. */
static void clear_all(void)
{
    struct flow_table *t = &passive.flows;
    memset(t->items, 0, (t->count + 1) * sizeof *t->items);
    memset(t->heads, 0, 2 * FLOW_MAX * sizeof *t->heads);
    *t = (struct flow_table){ .items = t->items, .heads = t->heads, .seed = t->seed };
    passive.pool.free = passive.pool.used = 0;
    passive.counts = (struct passive_counts){ 0 };
}

static void read_all(struct capture *c)
{
    struct passive_packet packet;
    struct err e = { 0 };
    struct hist *rows[PASSIVE_RTTS];
    for (unsigned i = 0; i < PASSIVE_RTTS; i++)
        rows[i] = &hists[i];
    while (capture_next(c, &packet, &e) == CAPTURE_PACKET)
        passive_take(&passive, c->link, &packet, rows);
}

static void check(void)
{
    const struct passive_counts *c = &passive.counts;
    uint64_t kinds = 0;
    for (unsigned i = 0; i < DISSECT_KINDS; i++)
        kinds += c->kinds[i];
    bool odd = kinds != c->packets || passive_segments(&passive) > c->packets;
    if (odd || hists[PASSIVE_ALL].total != c->answers[ACKRTT_SAMPLE] ||
        hists[PASSIVE_ALL].total > hists[PASSIVE_ANY].total ||
        hists[PASSIVE_SERVER].total + hists[PASSIVE_CLIENT].total != hists[PASSIVE_ALL].total) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capture c = { 0 };
    struct err e = { 0 };
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL;
    if (!file)
        return 0;
    if (capture_open_stream(&c, file, "input", &e) == 0) {
        open_all();
        read_all(&c);
        check();
        clear_all();
    }
    capture_close(&c);
    return 0;
}
