/*
 * host: the probes of this family: what is read, and what is tried.
 */
#ifndef PROBES_HOST_HOST_H
#define PROBES_HOST_HOST_H

#include "probes/probe.h"

/* Rows of their tables of facts. */
#define HOST_TEXT(fact, sentence)                                                                  \
    {                                                                                              \
        .name = (fact), .kind = FACT_TEXT, .what = (sentence)                                      \
    }
#define HOST_LIST(fact, sentence)                                                                  \
    {                                                                                              \
        .name = (fact), .kind = FACT_LIST, .what = (sentence)                                      \
    }
#define HOST_NUMBER(fact, units, sentence)                                                         \
    {                                                                                              \
        .name = (fact), .kind = FACT_NUMBER, .unit = (units), .what = (sentence)                   \
    }

extern const struct probe host;
extern const struct probe host_try;

#endif
