/*
 * impair: what a delay line does to each packet, from a seed. Pure: no clock, no packet, no memory.
 *
 * Every packet takes the same number of draws, whatever the rules are: a rule that is added changes
 * the fate by no other. A rule is text:
 *     delay=KIND:BASE[:SPREAD]  us; constant; uniform (BASE -+ SPREAD); normal (mean, deviation);
 *                               exponential, pareto (BASE and a tail of that mean)
 *     loss=SHARE                each packet by itself
 *     burst=ENTER:LEAVE         Gilbert and Elliott: chances a packet to enter and to leave a state
 *                               in which all are lost
 *     duplicate=SHARE           a second copy right behind the first
 *     hold=SHARE:US             those are held back so much longer, so that others overtake them
 *     dark=FROM:FOR             ms; all that come then are lost, counted from the first packet
 *     ordered=1                 no packet overtakes another, as in a queue
 * SOURCE: E. N. Gilbert, "Capacity of a Burst-Noise Channel", BSTJ 1960 (bursts).
 */
#ifndef TESTS_LAB_IMPAIR_H
#define TESTS_LAB_IMPAIR_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"

enum impair_kind {
    IMPAIR_CONSTANT,
    IMPAIR_UNIFORM,
    IMPAIR_NORMAL,
    IMPAIR_EXPONENTIAL,
    IMPAIR_PARETO,
    IMPAIR_KINDS
};

enum impair_fate {
    IMPAIR_PASSED,
    IMPAIR_HELD,
    IMPAIR_LOST,
    IMPAIR_BURST,
    IMPAIR_DARK
};

enum {
    IMPAIR_TAIL = 100,       /* times the spread at most, so that nothing waits for ever */
    IMPAIR_PARETO_SHAPE = 3, /* a finite mean and a finite deviation */
    IMPAIR_RULE_VALUES = 2,  /* numbers in a rule */
};

struct impair {
    enum impair_kind kind;
    double base_ns, spread_ns;
    double loss, enter, leave, duplicate, hold;
    uint64_t hold_ns, dark_from_ns, dark_ns;
    bool ordered;
    struct prng prng;
    bool bad; /* in a burst */
    bool begun;
    uint64_t first_ns;    /* when the first packet came */
    uint64_t last_due_ns; /* of those that passed */
};

struct impair_verdict {
    enum impair_fate fate;
    uint64_t due_ns; /* when it leaves; of a lost one: when it would have */
    bool twice;
};

static inline double impair_delay(const struct impair *m, double u, double v)
{
    double tail = 0;
    switch (m->kind) {
    case IMPAIR_UNIFORM:
        return m->base_ns + m->spread_ns * (2 * u - 1);
    case IMPAIR_NORMAL: /* Box and Muller */
        return m->base_ns + m->spread_ns * sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v);
    case IMPAIR_EXPONENTIAL:
        tail = -log(1 - u);
        break;
    case IMPAIR_PARETO:
        tail = (pow(1 - u, -1.0 / IMPAIR_PARETO_SHAPE) - 1) * (IMPAIR_PARETO_SHAPE - 1);
        break;
    default:
        break;
    }
    return m->base_ns + m->spread_ns * fmin(tail, IMPAIR_TAIL);
}

/* Lost in a burst or not, and the state of the next packet. */
static inline bool impair_burst(struct impair *m, double u)
{
    m->bad = m->bad ? u >= m->leave : u < m->enter;
    return m->bad;
}

