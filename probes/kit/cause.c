#include "probes/kit/cause.h"

#include <string.h>

static const struct {
    const char *id, *name;
} cause_words[CAUSES] = {
    [CAUSE_HYPERVISOR] = {"hypervisor",  "hypervisor"                  },
    [CAUSE_UNREPORTED] = { "unreported", "hypervisor, unreported"      },
    [CAUSE_OTHERS] = { "others",     "this guest's other processes"},
    [CAUSE_OWN] = { "own",        "this program's own load"     },
    [CAUSE_QUOTA] = { "quota",      "own cgroup quota"            },
    [CAUSE_INTERRUPTS] = { "interrupts", "interrupts"                  },
    [CAUSE_HALTED] = { "halted",     "stopped or frozen"           },
    [CAUSE_UNKNOWN] = { "unknown",    "unknown"                     },
};

const char *cause_id(enum cause c)
{
    return cause_words[c].id;
}

const char *cause_name(enum cause c)
{
    return cause_words[c].name;
}

int cause_of_id(const char *id)
{
    for (int i = 0; i < CAUSES; i++) {
        if (strcmp(id, cause_words[i].id) == 0)
            return i;
    }
    return -1;
}

void cause_split(const struct episode *e, const struct cause_window *w, const struct cause_host *h,
                 uint64_t share_ns[CAUSES])
{
    (void)w;
    (void)h;
    memset(share_ns, 0, CAUSES * sizeof *share_ns);
    share_ns[CAUSE_UNKNOWN] = e->length_ns;
}

enum cause cause_main(const uint64_t share_ns[CAUSES])
{
    enum cause most = CAUSE_UNKNOWN;
    for (unsigned i = 0; i < CAUSES; i++) {
        if (share_ns[i] > share_ns[most])
            most = (enum cause)i;
    }
    return most;
}
