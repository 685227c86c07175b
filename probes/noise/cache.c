#include "probes/noise/cache.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "probes/kit/file.h"

enum {
    CACHE_INDEXES = 8, /* of a CPU; four are usual */
    CACHE_LEVELS = 8
};

uint64_t cache_parse_size(const char *text)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]))
        return 0;
    unsigned long long number = strtoull(text, &end, 10);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : -1;
    return shift < 0 || number > UINT32_MAX || end[1] ? 0 : (uint64_t)number << shift;
}

struct cache_found {
    uint64_t level, bytes;
};

static void cache_look(int sys_fd, uint32_t cpu, unsigned index, struct cache_found *found)
{
    char path[96];
    char text[32];
    uint64_t level = 0;
    struct err ignored;
    (void)snprintf(path, sizeof path, "devices/system/cpu/cpu%u/cache/index%u/level", cpu, index);
    if (file_u64_at(sys_fd, path, &level, &ignored) || level > CACHE_LEVELS)
        return;
    (void)snprintf(path, sizeof path, "devices/system/cpu/cpu%u/cache/index%u/size", cpu, index);
    uint64_t bytes =
        file_line_at(sys_fd, path, text, sizeof text, &ignored) ? 0 : cache_parse_size(text);
    if (bytes == 0 || level < found->level)
        return;
    found->bytes = level > found->level || bytes > found->bytes ? bytes : found->bytes;
    found->level = level;
}

uint64_t cache_last_level_bytes(int sys_fd, const uint32_t *cpus, unsigned count)
{
    struct cache_found found = { 0 };
    for (unsigned i = 0; i < count; i++) {
        for (unsigned index = 0; index < CACHE_INDEXES; index++)
            cache_look(sys_fd, cpus[i], index, &found);
    }
    return found.bytes;
}
