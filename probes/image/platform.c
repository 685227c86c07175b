#include "probes/image/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "probes/image/beneath.h"

struct platform_machine {
    const char *machine;
    struct platform platform;
};

/* SOURCE: uname -m of the kernel's arch/ (UTS_MACHINE) beside Go's GOARCH and GOARM. */
static const struct platform_machine platform_machines[] = {
    {"x86_64",       { "linux", "amd64", "" }  },
    { "aarch64",     { "linux", "arm64", "" }  },
    { "aarch64_be",  { "linux", "arm64be", "" }},
    { "armv8l",      { "linux", "arm", "v8" }  },
    { "armv7l",      { "linux", "arm", "v7" }  },
    { "armv6l",      { "linux", "arm", "v6" }  },
    { "armv5tel",    { "linux", "arm", "v5" }  },
    { "armv5tejl",   { "linux", "arm", "v5" }  },
    { "i686",        { "linux", "386", "" }    },
    { "i586",        { "linux", "386", "" }    },
    { "i486",        { "linux", "386", "" }    },
    { "i386",        { "linux", "386", "" }    },
    { "ppc64le",     { "linux", "ppc64le", "" }},
    { "ppc64",       { "linux", "ppc64", "" }  },
    { "s390x",       { "linux", "s390x", "" }  },
    { "riscv64",     { "linux", "riscv64", "" }},
    { "loongarch64", { "linux", "loong64", "" }},
    { "mips64",      { "linux", "mips64", "" } },
};

struct platform_default {
    const char *architecture, *variant;
};

static const struct platform_default platform_defaults[] = {
    {"arm",    "v7"},
    { "arm64", "v8"},
    { "amd64", "v1"},
};

bool platform_of_machine(const char *machine, struct platform *p)
{
    for (size_t i = 0; i < sizeof platform_machines / sizeof *platform_machines; i++) {
        if (strcmp(platform_machines[i].machine, machine) == 0) {
            *p = platform_machines[i].platform;
            return true;
        }
    }
    return false;
}

int platform_host(struct platform *p, struct err *e)
{
    struct utsname name = { 0 };
    (void)uname(&name);
    if (platform_of_machine(name.machine, p))
        return 0;
    return err_set(e, ERR_UNSUPPORTED, 0, "no image is known to be for a machine '%s'",
                   name.machine);
}

/* One part up to a slash or the end; NULL when it is empty or too long. */
static const char *platform_part(const char *text, char part[PLATFORM_PART_BYTES])
{
    size_t size = strcspn(text, "/");
    if (size == 0 || size >= PLATFORM_PART_BYTES)
        return NULL;
    memcpy(part, text, size);
    part[size] = '\0';
    return text[size] ? text + size + 1 : text + size;
}

int platform_parse(const char *text, struct platform *p, struct err *e)
{
    *p = (struct platform){ 0 };
    const char *at = platform_part(text, p->os);
    at = at ? platform_part(at, p->architecture) : NULL;
    at = at && *at ? platform_part(at, p->variant) : at;
    if (at && *at == '\0' && at[-1] != '/')
        return 0;
    return err_set(e, ERR_USAGE, 0,
                   "'%s' is no platform: write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as in "
                   "linux/arm64",
                   text);
}

int platform_read(const struct node *at, struct platform *p, struct err *e)
{
    *p = (struct platform){ 0 };
    if (node_text(at, "os", p->os, sizeof p->os, e) ||
        node_text(at, "architecture", p->architecture, sizeof p->architecture, e)) {
        return -1;
    }
    return node_text_or_empty(at, "variant", p->variant, sizeof p->variant, e);
}

static const char *platform_variant(const struct platform *p)
{
    for (size_t i = 0; i < sizeof platform_defaults / sizeof *platform_defaults; i++) {
        if (!p->variant[0] && strcmp(platform_defaults[i].architecture, p->architecture) == 0)
            return platform_defaults[i].variant;
    }
    return p->variant;
}

/* The number of "v7"; -1 for any other text. */
static int platform_step(const char *variant)
{
    char *end = NULL;
    if (variant[0] != 'v' || variant[1] < '0' || variant[1] > '9')
        return -1;
    long step = strtol(variant + 1, &end, 10);
    return *end == '\0' && step < 1000 ? (int)step : -1;
}

int platform_rank(const struct platform *wanted, const struct platform *image)
{
    const char *ours = platform_variant(wanted);
    const char *its = platform_variant(image);
    if (strcmp(wanted->os, image->os) != 0)
        return -1;
    if (strcmp(image->architecture, "unknown") == 0)
        return PLATFORM_RANK_ANY;
    if (strcmp(wanted->architecture, image->architecture) != 0)
        return -1;
    if (strcmp(ours, its) == 0)
        return 0;
    int our_step = platform_step(ours);
    int its_step = platform_step(its);
    return our_step < 0 || its_step < 0 || its_step > our_step ? -1 : our_step - its_step;
}

bool platform_is_unknown(const struct platform *p)
{
    return strcmp(p->os, "unknown") == 0 && strcmp(p->architecture, "unknown") == 0;
}

const char *platform_show(const struct platform *p, char shown[PLATFORM_SHOWN_BYTES])
{
    char text[PLATFORM_SHOWN_BYTES + 2];
    char fit[BENEATH_SHOWN_BYTES];
    (void)snprintf(text, sizeof text, "%s/%s%s%s", p->os, p->architecture, p->variant[0] ? "/" : "",
                   p->variant);
    (void)snprintf(shown, PLATFORM_SHOWN_BYTES, "%s", beneath_show(text, fit));
    return shown;
}
