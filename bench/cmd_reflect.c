#include <string.h>

#include "bench/cmd.h"
#include "bench/reflected.h"
#include "bench/say.h"
#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/confine.h"
#include "probes/net/key.h"
#include "probes/net/reflector.h"

struct reflect_conf {
    uint64_t for_ns;
    uint64_t idle_ns;
    uint64_t rate;
    struct opt_list allow;
    const char *key_file;
    const char *user;
    bool once;
    bool stateful;
    bool json;
    bool quiet;
};

static const struct opt reflect_opts[] = {
    OPT_LIST(
        struct reflect_conf, allow, .name = "allow", .arg = "CIDR", .max = CIDR_LIST_MAX,
        .help =
            "Answer only addresses in this range, as in 10.0.0.0/8 or 2001:db8::/32. Without it "
            "everybody is answered."),
    OPT_U64(struct reflect_conf, rate, .name = "rate", .initial = "20000", .max = BUCKET_RATE_MAX,
            .help = "Answer at most so many packets a second of one source (an IPv4 address, an "
                    "IPv6 /64), a tenth of it at once; 0: no limit."),
    OPT_TEXT(struct reflect_conf, key_file, .name = "key-file", .arg = "FILE",
             .help = "Authenticated mode: answer only what was made with the key in this file."),
    OPT_FLAG(struct reflect_conf, stateful, .name = "stateful",
             .help = "Number answers by session, so that a sender tells loss on the way there "
                     "from loss on the way back."),
    OPT_DURATION(struct reflect_conf, for_ns, .name = "for",
                 .help = "End after this time; without it, on Ctrl-C or SIGTERM."),
    OPT_FLAG(struct reflect_conf, once, .name = "once",
             .help = "End when packets were answered and then none for as long as --idle says."),
    OPT_DURATION(struct reflect_conf, idle_ns, .name = "idle", .initial = "60s",
                 .min = CLK_NS_PER_MS,
                 .help = "How long a silence ends --once; 'plimsoll vet' may pause for 40 s."),
    OPT_TEXT(struct reflect_conf, user, .name = "user", .arg = "NAME", .initial = "nobody",
             .help = "Whom root becomes once the port is bound."),
    OPT_FLAG(struct reflect_conf, json, .name = "json",
             .help = "Write the counts as JSON to standard output at the end."),
    OPT_FLAG(struct reflect_conf, quiet, .name = "quiet", .letter = 'q',
             .help = "Say nothing but errors."),
    OPT_END,
};

static const uint64_t reflect_minute_ns = 60 * (uint64_t)CLK_NS_PER_S;
static const uint64_t reflect_look_ns = 500 * (uint64_t)CLK_NS_PER_MS;

static void reflect_tell(const struct reflector *r)
{
    AUTO(buf) struct buf line = { 0 };
    reflected_line(r, &line);
    say_note("reflect: %s", buf_text(&line));
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

static int reflect_open(const struct reflect_conf *c, const char *where, struct auth_key *key,
                        struct reflector *r, struct err *e)
{
    struct peer at;
    struct reflector_rules rules = { .rate = c->rate, .stateful = c->stateful };
    for (unsigned i = 0; i < c->allow.count; i++) {
        if (cidr_list_add(&rules.allow, c->allow.items[i], e))
            return err_wrap(e, "--allow");
    }
    if (*c->key_file) {
        if (key_load(c->key_file, key, e))
            return err_wrap(e, "--key-file");
        rules.key = key;
    }
    return peer_parse_local(where, &at, e) || reflector_open(r, &at, e) ||
                   reflector_govern(r, &rules, e)
               ? -1
               : 0;
}

/* Where, as whom, for whom: one line. */
static void reflect_greet(const struct reflect_conf *c, const struct reflector *r,
                          const char *confined)
{
    char name[PEER_NAME_BYTES];
    AUTO(buf) struct buf line = { 0 };
    bool both = r->at.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&r->at.v6.sin6_addr);
    buf_addf(&line, "reflect: listening at %s, UDP, %s; %s; for ", peer_name(&r->at, name),
             both ? "IPv6 and IPv4" : "this address only", confined);
    if (c->allow.count)
        buf_addf(&line, "%u range%s", c->allow.count, c->allow.count == 1 ? "" : "s");
    else
        buf_adds(&line, "everybody");
    if (*c->key_file)
        buf_adds(&line, " with the key");
    if (c->rate)
        buf_addf(&line, ", %llu packets/s each", (unsigned long long)c->rate);
    buf_adds(&line, "; Ctrl-C ends it");
    say_note("%s", buf_text(&line));
}

