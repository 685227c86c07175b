#include "bench/site.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"

static const char site_remedy[] = "name a directory on the disk in question with --dir";

static int site_check_dir(const char *dir, struct err *e)
{
    struct stat st;
    if (stat(dir, &st))
        return err_set(e, err_kind_of(errno), 0, "--dir '%s': %s; %s", dir, strerrordesc_np(errno),
                       site_remedy);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_USAGE, 0, "--dir '%s' is not a directory; %s", dir, site_remedy);
    if (access(dir, W_OK | X_OK))
        return err_set(e, err_kind_of(errno), 0,
                       "--dir '%s' is not writable for user %u (%s); %s%s", dir,
                       (unsigned)geteuid(), strerrordesc_np(errno),
                       geteuid() ? "run as root or " : "", site_remedy);
    return 0;
}

static unsigned site_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

static uint64_t site_memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

int site_open(const char *dir, struct site *s, struct err *e)
{
    *s = (struct site){ 0 };
    s->probe.proc_fd = s->probe.sys_fd = -1;
    const char *wanted = dir && *dir ? dir : geteuid() == 0 ? "/var/lib" : "/var/tmp";
    if (site_check_dir(wanted, e))
        return -1;
    AUTO_FREE char *real = realpath(wanted, NULL);
    if (!real || strlen(real) >= sizeof s->dir)
        return err_set(e, ERR_USAGE, real ? ENAMETOOLONG : errno, "--dir '%s'", wanted);
    memcpy(s->dir, real, strlen(real) + 1);

    s->probe.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->probe.sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->probe.proc_fd < 0 || place_of(s->dir, s->probe.proc_fd, s->probe.sys_fd, &s->place, e))
        return s->probe.proc_fd < 0 ? err_set(e, ERR_IO, errno, "open /proc") : -1;
    s->probe.dir = s->dir;
    s->probe.place = &s->place;
    s->probe.cpus = site_cpus();
    s->probe.memory_bytes = site_memory_bytes();
    return 0;
}

void site_release(struct site *s)
{
    auto_close_fd(&s->probe.proc_fd);
    auto_close_fd(&s->probe.sys_fd);
    s->probe.proc_fd = s->probe.sys_fd = -1;
}
