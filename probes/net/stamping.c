#include "probes/net/stamping.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "probes/kit/clk.h"

static const unsigned stamping_both = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
                                      SOF_TIMESTAMPING_RAW_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE;
static const unsigned stamping_sent = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_HARDWARE |
                                      SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_TX_SWHW;

static bool set(int fd, unsigned flags)
{
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
}

bool stamping_start(int fd)
{
    if (set(fd, stamping_both | stamping_sent | SOF_TIMESTAMPING_OPT_ID))
        return true;
    (void)set(fd, stamping_both);
    return false;
}

void stamping_restart(int fd)
{
    (void)set(fd, stamping_both | stamping_sent);
    (void)set(fd, stamping_both | stamping_sent | SOF_TIMESTAMPING_OPT_ID);
}

static void read_stamp(const struct cmsghdr *c, struct session_stamp *stamp)
{
    struct scm_timestamping t;
    if (c->cmsg_len < CMSG_LEN(sizeof t))
        return;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    stamp->real_ns = clk_of_timespec((struct timespec){ t.ts[0].tv_sec, t.ts[0].tv_nsec });
    stamp->nic_ns = clk_of_timespec((struct timespec){ t.ts[2].tv_sec, t.ts[2].tv_nsec });
}

static bool is_stamp(const struct cmsghdr *c)
{
    return c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING;
}

void stamping_read(const struct msghdr *m, struct session_stamp *stamp)
{
    struct msghdr walk = *m;
    *stamp = (struct session_stamp){ 0 };
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&walk); c; c = CMSG_NXTHDR(&walk, c)) {
        if (is_stamp(c))
            read_stamp(c, stamp);
    }
}

static void read_error(const struct cmsghdr *c, struct stamping_note *note)
{
    struct sock_extended_err x;
    if (c->cmsg_len < CMSG_LEN(sizeof x))
        return;
    memcpy(&x, CMSG_DATA(c), sizeof x);
    if (x.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
        note->is_stamp = true;
        note->number = x.ee_data;
    } else {
        note->error = (int)x.ee_errno;
    }
}

void stamping_read_note(const struct msghdr *m, struct stamping_note *note)
{
    struct msghdr walk = *m;
    *note = (struct stamping_note){ 0 };
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&walk); c; c = CMSG_NXTHDR(&walk, c)) {
        bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
        bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
        if (is_stamp(c))
            read_stamp(c, &note->stamp);
        else if (v4 || v6)
            read_error(c, note);
    }
}
