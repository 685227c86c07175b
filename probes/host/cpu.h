/*
 * cpu: how many there are to use, and which.
 */
#ifndef PROBES_HOST_CPU_H
#define PROBES_HOST_CPU_H

#include <stddef.h>

#include "probes/kit/facts.h"

enum {
    CPU_MODEL_BYTES = 128
};

/*
 * The model in the text of /proc/cpuinfo, blanks joined: "model name" (x86), "cpu" (POWER),
 * "Processor" or implementer and part (ARM), "uarch" (RISC-V). -1 when there is none.
 */
int cpu_parse_model(const char *cpuinfo, char model[CPU_MODEL_BYTES]);
/* The value of the first line with that key, blanks joined; -1 when it is missing or empty. */
int cpu_parse_line(const char *cpuinfo, const char *key, char *value, size_t size);
/* How many CPUs a list like "0-3,8" names; 0 when it is malformed. */
unsigned cpu_count_list(const char *list);
/* States host.cpus and host.cpu.model; usable is what the affinity mask of this process allows. */
void cpu_state(int proc_fd, int sys_fd, unsigned usable, struct facts *f);

#endif
