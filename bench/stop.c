#include "bench/stop.h"

#include <stddef.h>

static volatile sig_atomic_t stop_asked;

static void stop_ask(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

void stop_install(void)
{
    static const int asking[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction act = { .sa_handler = stop_ask };
    (void)sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof asking / sizeof asking[0]; i++)
        (void)sigaction(asking[i], &act, NULL);
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

const volatile sig_atomic_t *stop_flag(void)
{
    return &stop_asked;
}
