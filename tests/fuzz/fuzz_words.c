/*
 * What users and other programs write in words: what --image asks for, `containerd --version`, a
 * platform. What is taken is terminated, within its bounds and not empty.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/image/platform.h"
#include "probes/image/runtime.h"
#include "probes/image/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void words_runtime(const char *text)
{
    struct runtime r = { 0 };
    if (runtime_parse(text, &r))
        return;
    if (strnlen(r.version, sizeof r.version) == sizeof r.version || !r.version[0] ||
        r.major >= 1000 || r.minor >= 1000)
        abort();
}

static void words_spec(const char *text)
{
    static struct spec s;
    struct err e;
    if (spec_parse(text, &s, &e) == 0) {
        if (s.kind == SPEC_PATH && (!s.path[0] || strlen(s.path) + strlen(s.name) > strlen(text)))
            abort();
    } else if (e.kind != ERR_USAGE) {
        abort();
    }
}

static void words_platform(const char *text)
{
    struct platform p;
    struct err e;
    char shown[PLATFORM_SHOWN_BYTES];
    if (platform_parse(text, &p, &e))
        return;
    if (!p.os[0] || !p.architecture[0] || strlen(platform_show(&p, shown)) >= sizeof shown)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    words_runtime(text);
    words_spec(text);
    words_platform(text);
    free(text);
    return 0;
}