static inline struct impair_verdict impair_judge(struct impair *m, uint64_t now_ns)
{
    struct impair_verdict out = { .fate = IMPAIR_PASSED };
    double u[6];
    for (unsigned i = 0; i < sizeof u / sizeof u[0]; i++)
        u[i] = prng_unit(&m->prng);
    if (!m->begun)
        m->first_ns = now_ns;
    m->begun = true;
    uint64_t age_ns = now_ns - m->first_ns;
    bool burst = impair_burst(m, u[3]);
    out.due_ns = now_ns + (uint64_t)fmax(impair_delay(m, u[0], u[1]), 0);
    if (age_ns >= m->dark_from_ns && age_ns - m->dark_from_ns < m->dark_ns)
        out.fate = IMPAIR_DARK;
    else if (burst)
        out.fate = IMPAIR_BURST;
    else if (u[2] < m->loss)
        out.fate = IMPAIR_LOST;
    else if (u[5] < m->hold)
        out.fate = IMPAIR_HELD;
    if (out.fate == IMPAIR_HELD)
        out.due_ns += m->hold_ns;
    if (out.fate > IMPAIR_HELD)
        return out;
    if (m->ordered && out.due_ns < m->last_due_ns)
        out.due_ns = m->last_due_ns;
    m->last_due_ns = out.due_ns > m->last_due_ns ? out.due_ns : m->last_due_ns;
    out.twice = u[4] < m->duplicate;
    return out;
}

/* Numbers behind colons; how many, -1 when there is something else. */
static inline int impair_numbers(const char *text, double *values)
{
    int n = 0;
    for (char *end; *text; text = end + (*end == ':')) {
        if (n == IMPAIR_RULE_VALUES)
            return -1;
        values[n++] = strtod(text, &end);
        if (end == text || (*end && *end != ':') || !(values[n - 1] >= 0))
            return -1;
    }
    return n;
}

/* KIND:BASE[:SPREAD] */
static inline int impair_rule_delay(struct impair *m, const char *text)
{
    static const char *const kinds[IMPAIR_KINDS] = {
        [IMPAIR_CONSTANT] = "constant", [IMPAIR_UNIFORM] = "uniform",
        [IMPAIR_NORMAL] = "normal",     [IMPAIR_EXPONENTIAL] = "exponential",
        [IMPAIR_PARETO] = "pareto",
    };
    double v[IMPAIR_RULE_VALUES] = { 0 };
    for (int i = 0; i < IMPAIR_KINDS; i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(text, kinds[i], n) != 0 || text[n] != ':')
            continue;
        if (impair_numbers(text + n + 1, v) < 1)
            return -1;
        m->kind = (enum impair_kind)i;
        m->base_ns = v[0] * CLK_NS_PER_US;
        m->spread_ns = v[1] * CLK_NS_PER_US;
        return 0;
    }
    return -1;
}

/* Takes one rule into m; -1 when it is none. */
static inline int impair_rule(struct impair *m, const char *rule)
{
    const char *value = strchr(rule, '=');
    double v[IMPAIR_RULE_VALUES] = { 0 };
    if (!value)
        return -1;
    size_t n = (size_t)(value++ - rule);
    if (n == strlen("delay") && !strncmp(rule, "delay", n))
        return impair_rule_delay(m, value);
    if (impair_numbers(value, v) < 1)
        return -1;
    if (n == strlen("loss") && !strncmp(rule, "loss", n)) {
        m->loss = v[0];
    } else if (n == strlen("burst") && !strncmp(rule, "burst", n)) {
        m->enter = v[0];
        m->leave = v[1];
    } else if (n == strlen("duplicate") && !strncmp(rule, "duplicate", n)) {
        m->duplicate = v[0];
    } else if (n == strlen("hold") && !strncmp(rule, "hold", n)) {
        m->hold = v[0];
        m->hold_ns = (uint64_t)(v[1] * CLK_NS_PER_US);
    } else if (n == strlen("dark") && !strncmp(rule, "dark", n)) {
        m->dark_from_ns = (uint64_t)(v[0] * CLK_NS_PER_MS);
        m->dark_ns = (uint64_t)(v[1] * CLK_NS_PER_MS);
    } else if (n == strlen("ordered") && !strncmp(rule, "ordered", n)) {
        m->ordered = v[0] > 0;
    } else {
        return -1;
    }
    return 0;
}

#endif