/* The port is bound and nothing else is needed: what packets could break shall own nothing. */
static int reflect_confine(const struct reflect_conf *c, const struct confine_user *user,
                           struct buf *said, struct err *e)
{
    bool stays;
    bool was_root = geteuid() == 0;
    if (confine_drop_root(user, &stays, e))
        return -1;
    if (was_root)
        buf_addf(said, "%s%s, ", stays ? "root still, for this namespace has no " : "as ", c->user);
    buf_adds(said, "no capabilities, ");
    buf_adds(said, confine_calls(e) ? e->msg : "few system calls");
    return 0;
}

static int reflect_go(const struct reflect_conf *c, const char *where, struct auth_key *key,
                      struct reflector *r)
{
    struct err e = { 0 };
    struct confine_user user = { 0 };
    AUTO(buf) struct buf confined = { 0 };
    json_object_seed(0); /* reads a file, which is over once confined */
    if ((geteuid() == 0 && confine_find_user(c->user, &user, &e)) ||
        reflect_open(c, where, key, r, &e) || reflect_confine(c, &user, &confined, &e)) {
        (void)err_wrap(&e, "reflect");
        return say_error(&e);
    }
    if (!c->quiet)
        reflect_greet(c, r, buf_text(&confined));
    if (reflect_serve(c, r, &e)) {
        (void)err_wrap(&e, "reflect");
        return say_error(&e);
    }
    if (!c->quiet)
        reflect_tell(r);
    return *stop_flag() ? EXIT_STATUS_INTERRUPTED : EXIT_STATUS_FIT;
}

static int reflect_print(const struct reflector *r)
{
    struct err e = { 0 };
    AUTO(buf) struct buf text = { 0 };
    json_t *counts = reflected_json(r);
    AUTO_FREE char *json = counts ? json_dumps(counts, JSON_INDENT(2)) : NULL;
    json_decref(counts);
    if (!json)
        (void)err_set(&e, ERR_NO_RESOURCE, 0, "reflect: no memory for the counts");
    buf_addf(&text, "%s\n", json ? json : "");
    return json && say_out(&text, &e) == 0 ? 0 : say_error(&e);
}

static int reflect_run(const void *conf, const struct opt_list *operands)
{
    const struct reflect_conf *c = conf;
    struct reflector r = REFLECTOR_CLOSED;
    struct auth_key key;
    if (operands->count > 1)
        return say_usage("reflect: one ADDR[:PORT], but '%s' was given as well",
                         operands->items[1]);
    stop_install();
    int status = reflect_go(c, operands->count ? operands->items[0] : "", &key, &r);
    if (c->json && status != EXIT_STATUS_UNKNOWN && reflect_print(&r))
        status = EXIT_STATUS_UNKNOWN;
    reflector_release(&r);
    auth_key_wipe(&key);
    return status;
}

const struct command cmd_reflect = {
    .name = "reflect",
    .summary = "answer test packets of another node's --peer",
    .operands = "[ADDR[:PORT]]",
    .opts = reflect_opts,
    .conf_size = sizeof(struct reflect_conf),
    .run = reflect_run,
    .about = "Reflects STAMP packets (RFC 8762, RFC 8972) and those of TWAMP Light, by default on "
             "UDP port 862 of every address; ':8620' takes another port. It never sends more bytes "
             "than came, does not answer server ports (below 1024) or what is an answer itself, "
             "and keeps tables of fixed size only: a flood of forged sources can push out their "
             "like, but costs no memory and locks nobody out. Root is needed to bind port 862 "
             "only; then it becomes --user, and keeps no capability and few system calls. Counts "
             "go to standard error once a minute in which packets came, and at the end, with how "
             "long answers took from their time T3 to the driver, which a sender cannot see. "
             "--once looks twice a second whether answers have come and then none for --idle. The "
             "exit status is 0 after --for and --once, 130 when interrupted.",
};
