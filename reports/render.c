#include "reports/render.h"

#include <string.h>

#include "reports/formats.h"

const struct renderer *const render_all[] = {
    &render_text, &render_markdown, &render_html, &render_json, NULL,
};

const struct renderer *render_find(const char *name)
{
    for (unsigned i = 0; render_all[i]; i++) {
        if (strcmp(render_all[i]->name, name) == 0)
            return render_all[i];
    }
    return NULL;
}
