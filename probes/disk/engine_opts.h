/*
 * engine_opts: the options of every probe that does I/O by an engine, for its own option table:
 *
 *     struct conf { const char *engine; struct engine_without without; ... };
 *     static const struct opt opts[] = { ENGINE_OPTIONS(struct conf), ..., OPT_END };
 */
#ifndef PROBES_DISK_ENGINE_OPTS_H
#define PROBES_DISK_ENGINE_OPTS_H

#include "probes/disk/engine.h"
#include "probes/kit/opt.h"

static const char *const engine_names[] = { "auto", "uring", "aio", "sync", "null", NULL };

#define ENGINE_OPTIONS(conf)                                                                       \
    OPT_CHOICE(conf, engine, .name = "engine", .arg = "NAME", .initial = "auto",                   \
               .choices = engine_names,                                                            \
               .help = "How I/O is handed to the kernel; auto chooses among uring, aio and sync, " \
                       "null touches no disk and shows our own cost."),                            \
        ENGINE_WITHOUT(conf, fixed_file, "no-fixed-file",                                          \
                       "The file is looked up for each I/O, as most programs make io_uring do."),  \
        ENGINE_WITHOUT(conf, fixed_buffers, "no-fixed-buffers",                                    \
                       "Pages are pinned anew for each I/O, as most programs make io_uring do."),  \
        ENGINE_WITHOUT(conf, fixed_ring, "no-fixed-ring",                                          \
                       "Each system call looks the ring's descriptor up."),                        \
        ENGINE_WITHOUT(conf, single_issuer, "no-single-issuer",                                    \
                       "The kernel is not told that one thread issues, nor is work deferred."),    \
        ENGINE_WITHOUT(conf, deferral, "no-deferral",                                              \
                       "Completion work is done as it comes and not when it is asked for."),       \
        ENGINE_WITHOUT(conf, cooperation, "no-cooperation",                                        \
                       "Without deferral, completion work may interrupt the program."),            \
        ENGINE_WITHOUT(conf, polling, "no-polling",                                                \
                       "Completions come by interrupt, as for most programs, also where the "      \
                       "device has poll queues.")

#define ENGINE_WITHOUT(conf, member, word, text)                                                   \
    OPT_FLAG(conf, without.member, .name = word, .help = text)

#endif
