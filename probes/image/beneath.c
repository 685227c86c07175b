#include "probes/image/beneath.h"

#include <string.h>

const char *beneath_show(const char *text, char shown[BENEATH_SHOWN_BYTES])
{
    size_t size = 0;
    for (; text[size] && size + 1 < BENEATH_SHOWN_BYTES; size++) {
        unsigned char c = (unsigned char)text[size];
        bool is_hostile = c < ' ' || c == 0x7f || c == '\'';
        shown[size] = '?';
        if (!is_hostile)
            shown[size] = text[size];
    }
    shown[size] = '\0';
    if (text[size])
        memcpy(shown + size - 3, "...", 3);
    return shown;
}

static int beneath_add(struct beneath_name *name, size_t *size, const char *part, size_t part_size,
                       struct err *e)
{
    if (part_size > NAME_MAX || *size + part_size + 2 > sizeof name->path)
        return err_set(e, ERR_DATA, 0,
                       "a name of %zu bytes is refused: a part may have %d, the whole %zu",
                       *size + part_size, NAME_MAX, sizeof name->path - 1);
    name->parent_size = *size;
    if (*size)
        name->path[(*size)++] = '/';
    memcpy(name->path + *size, part, part_size);
    name->last = name->path + *size;
    *size += part_size;
    name->path[*size] = '\0';
    return 0;
}

int beneath_name(const char *text, struct beneath_name *name, struct err *e)
{
    size_t size = 0;
    name->path[0] = '\0';
    name->last = name->path;
    name->parent_size = 0;
    if (text[0] == '/')
        return err_set(e, ERR_DATA, 0, "an absolute name is refused");
    while (*text) {
        size_t part = strcspn(text, "/");
        bool dot = part == 1 && text[0] == '.';
        if (part == 2 && text[0] == '.' && text[1] == '.')
            return err_set(e, ERR_DATA, 0, "a name with '..' is refused");
        if (part && !dot && beneath_add(name, &size, text, part, e))
            return -1;
        text += part + (text[part] == '/');
    }
    return 0;
}
