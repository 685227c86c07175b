#include "probes/disk/resident.h"

#include <math.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESIDENT_STEP_PAGES UINT64_C(8192)

static uint64_t resident_count(unsigned char *map, uint64_t pages, uint64_t page_bytes)
{
    unsigned char there[RESIDENT_STEP_PAGES];
    uint64_t count = 0;
    for (uint64_t at = 0; at < pages; at += RESIDENT_STEP_PAGES) {
        uint64_t step = pages - at < RESIDENT_STEP_PAGES ? pages - at : RESIDENT_STEP_PAGES;
        if (mincore(map + at * page_bytes, step * page_bytes, there))
            return UINT64_MAX;
        for (uint64_t i = 0; i < step; i++)
            count += there[i] & 1;
    }
    return count;
}

double resident_ratio(int fd, uint64_t bytes)
{
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (page_bytes <= 0 || bytes < (uint64_t)page_bytes)
        return NAN;
    uint64_t pages = bytes / (uint64_t)page_bytes;
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return NAN;
    uint64_t count = resident_count(map, pages, (uint64_t)page_bytes);
    (void)munmap(map, bytes);
    return count == UINT64_MAX ? NAN : (double)count / (double)pages;
}
