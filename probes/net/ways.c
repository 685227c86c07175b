#include "probes/net/ways.h"

enum {
    /* A later packet with a number so much lower was not overtaken: the counter began again. */
    WAYS_RESTART = 16
};

void ways_begin(struct ways *w, uint32_t first)
{
    /* As if the one before the first had been answered with number -1. */
    *w = (struct ways){ .begun = true,
                        .asked = first - 1,
                        .numbered = UINT32_MAX,
                        .newest_asked = first - 1,
                        .newest_numbered = UINT32_MAX };
}

static struct ways_sum stretch(const struct ways *w)
{
    if (!w->begun)
        return (struct ways_sum){ 0 };
    uint64_t numbered = w->newest_numbered - w->numbered;
    return (struct ways_sum){ .asked = w->newest_asked - w->asked,
                              .arrived = numbered > w->doubled ? numbered - w->doubled : 0,
                              .answered = w->answered };
}

/* A reflector that numbers otherwise makes no negative loss. */
static void add(struct ways_sum *to, struct ways_sum part)
{
    uint64_t arrived = part.arrived > part.answered ? part.arrived : part.answered;
    to->asked += part.asked > arrived ? part.asked : arrived;
    to->arrived += arrived;
    to->answered += part.answered;
}

static void restart(struct ways *w, uint32_t asked, uint32_t numbered)
{
    add(&w->done, stretch(w));
    w->restarts++;
    w->asked = w->newest_asked = asked;
    w->numbered = w->newest_numbered = numbered;
    w->answered = w->doubled = 0;
}

void ways_answered(struct ways *w, uint32_t asked, uint32_t numbered)
{
    bool later = (int32_t)(asked - w->newest_asked) > 0;
    int32_t ahead = (int32_t)(numbered - w->newest_numbered);
    if (later && ahead < -WAYS_RESTART) {
        restart(w, asked, numbered);
        return;
    }
    w->answered++;
    if (later)
        w->newest_asked = asked;
    if (ahead > 0)
        w->newest_numbered = numbered;
}

void ways_doubled(struct ways *w, uint32_t numbered)
{
    w->doubled++;
    if ((int32_t)(numbered - w->newest_numbered) > 0)
        w->newest_numbered = numbered;
}

struct ways_sum ways_total(const struct ways *w)
{
    struct ways_sum sum = w->done;
    add(&sum, stretch(w));
    return sum;
}
