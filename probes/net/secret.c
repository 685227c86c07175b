#include "probes/net/secret.h"

#include "probes/net/key.h"

int secret_open(struct secret *s, const char *path, struct err *e)
{
    *s = (struct secret){ 0 };
    if (!path || !*path)
        return 0;
    if (key_load(path, &s->key, e))
        return err_wrap(e, "--" SECRET_OPTION_NAME);
    s->is_set = true;
    return 0;
}

int secret_check(const char *path, struct err *e)
{
    struct secret s;
    int failed = secret_open(&s, path, e);
    secret_release(&s);
    if (failed)
        e->kind = ERR_USAGE;
    return failed;
}

const struct auth_key *secret_key(const struct secret *s)
{
    return s->is_set ? &s->key : NULL;
}

void secret_release(struct secret *s)
{
    auth_key_wipe(&s->key);
    s->is_set = false;
}
