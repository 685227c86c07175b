#include "probes/net/capture.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static const char capture_links[] =
    "Ethernet, Linux cooked (SLL, SLL2), raw IP and BSD loopback are understood";

static void capture_free_code(struct bpf_program *code)
{
    pcap_freecode(code);
}

const char *capture_link_name(const struct capture *c)
{
    const char *name = pcap_datalink_val_to_name(c->link);
    return name ? name : "unnamed";
}

void capture_close(struct capture *c)
{
    if (c->pcap)
        pcap_close(c->pcap);
    c->pcap = NULL;
    c->file = NULL;
}

static int check_link(struct capture *c, const char *name, struct err *e)
{
    c->link = pcap_datalink(c->pcap);
    if (dissect_knows(c->link))
        return 0;
    return err_set(e, ERR_DATA, 0, "%s has packets of link layer %s (%d); %s", name,
                   capture_link_name(c), c->link, capture_links);
}

int capture_open_stream(struct capture *c, FILE *file, const char *name, struct err *e)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    *c = (struct capture){ .nanoseconds = true };
    c->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
    if (!c->pcap) {
        (void)fclose(file);
        return err_set(e, ERR_DATA, 0,
                       "%s is no capture that can be read: %.200s; make one with tcpdump -w or "
                       "tshark -w",
                       name, why);
    }
    c->file = pcap_file(c->pcap);
    return check_link(c, name, e);
}

int capture_open_file(struct capture *c, const char *path, struct err *e)
{
    struct stat st;
    *c = (struct capture){ 0 };
    AUTO_FCLOSE FILE *file = NULL;
    if (stat(path, &st))
        return err_set(e, err_kind_of(errno), errno, "open the capture '%.200s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_DATA, 0, "'%.200s' is no regular file; name a capture file", path);
    file = fopen(path, "rbe");
    if (!file)
        return err_set(e, err_kind_of(errno), errno, "open the capture '%.200s'", path);
    FILE *taken = file;
    file = NULL;
    if (capture_open_stream(c, taken, path, e))
        return -1;
    c->bytes = (uint64_t)st.st_size;
    return 0;
}

static int refuse(pcap_t *pcap, const char *interface, int code, struct err *e)
{
    const char *why = pcap_geterr(pcap);
    if (code == PCAP_ERROR_NO_SUCH_DEVICE)
        return err_set(e, ERR_USAGE, 0,
                       "there is no interface '%.40s'; 'ip link' lists them, and 'any' is all",
                       interface);
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED)
        return err_set(e, ERR_DENIED, 0,
                       "capturing on %.40s needs root or the capability CAP_NET_RAW; or let "
                       "tcpdump -w make a file and give it with --pcap",
                       interface);
    if (code == PCAP_ERROR_IFACE_NOT_UP)
        return err_set(e, ERR_IO, 0, "interface %.40s is down; 'ip link set %.40s up'", interface,
                       interface);
    return err_set(e, ERR_IO, 0, "capture on %.40s: %.200s", interface,
                   *why ? why : pcap_statustostr(code));
}

static int activate(struct capture *c, const char *interface, struct err *e)
{
    (void)pcap_set_snaplen(c->pcap, CAPTURE_SNAP_BYTES);
    (void)pcap_set_promisc(c->pcap, 0);
    (void)pcap_set_timeout(c->pcap, CAPTURE_HAND_OVER_MS);
    (void)pcap_set_buffer_size(c->pcap, CAPTURE_RING_BYTES);
    c->nanoseconds = pcap_set_tstamp_precision(c->pcap, PCAP_TSTAMP_PRECISION_NANO) == 0;
    int code = pcap_activate(c->pcap);
    return code < 0 ? refuse(c->pcap, interface, code, e) : 0;
}

/* Where the link layer has no tags the filter goes without. */
static int filter(struct capture *c, const char *interface, const struct portset *ports,
                  struct err *e)
{
    struct bpf_program code __attribute__((cleanup(capture_free_code))) = { 0 };
    for (int tags = 1; tags >= 0; tags--) {
        AUTO(buf) struct buf text = { 0 };
        portset_filter(ports, tags, &text);
        if (pcap_compile(c->pcap, &code, buf_text(&text), 1, PCAP_NETMASK_UNKNOWN) == 0)
            return pcap_setfilter(c->pcap, &code) ? refuse(c->pcap, interface, PCAP_ERROR, e) : 0;
    }
    return refuse(c->pcap, interface, PCAP_ERROR, e);
}

int capture_open_live(struct capture *c, const char *interface, const struct portset *ports,
                      struct err *e)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    *c = (struct capture){ .live = true };
    c->pcap = pcap_create(interface, why);
    if (!c->pcap)
        return err_set(e, ERR_IO, 0, "capture on %.40s: %.200s", interface, why);
    if (activate(c, interface, e) || check_link(c, interface, e) || filter(c, interface, ports, e))
        return -1;
    if (pcap_setnonblock(c->pcap, 1, why))
        return err_set(e, ERR_IO, 0, "capture on %.40s: %.200s", interface, why);
    return 0;
}

/* A second is no more than what 64 bits of nanoseconds hold: 584 years. */
static uint64_t time_of(const struct pcap_pkthdr *header, bool nanoseconds)
{
    uint64_t fraction = (uint64_t)header->ts.tv_usec * (nanoseconds ? 1 : CLK_NS_PER_US);
    return (uint64_t)header->ts.tv_sec * CLK_NS_PER_S + fraction;
}

enum capture_step capture_next(struct capture *c, struct passive_packet *packet, struct err *e)
{
    struct pcap_pkthdr *header = NULL;
    const u_char *bytes = NULL;
    int got = pcap_next_ex(c->pcap, &header, &bytes);
    if (got == 0)
        return CAPTURE_EMPTY;
    if (got == PCAP_ERROR_BREAK)
        return CAPTURE_END;
    if (got != 1) {
        (void)err_set(e, ERR_DATA, 0, "%.200s", pcap_geterr(c->pcap));
        return CAPTURE_BROKEN;
    }
    bool lies = header->len > CAPTURE_BYTES_MAX || header->caplen > header->len;
    c->lies += lies;
    *packet = (struct passive_packet){ .bytes = bytes,
                                       .size = header->caplen,
                                       .wire = lies ? header->caplen : header->len,
                                       .at_ns = time_of(header, c->nanoseconds) };
    return CAPTURE_PACKET;
}

void capture_wait(const struct capture *c, uint64_t until_ns)
{
    struct pollfd p = { .fd = pcap_get_selectable_fd(c->pcap), .events = POLLIN };
    uint64_t now_ns = clk_now_ns();
    struct timespec left = clk_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
    (void)ppoll(&p, 1, &left, NULL);
}

uint64_t capture_dropped(const struct capture *c)
{
    struct pcap_stat stat = { 0 };
    if (!c->live || pcap_stats(c->pcap, &stat))
        return 0;
    return (uint64_t)stat.ps_drop + stat.ps_ifdrop;
}
