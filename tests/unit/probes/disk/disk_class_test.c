#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "tests/unit/probes/disk/curves.h"
#include "tests/unit/probes/disk/rig.h"

/* What earlier probes left, made up or from a recorded curve. */
struct earlier {
    struct result results[4];
    struct metric rows[4][LIMITS_METRICS];
    char ids[4][LIMITS_METRICS][LIMITS_NAME_BYTES];
    unsigned count;
};

static struct earlier earlier;
static struct curves curves;

static void forget(void)
{
    for (unsigned i = 0; i < earlier.count; i++)
        result_release(&earlier.results[i]);
    memset(&earlier, 0, sizeof earlier);
}

static int teardown(void **state)
{
    (void)state;
    forget();
    return 0;
}

static void declare(unsigned slot, unsigned row, enum unit unit, enum metric_kind kind,
                    const char *id)
{
    (void)snprintf(earlier.ids[slot][row], LIMITS_NAME_BYTES, "%s", id);
    earlier.rows[slot][row] =
        (struct metric){ earlier.ids[slot][row], unit, METRIC_NEITHER, kind, "", "A made-up one." };
}

static struct result *add(const char *probe, unsigned slot)
{
    struct err e;
    struct result *r = &earlier.results[slot];
    assert_int_equal(result_open(r, probe, "Made up", earlier.rows[slot], &e), 0);
    earlier.count++;
    return r;
}

static void add_value(struct result *r, const char *id, double value)
{
    struct err e;
    struct result_block b = { .observed_ns = 100000000, .value = value, .n = 1 };
    assert_int_equal(result_add_block(result_metric_find(r, id), &b, &e), 0);
}

/* Most at the median, as many at p99 as the mean asks for. */
static void add_latency(struct result *r, const char *id, const struct cap_depth *d)
{
    struct err e;
    struct result_block b = { .observed_ns = 100000000 };
    double slow = (d->mean_ns - d->p50_ns) / (d->p99_ns - d->p50_ns);
    uint64_t n = (uint64_t)(10000 * fmin(fmax(slow, 0.011), 0.49));
    assert_int_equal(hist_open(&b.hist, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    hist_record_n(&b.hist, (uint64_t)d->p50_ns, 10000 - n);
    hist_record_n(&b.hist, (uint64_t)d->p99_ns, n);
    b.n = b.hist.total;
    assert_int_equal(result_add_block(result_metric_find(r, id), &b, &e), 0);
    hist_release(&b.hist);
}

/* As disk.read or disk.write would have left it. */
static void add_sweep(const char *probe, const char *curve)
{
    char id[LIMITS_NAME_BYTES];
    struct err e;
    unsigned slot = earlier.count;
    assert_true(curves_read(&curves, curve));
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(id, sizeof id, "%s.qd%u", probe, 1U << i);
        declare(slot, 2 * i, UNIT_NS, METRIC_HIST, id);
        (void)snprintf(id, sizeof id, "%s.qd%u.iops", probe, 1U << i);
        declare(slot, 2 * i + 1, UNIT_PER_S, METRIC_MEAN, id);
    }
    struct result *r = add(probe, slot);
    for (size_t i = 0; i < curves.curve.block_count; i++) {
        (void)snprintf(id, sizeof id, "%s.qd%u.iops", probe, curves.blocks[i].depth);
        add_value(r, id, curves.blocks[i].rate);
    }
    for (unsigned i = 0; i < curves.curve.depth_count; i++) {
        (void)snprintf(id, sizeof id, "%s.qd%u", probe, curves.curve.depths[i].depth);
        add_latency(r, id, &curves.curve.depths[i]);
    }
    assert_int_equal(result_summarise(r, &e), 0);
}

/* A sweep that had no time for more than these depths. */
static void add_climb(const double iops[6])
{
    static const struct cap_depth alone = { 1, 100e3, 140e3, 102e3 };
    char id[LIMITS_NAME_BYTES];
    struct err e;
    unsigned slot = earlier.count;
    declare(slot, 0, UNIT_NS, METRIC_HIST, "disk.read.qd1");
    for (unsigned i = 0; i < 6; i++) {
        (void)snprintf(id, sizeof id, "disk.read.qd%u.iops", 1U << i);
        declare(slot, 1 + i, UNIT_PER_S, METRIC_MEAN, id);
    }
    struct result *r = add("disk.read", slot);
    add_latency(r, "disk.read.qd1", &alone);
    for (unsigned i = 0; i < 6; i++) {
        if (iops[i] > 0)
            add_value(r, earlier.ids[slot][1 + i], iops[i]);
    }
    assert_int_equal(result_summarise(r, &e), 0);
}

static void add_stream(double read_bytes, double write_bytes)
{
    struct err e;
    unsigned slot = earlier.count;
    declare(slot, 0, UNIT_BYTES_PER_S, METRIC_MEAN, "disk.stream.read");
    declare(slot, 1, UNIT_BYTES_PER_S, METRIC_MEAN, "disk.stream.write");
    struct result *r = add("disk.stream", slot);
    add_value(r, "disk.stream.read", read_bytes);
    add_value(r, "disk.stream.write", write_bytes);
    assert_int_equal(result_summarise(r, &e), 0);
}

static struct rig *conclude(void)
{
    struct rig *r = rig_open(&disk_class);
    r->run.earlier = earlier.results;
    r->run.earlier_count = earlier.count;
    assert_int_equal(rig_measure(r, 0), 0);
    r->probe->judge(&r->run);
    return r;
}

static const struct fact *fact(const struct rig *r, const char *name)
{
    const struct fact *f = facts_find(&r->result.facts, name);
    assert_non_null(f);
    return f;
}

static void with_nothing_it_is_unknown_and_says_what_is_missing(void **state)
{
    (void)state;
    struct rig *r = conclude();
    assert_string_equal(fact(r, "disk.class")->text, "unknown");
    assert_int_equal(fact(r, "disk.class.cap")->kind, FACT_UNKNOWN);
    assert_string_equal(fact(r, "disk.class.cap")->reason, "no limiter was found");
    assert_int_equal(fact(r, "disk.class.plan")->kind, FACT_UNKNOWN);
    assert_true(rig_noted(r, "Concluded without disk.read, disk.write, disk.wal, disk.stream, "
                             "disk.flush, disk.burst."));
    assert_true(rig_noted(r, "The class is unknown."));
    assert_int_equal(r->result.status, STATUS_MEASURED);
    rig_close(r);
}

static void the_claim_of_the_driver_stands_beside_the_behaviour(void **state)
{
    (void)state;
    add_sweep("disk.read", "read-none-8");
    add_stream(1049e6, 2500e6);
    struct rig *r = conclude();
    assert_string_equal(fact(r, "disk.class")->text, "nvme");
    assert_non_null(strstr(fact(r, "disk.class.claim")->text, "no class by vda (virtio_blk)"));
    assert_true(rig_noted(r, "Behaves like nvme, because "));
    assert_true(rig_noted(r, "Concluded without disk.write"));
    r->result.note_count = 0;
    memcpy(r->place.driver, "nvme", 5);
    r->place.rotational = 1;
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "Advertised as hdd, behaves like nvme, because "));
    assert_non_null(strstr(fact(r, "disk.class.claim")->text, "hdd by vda (nvme)"));
    rig_close(r);
    forget();
}

