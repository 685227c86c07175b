#include "probes/probes.h"

#include <string.h>

#include "probes/disk/disk.h"
#include "probes/host/host.h"
#include "probes/image/image.h"
#include "probes/net/net.h"
#include "probes/noise/noise.h"

/* clang-format off */
const struct probe *const probes_all[] = {
    &host,
    &host_try,
    &disk_wal,
    &disk_read,
    &disk_write,
    &disk_stream,
    &disk_files,
    &disk_mixed,
    &disk_flush,
    &disk_burst,
    &disk_class,
    &image_runtime,
    &image_limit,
    &image_gap,
    &image_decode,
    &image_wal,
    &net_rtt,
    &net_mtu,
    &net_ports,
    &net_connect,
    &net_load,
    &net_passive,
    &noise_stall,
    &noise_gap,
    &noise_speed,
    &noise_pressure,
    NULL,
};

/* clang-format on */

const struct probe *probes_find(const char *name)
{
    for (unsigned i = 0; probes_all[i]; i++) {
        if (strcmp(probes_all[i]->name, name) == 0)
            return probes_all[i];
    }
    return NULL;
}

const struct metric *probes_metric(const char *id, const struct probe **owner)
{
    for (unsigned i = 0; probes_all[i]; i++) {
        const struct metric *m =
            probes_all[i]->metrics ? metric_find(probes_all[i]->metrics, id) : NULL;
        if (m && owner)
            *owner = probes_all[i];
        if (m)
            return m;
    }
    return NULL;
}

static const struct fact_row *fact_find(const struct fact_row *rows, const char *name)
{
    for (; rows && rows->name; rows++) {
        if (strcmp(rows->name, name) == 0)
            return rows;
    }
    return NULL;
}

const struct fact_row *probes_fact(const char *name, const struct probe **owner)
{
    for (unsigned i = 0; probes_all[i]; i++) {
        const struct fact_row *row = fact_find(probes_all[i]->facts, name);
        if (row && owner)
            *owner = probes_all[i];
        if (row)
            return row;
    }
    return NULL;
}
