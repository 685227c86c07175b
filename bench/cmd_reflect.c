#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/cmd.h"
#include "bench/say.h"
#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/reflector.h"

struct reflect_conf {
    uint64_t for_ns;
    uint64_t idle_ns;
    bool once;
    bool quiet;
};

static const struct opt reflect_opts[] = {
    OPT_DURATION(struct reflect_conf, for_ns, .name = "for",
                 .help = "End after this time; without it, on Ctrl-C or SIGTERM."),
    OPT_FLAG(struct reflect_conf, once, .name = "once",
             .help = "End when packets have come and then none for as long as --idle says."),
    OPT_DURATION(struct reflect_conf, idle_ns, .name = "idle", .initial = "60s",
                 .min = CLK_NS_PER_MS,
                 .help = "How long a silence ends --once; 'plimsoll vet' may pause for 40 s."),
    OPT_FLAG(struct reflect_conf, quiet, .name = "quiet", .letter = 'q',
             .help = "Say nothing but errors."),
    OPT_END,
};

/* What is decided about a packet, in the order of enum answer_kind. */
static const char *const reflect_kinds[ANSWER_KINDS] = {
    [ANSWER_GIVEN] = "answered",
    [ANSWER_SHORT] = "too short",
    [ANSWER_LONG] = "too long",
    [ANSWER_PORT] = "from a server's port",
    [ANSWER_REFLECTED] = "answers themselves",
    [ANSWER_MANY] = "sent to many",
    [ANSWER_UNAUTHENTICATED] = "not authenticated",
    [ANSWER_FORGED] = "not of our key",
    [ANSWER_KEYLESS] = "authenticated, but there is no key",
};

enum {
    REFLECT_NOBODY = 65534 /* SOURCE: Linux Documentation/admin-guide/sysctl/fs.rst, overflowuid */
};

static const uint64_t reflect_minute_ns = 60 * (uint64_t)CLK_NS_PER_S;
static const uint64_t reflect_look_ns = 500 * (uint64_t)CLK_NS_PER_MS;

/*
 * The port is bound and nothing else is needed: what packets could break shall own nothing. A user
 * namespace without that user has no root to lose.
 */
static void reflect_drop_root(bool quiet)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
    if (geteuid() != 0)
        return;
    if ((setgroups(0, NULL) || setgid(REFLECT_NOBODY) || setuid(REFLECT_NOBODY)) && !quiet)
        say_note("reflect: stays root: user %d: %s", REFLECT_NOBODY, strerrordesc_np(errno));
}

static void reflect_tell(const struct reflector *r)
{
    AUTO(buf) struct buf line = { 0 };
    buf_addf(&line, "reflect: %" PRIu64 " packets", reflector_received(r));
    for (int i = 0; i < ANSWER_KINDS; i++) {
        if (i == ANSWER_GIVEN || r->counts.by_kind[i])
            buf_addf(&line, ", %" PRIu64 " %s", r->counts.by_kind[i], reflect_kinds[i]);
    }
    if (r->counts.unsent)
        buf_addf(&line, ", %" PRIu64 " answers could not be sent", r->counts.unsent);
    say_note("%s", buf_text(&line));
}

static bool reflect_idle(const struct reflect_conf *c, const struct reflector *r, uint64_t now_ns)
{
    return c->once && r->last_ns && now_ns > r->last_ns && now_ns - r->last_ns >= c->idle_ns;
}

static int reflect_serve(const struct reflect_conf *c, struct reflector *r, struct err *e)
{
    uint64_t now_ns = clk_now_ns();
    uint64_t end_ns = c->for_ns ? now_ns + c->for_ns : UINT64_MAX;
    uint64_t tell_ns = now_ns + reflect_minute_ns;
    uint64_t told = 0;
    while (now_ns < end_ns && !*stop_flag() && !reflect_idle(c, r, now_ns)) {
        uint64_t until_ns = now_ns + reflect_look_ns;
        if (reflector_run(r, until_ns < end_ns ? until_ns : end_ns, stop_flag(), e))
            return -1;
        now_ns = clk_now_ns();
        if (now_ns < tell_ns)
            continue;
        tell_ns += reflect_minute_ns;
        if (!c->quiet && reflector_received(r) != told)
            reflect_tell(r);
        told = reflector_received(r);
    }
    return 0;
}

static int reflect_go(const struct reflect_conf *c, const char *where, struct reflector *r,
                      struct err *e)
{
    struct peer at;
    char name[PEER_NAME_BYTES];
    if (peer_parse_local(where, &at, e) || reflector_open(r, &at, e))
        return err_wrap(e, "reflect");
    reflect_drop_root(c->quiet);
    if (!c->quiet)
        say_note("reflect: listening at %s, UDP, %s; Ctrl-C ends it", peer_name(&r->at, name),
                 r->at.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&r->at.v6.sin6_addr)
                     ? "IPv6 and IPv4"
                     : "this address only");
    if (reflect_serve(c, r, e))
        return err_wrap(e, "reflect");
    if (!c->quiet)
        reflect_tell(r);
    return 0;
}

static int reflect_run(const void *conf, const struct opt_list *operands)
{
    struct reflector r = REFLECTOR_CLOSED;
    struct err e = { 0 };
    if (operands->count > 1)
        return say_usage("reflect: one ADDR[:PORT], but '%s' was given as well",
                         operands->items[1]);
    stop_install();
    int failed = reflect_go(conf, operands->count ? operands->items[0] : "", &r, &e);
    reflector_release(&r);
    if (failed)
        return say_error(&e);
    return *stop_flag() ? EXIT_STATUS_INTERRUPTED : EXIT_STATUS_FIT;
}

const struct command cmd_reflect = {
    .name = "reflect",
    .summary = "answer test packets of another node's --peer",
    .operands = "[ADDR[:PORT]]",
    .opts = reflect_opts,
    .conf_size = sizeof(struct reflect_conf),
    .run = reflect_run,
    .about = "Reflects STAMP packets (RFC 8762, unauthenticated) and those of TWAMP Light, by "
             "default on UDP port 862 of every address; ':8620' takes another port. It remembers "
             "no packet, never sends more bytes than came, and does not answer server ports "
             "(below 1024) or what is an answer itself. Root is needed to bind port 862 only, and "
             "given up afterwards. Counts go to standard error once a minute and at the end. The "
             "exit status is 0 after --for and --once, 130 when interrupted.",
};