static void a_throttle_is_a_fact_with_its_rate_and_plan(void **state)
{
    (void)state;
    add_sweep("disk.read", "read-3000-8");
    add_sweep("disk.write", "write-none-8");
    struct rig *r = conclude();
    assert_string_equal(fact(r, "disk.class")->text, "rate-limited");
    assert_true(fabs(fact(r, "disk.class.cap")->number / 3000 - 1) < 0.03);
    assert_int_equal(fact(r, "disk.class.cap")->unit, UNIT_PER_S);
    assert_string_equal(fact(r, "disk.class.cap")->reason, "4 KiB reads");
    assert_non_null(strstr(fact(r, "disk.class.plan")->text, "AWS gp3"));
    assert_true(rig_noted(r, "Held by a rate limiter at 3000/s (4 KiB reads)."));
    rig_close(r);
    forget();
    add_sweep("disk.read", "read-none-8");
    add_sweep("disk.write", "write-9100-8");
    r = conclude();
    assert_true(fabs(fact(r, "disk.class.cap")->number / 9100 - 1) < 0.03);
    assert_string_equal(fact(r, "disk.class.cap")->reason, "4 KiB writes");
    assert_string_equal(fact(r, "disk.class.plan")->reason, "the rate fits no published rule");
    rig_close(r);
    forget();
}

static void a_limit_of_bytes_has_its_unit(void **state)
{
    (void)state;
    add_sweep("disk.read", "read-20MB-8");
    add_stream(20.0e6, 900e6);
    struct rig *r = conclude();
    assert_int_equal(fact(r, "disk.class.cap")->unit, UNIT_BYTES_PER_S);
    assert_true(fabs(fact(r, "disk.class.cap")->number / 20e6 - 1) < 0.03);
    rig_close(r);
    forget();
}

/* Depths beyond 32 gain nothing where 32 gained nothing; else they were not measured. */
static void what_no_time_was_left_for_is_no_evidence(void **state)
{
    static const double stopped[] = { 10e3, 20e3, 40e3, 70e3, 72e3, 73e3 };
    static const double cut[] = { 10e3, 0, 0, 0, 0, 73e3 };
    (void)state;
    add_climb(stopped);
    add_stream(540e6, 500e6);
    struct rig *r = conclude();
    assert_string_equal(fact(r, "disk.class")->text, "sata-ssd");
    assert_true(rig_noted(r, "more than 32 reads at once bring 1 times the rate of 32"));
    rig_close(r);
    forget();
    add_climb(cut);
    add_stream(540e6, 500e6);
    r = conclude();
    assert_string_equal(fact(r, "disk.class")->text, "unknown");
    assert_false(rig_noted(r, "more than 32 reads at once"));
    rig_close(r);
    forget();
}

static void failed_results_are_not_concluded_from(void **state)
{
    (void)state;
    add_sweep("disk.read", "read-3000-8");
    earlier.results[0].status = STATUS_FAILED;
    struct rig *r = conclude();
    assert_string_equal(fact(r, "disk.class")->text, "unknown");
    rig_close(r);
    forget();
}

static void a_network_filesystem_claims_what_it_is(void **state)
{
    (void)state;
    struct rig *r = rig_open(&disk_class);
    memset(r->place.device, 0, sizeof r->place.device);
    r->probe->judge(&r->run);
    assert_int_equal(fact(r, "disk.class.claim")->kind, FACT_UNKNOWN);
    memcpy(r->place.fs, "nfs4", 5);
    r->place.is_network = true;
    r->probe->judge(&r->run);
    assert_non_null(strstr(fact(r, "disk.class.claim")->text, "network-volume by nfs4"));
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nothing_it_is_unknown_and_says_what_is_missing),
        cmocka_unit_test(the_claim_of_the_driver_stands_beside_the_behaviour),
        cmocka_unit_test(a_throttle_is_a_fact_with_its_rate_and_plan),
        cmocka_unit_test(a_limit_of_bytes_has_its_unit),
        cmocka_unit_test(what_no_time_was_left_for_is_no_evidence),
        cmocka_unit_test(failed_results_are_not_concluded_from),
        cmocka_unit_test(a_network_filesystem_claims_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
