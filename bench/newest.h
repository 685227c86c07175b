/*
 * newest: the document of the last run here: the youngest result.json in the plimsoll-... folders
 * of a directory.
 */
#ifndef BENCH_NEWEST_H
#define BENCH_NEWEST_H

#include <stdbool.h>

enum {
    NEWEST_PATH_BYTES = 512
};

/* By time of change; false when there is none. */
bool newest_document(const char *dir, char path[NEWEST_PATH_BYTES]);

#endif
