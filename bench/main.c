#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/command.h"
#include "bench/say.h"
#include "bench/usage.h"
#include "probes/kit/auto.h"

enum {
    MAIN_COMMANDS = 32,
    /*
     * Bytes. A histogram is 250 kB of zeros of which a few pages are ever touched, as long as they
     * come from the kernel; glibc would take it out of the heap after a while and clear it. What
     * is smaller comes from the heap, which is not given back and asked for again all the time.
     */
    MAIN_FRESH_BYTES = 192 << 10,
    MAIN_HEAP_BYTES = 64 << 20
};

static int main_print(const struct buf *text)
{
    struct err e = { 0 };
    return say_out(text, &e) ? say_error(&e) : EXIT_STATUS_FIT;
}

static int main_unknown(const char *word)
{
    const char *names[MAIN_COMMANDS + 1] = { 0 };
    for (unsigned i = 0; i < MAIN_COMMANDS && command_all[i]; i++)
        names[i] = command_all[i]->name;
    const char *near = opt_nearest(word, names);
    if (near)
        return say_usage("unknown command '%s'; did you mean '%s'?", word, near);
    return say_usage("unknown command '%s'; 'plimsoll --help' lists them", word);
}

static int main_command(const struct command *c, int argc, char **argv)
{
    AUTO(buf) struct buf text = { 0 };
    AUTO_FREE void *conf = calloc(1, c->conf_size);
    struct err e = { 0 };
    struct opt_rest rest = { 0 };
    if (!conf)
        return say_usage("%s: no memory", c->name);
    if (opt_defaults(c->opts, conf, c->conf_size, &e) ||
        opt_parse(c->opts, conf, argc, argv, &rest, &e)) {
        return say_error(&e);
    }
    if (rest.help) {
        usage_command(c, &text);
        return main_print(&text);
    }
    if (rest.operands.count && !c->operands)
        return say_usage("%s: takes no operand, but '%s' was given", c->name,
                         rest.operands.items[0]);
    return c->run(conf, &rest.operands);
}

/*
 * Takes the numbers 0 to 2 where the caller closed them, or the next file opened would have one of
 * them and be written to as standard output or error. O_PATH: reading and writing fail as before.
 */
static int main_hold_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH) != fd) // NOLINT(android-cloexec-open)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    AUTO(buf) struct buf text = { 0 };
    (void)mallopt(M_MMAP_THRESHOLD, MAIN_FRESH_BYTES); // NOLINT(concurrency-mt-unsafe)
    (void)mallopt(M_TRIM_THRESHOLD, MAIN_HEAP_BYTES);  // NOLINT(concurrency-mt-unsafe)
    if (main_hold_standard())
        return EXIT_STATUS_UNKNOWN;
    const char *word = argc > 1 ? argv[1] : "--help";
    if (strcmp(word, "--version") == 0) {
        buf_adds(&text, "plimsoll " VERSION "\n");
        return main_print(&text);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        usage_program(&text);
        int status = main_print(&text);
        return argc > 1 ? status : EXIT_STATUS_UNKNOWN;
    }
    const struct command *c = command_find(word);
    return c ? main_command(c, argc - 1, argv + 1) : main_unknown(word);
}
