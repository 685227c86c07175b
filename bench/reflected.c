#include "bench/reflected.h"

#include <inttypes.h>
#include <stddef.h>

struct reflected_count {
    const char *key, *words;
    size_t offset;
};

#define KIND(kind)    (offsetof(struct reflector_counts, by_kind) + (kind) * sizeof(uint64_t))
#define COUNT(member) offsetof(struct reflector_counts, member)

/* What packets were not answered for; each was counted once. */
static const struct reflected_count refusals[] = {
    {"not_allowed",        "not allowed (--allow)",              COUNT(disallowed)           },
    { "above_rate",        "above --rate",                       COUNT(limited)              },
    { "too_short",         "too short",                          KIND(ANSWER_SHORT)          },
    { "too_long",          "too long",                           KIND(ANSWER_LONG)           },
    { "server_port",       "from a server's port",               KIND(ANSWER_PORT)           },
    { "answer_itself",     "answers themselves",                 KIND(ANSWER_REFLECTED)      },
    { "sent_to_many",      "sent to many",                       KIND(ANSWER_MANY)           },
    { "not_authenticated", "not authenticated",                  KIND(ANSWER_UNAUTHENTICATED)},
    { "not_of_our_key",    "not of our key",                     KIND(ANSWER_FORGED)         },
    { "no_key_here",       "authenticated, but there is no key", KIND(ANSWER_KEYLESS)        },
};

static uint64_t value_of(const struct reflector *r, const struct reflected_count *c)
{
    return *(const uint64_t *)(const void *)((const char *)&r->counts + c->offset);
}

static void add_departures(const struct hist *h, struct buf *out)
{
    if (h->total)
        buf_addf(out,
                 "; answers left %.0f us after their time T3 (p99 %.0f us, %" PRIu64 " looked at)",
                 (double)hist_quantile(h, 0.5) / CLK_NS_PER_US,
                 (double)hist_quantile(h, 0.99) / CLK_NS_PER_US, h->total);
}

void reflected_line(const struct reflector *r, struct buf *out)
{
    uint64_t sources = distinct_count(&r->refused);
    buf_addf(out, "%" PRIu64 " packets, %" PRIu64 " answered", reflector_received(r),
             r->counts.by_kind[ANSWER_GIVEN]);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (value_of(r, &refusals[i]))
            buf_addf(out, ", %" PRIu64 " %s", value_of(r, &refusals[i]), refusals[i].words);
    }
    if (r->counts.unsent)
        buf_addf(out, ", %" PRIu64 " answers could not be sent", r->counts.unsent);
    if (sources)
        buf_addf(out, "; refused: about %" PRIu64 " source%s", sources, sources == 1 ? "" : "s");
    if (r->counts.clock_steps)
        buf_addf(out, "; the clock was stepped %" PRIu64 " times", r->counts.clock_steps);
    add_departures(&r->departure.took_ns, out);
}

static json_t *departures_json(const struct hist *h)
{
    if (h->total == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I}", "samples", (json_int_t)h->total, "p50_ns",
                     (json_int_t)hist_quantile(h, 0.5), "p99_ns",
                     (json_int_t)hist_quantile(h, 0.99), "max_ns", (json_int_t)h->max);
}

json_t *reflected_json(const struct reflector *r)
{
    json_t *refused = json_object();
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        (void)json_object_set_new(refused, refusals[i].key,
                                  json_integer((json_int_t)value_of(r, &refusals[i])));
    return json_pack(
        "{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "packets",
        (json_int_t)reflector_received(r), "answered", (json_int_t)r->counts.by_kind[ANSWER_GIVEN],
        "refused", refused, "refused_sources", (json_int_t)distinct_count(&r->refused), "unsent",
        (json_int_t)r->counts.unsent, "sessions", (json_int_t)r->sessions.begun,
        "sessions_pushed_out", (json_int_t)r->sessions.pushed_out, "sources_pushed_out",
        (json_int_t)r->bucket.pushed_out, "clock_steps", (json_int_t)r->counts.clock_steps,
        "t3_to_departure", departures_json(&r->departure.took_ns));
}
