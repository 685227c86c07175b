#include "probes/disk/medium.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/curves.h"

#define US 1e3
#define MS 1e6
#define MB 1e6

static struct medium m;

/* Random reads: one at a time, 32 at once, deeper. */
static void reads(struct medium_curve *c, double p50_ns, double qd32, double deep)
{
    c->read.qd1_p50_ns = p50_ns;
    c->read.qd1_iops = 1e9 / p50_ns;
    c->read.qd32_iops = qd32;
    c->read.deep_iops = deep;
    c->read.best_iops = fmax(qd32, deep);
    c->read.fast_ratio = 0;
}

static void syncs(struct medium_curve *c, double write_ns, double sync_ns)
{
    c->flush_write_p50_ns = write_ns;
    c->flush_sync_p50_ns = sync_ns;
    c->wal_sync_p50_ns = sync_ns;
    c->wal_sync_p99_ns = 2 * sync_ns;
}

static void check(const struct medium_curve *c, const char *name, bool sure)
{
    medium_judge(c, &m);
    if (strcmp(m.class->name, name) != 0)
        fail_msg("%s, not %s: %s", m.class->name, name, m.because);
    assert_int_equal(m.sure, sure);
}

static bool told(const char *words)
{
    for (unsigned i = 0; i < m.evidence_count; i++) {
        if (strstr(m.evidence[i], words))
            return true;
    }
    return false;
}

/* 7200 rpm: 8 ms of seek and 4.17 ms of rotation; command queueing brings 200 IOPS. */
static void a_rotating_disk(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 12.2 * MS, 190, 200);
    c.stream_read.bytes_per_s = 160 * MB;
    syncs(&c, 0.3 * MS, 8.3 * MS);
    check(&c, "hdd", true);
    assert_true(told("For hdd: 4 KiB reads at depth 1 take 12.2 ms at the median"));
    assert_true(told("1 in 100 syncs of a log takes 16.6 ms"));
    assert_true(isnan(m.cap));
}

/* The same with a battery behind its cache: still a rotating disk, and said not to be sure. */
static void a_rotating_disk_behind_a_cache_is_likely_one(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 9 * MS, 300, 310);
    syncs(&c, 60 * US, 50 * US);
    check(&c, "hdd", false);
    assert_true(told("Against hdd: a sync costs 0.83"));
}

/* Intel S4500: 110 us, 72,000 IOPS at depth 32, 560 MB/s. */
static void a_sata_ssd(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 110 * US, 72000, 72300);
    c.stream_read = (struct medium_stream){ 552 * MB, 0.004, 10 };
    syncs(&c, 52 * US, 60 * US);
    check(&c, "sata-ssd", true);
    assert_true(told("sequential reads reach 552 MB/s, where a SATA link ends"));
    c.stream_read = (struct medium_stream){ 530 * MB, 0.003, 8 }; /* a published rate, too */
    check(&c, "sata-ssd", true);
}

static void a_sata_ssd_of_a_consumer_is_one_with_a_doubt(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 100 * US, 90000, 91000);
    c.stream_read.bytes_per_s = 540 * MB;
    syncs(&c, 40 * US, 2 * MS);
    check(&c, "sata-ssd", false);
    assert_true(told("Against sata-ssd: a sync costs 50 times a write"));
}

/* Intel P4500: 85 us, 279,000 to 645,000 IOPS. */
static void a_data_centre_nvme(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 85 * US, 250000, 380000);
    c.stream_read.bytes_per_s = 3000 * MB;
    syncs(&c, 20 * US, 30 * US);
    check(&c, "nvme", true);
    assert_true(told("more than the 600 MB/s of a SATA link"));
    assert_true(told("more than 32 reads at once bring 1.52 times"));
}

/* The virtio disk that the tests were written on, alone: 14,700 IOPS, 65,000 at depth 32. */
static void a_virtio_disk_over_nvme(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 48 * US, 65000, 68000);
    c.stream_read.bytes_per_s = 1049 * MB;
    syncs(&c, 47 * US, 114 * US);
    check(&c, "nvme", false); /* no gain beyond depth 32 speaks against it */
    assert_true(told("Against nvme: more than 32 reads at once bring 1.05 times"));
}

/* Samsung 990 Pro: 891 us a sync. */
static void a_consumer_nvme(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 60 * US, 300000, 500000);
    c.stream_read.bytes_per_s = 6500 * MB;
    syncs(&c, 12 * US, 891 * US);
    check(&c, "nvme-flushes-like-consumer", true);
    assert_true(told("a sync costs 74.2 times a write"));
}

static void a_network_volume(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 600 * US, 9000, 12000);
    c.stream_read.bytes_per_s = 240 * MB;
    syncs(&c, 900 * US, 1.9 * MS);
    check(&c, "network-volume", true);
}

/* dm-delay: 12 ms, and as many at once as one likes. No arm does that. */
static void a_long_path_is_no_rotating_disk(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 12 * MS, 2650, 10500);
    check(&c, "network-volume", false); /* one sign is no proof */
    assert_true(told("32 reads at once bring 31.8 times the rate of one"));
}

static void memory(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 4 * US, 400000, 410000);
    syncs(&c, 4 * US, 5 * US);
    check(&c, "served-from-memory", true);
    reads(&c, 11 * US, 400000, 410000); /* or Optane */
    check(&c, "served-from-memory", false);
    assert_true(told("Against served-from-memory"));
    assert_true(told("Optane"));
    assert_non_null(strstr(m.because, "faster than flash")); /* what its rule rests on */
    syncs(&c, NAN, NAN);
    check(&c, "served-from-memory", false);
    assert_non_null(strstr(m.because, "4 KiB reads at depth 1 take 11 us"));
}

/* The guest whose fastest percent took 668 ns: a cache has a share in it. */
static void a_share_from_a_cache_is_told(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 123 * US, 110000, 150000);
    c.read.fast_ratio = 0.07;
    check(&c, "nvme", false);
    assert_true(told("7 % of the reads at depth 1 were answered within 10 us"));
}

static void signs_that_conflict_are_unknown(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 70 * US, 60000, 80000);     /* beyond 32 it gains, as NVMe */
    c.stream_read.bytes_per_s = 550 * MB; /* and its link ends as SATA's */
    check(&c, "unknown", false);
    assert_true(told("The signs fit no class."));
    assert_true(told("Seen: sequential reads reach 550 MB/s"));
    assert_true(told("Seen: 4 KiB reads at depth 1 take 70 us"));
}

static void thin_evidence_is_unknown(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    check(&c, "unknown", false);
    assert_true(told("Reads were not measured (disk.read)"));
    c.read.qd1_p50_ns = 120 * US; /* flash of some kind */
    check(&c, "unknown", false);
    c.read.qd1_p50_ns = 220 * US; /* busy flash, or a near volume */
    check(&c, "unknown", false);
    assert_true(told("The signs fit no class, for there are none."));
}

static void nvme_by_its_latency_alone_is_likely(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 60 * US, 50000, 70000);
    c.read.deep_iops = NAN;
    check(&c, "nvme", false);
    c.stream_read.bytes_per_s = 900 * MB;
    check(&c, "nvme", true);
    c.stream_read.bytes_per_s = 200 * MB;
    check(&c, "nvme", false);
}

/* Two CPUs that end at 136,000 reads a second end there at any depth. */
static void a_rate_that_no_ahci_carries_is_not_held_against_nvme(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 65 * US, 136000, 138000);
    check(&c, "nvme", true);
    assert_false(told("Against"));
    reads(&c, 65 * US, 64000, 65000);
    check(&c, "nvme", false);
    assert_true(told("Against nvme: more than 32 reads at once bring 1.02 times the rate of 32"));
}

/* A curve of one direction, and a limiter's finding in it, as the probe hands it over. */
static void held(struct medium_io *io, const char *name)
{
    static struct curves curves;
    assert_true(curves_read(&curves, name));
    io->cap = cap_find(&curves.curve, curves.work);
    io->qd1_p50_ns = curves.curve.depths[0].p50_ns;
    io->best_iops = io->qd32_iops = io->deep_iops = io->cap.rate;
}

static void a_read_throttle(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    held(&c.read, "read-3000-30");
    held(&c.write, "write-none-30");
    c.stream_read.bytes_per_s = 900 * MB;
    medium_judge(&c, &m);
    assert_string_equal(m.class->name, "rate-limited");
    assert_true(m.sure);
    assert_true(fabs(m.cap / 3000 - 1) < 0.03);
    assert_int_equal(m.cap_unit, UNIT_PER_S);
    assert_string_equal(m.cap_of, "4 KiB reads");
    assert_non_null(strstr(m.plan, "AWS gp3 (3000 IOPS"));
    assert_true(told("Held at a limit: 4 KiB reads at 3000/s, the same at depths 2 to 32"));
    assert_true(told("a round rate"));
}

static void a_write_throttle_of_no_plan(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    held(&c.read, "read-none-30");
    held(&c.write, "write-9100-30");
    medium_judge(&c, &m);
    assert_string_equal(m.class->name, "rate-limited");
    assert_true(fabs(m.cap / 9100 - 1) < 0.03);
    assert_string_equal(m.cap_of, "4 KiB writes");
    assert_string_equal(m.plan, "");
    assert_false(told("Held at a limit: 4 KiB reads"));
}

static void a_limit_of_bytes_is_told_from_one_of_ios(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    held(&c.read, "read-20MB-30");
    c.stream_read.bytes_per_s = 19.8 * MB;
    medium_judge(&c, &m);
    assert_string_equal(m.class->name, "rate-limited");
    assert_int_equal(m.cap_unit, UNIT_BYTES_PER_S);
    assert_true(fabs(m.cap / (20 * MB) - 1) < 0.03);
    assert_string_equal(m.cap_of, "bytes read");
    assert_false(told("Held at a limit: 4 KiB reads"));
    assert_true(told("Held at a limit: bytes read at 20.0 MB/s (4870/s of 4 KiB)"));
}

/* As on most cloud volumes: small I/O meets the one, large I/O the other. */
static void a_limit_of_ios_and_one_of_bytes_are_both_told(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    held(&c.read, "read-3000-30");
    held(&c.write, "write-3000-30");
    c.stream_read = (struct medium_stream){ 131 * MB, 0.003, 10 };
    c.stream_write = (struct medium_stream){ 131 * MB, 0.003, 10 };
    medium_judge(&c, &m);
    assert_string_equal(m.class->name, "rate-limited");
    assert_true(told("Held at a limit: 4 KiB reads at 3000/s"));
    assert_true(told("Held at a limit: 4 KiB writes at 3000/s"));
    assert_true(told("Held at a limit: bytes read at 131 MB/s."));
    assert_true(told("Held at a limit: bytes written at 131 MB/s."));
    assert_string_equal(m.cap_of, "4 KiB reads");
    const char *plan = strstr(m.plan, "AWS gp3 (3000 IOPS");
    assert_non_null(plan);
    assert_null(strstr(plan + 1, "AWS gp3 (3000 IOPS")); /* named once for both directions */
    assert_non_null(strstr(m.plan, "AWS gp3 (125 MiB/s"));
    assert_int_equal(m.plan[strlen(m.plan) - 1], ')'); /* whole */
}

/* Random I/O does not reach it, but the stream stands at a published rate without moving. */
static void a_stream_at_a_published_rate_is_a_limit(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 600 * US, 9000, 12000);
    c.stream_read = (struct medium_stream){ 131.1 * MB, 0.004, 10 };
    medium_judge(&c, &m);
    assert_string_equal(m.class->name, "rate-limited");
    assert_int_equal(m.cap_unit, UNIT_BYTES_PER_S);
    assert_non_null(strstr(m.plan, "AWS gp3 (125 MiB/s"));
    c.stream_read.cv = 0.04; /* one that moves is a disk's */
    check(&c, "network-volume", true);
}

static void a_burst_of_a_published_rule_is_a_limit(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 600 * US, 9000, 12000);
    c.burst = (struct medium_burst){ 3000, 300, 1980, "", 2 };
    medium_judge(&c, &m);
    assert_string_equal(m.class->name, "rate-limited");
    assert_true(m.cap == 300);
    assert_non_null(strstr(m.plan, "AWS gp2"));
    c.burst = (struct medium_burst){ 41000, 23000, 40, "", 2 };
    check(&c, "network-volume", false);
    assert_true(told("from 41000/s to 23000/s after 40 s: a bucket of no published rule, or a "
                     "neighbour."));
}

/* Any fall fits them: told, and no limiter of the disk's. */
static void credits_of_the_cpu_are_no_limit_of_the_disk(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 600 * US, 9000, 12000);
    c.stream_read.bytes_per_s = 240 * MB;
    c.burst = (struct medium_burst){ 50000, 9000, 600, "t3.micro", 2 };
    check(&c, "network-volume", true);
    assert_true(told(": t3.micro: the CPU's credits may be used up, not the disk's"));
    assert_true(isnan(m.cap));
    assert_string_equal(m.plan, "");
    c.burst = (struct medium_burst){ 3000, 300, 1980, "t3.micro", 2 };
    check(&c, "rate-limited", true); /* the disk's rule says more */
}

static void what_speaks_against_a_limiter_is_told(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    reads(&c, 600 * US, 9000, 12000);
    c.read.cap.why_none = "its rate moves as that of a saturated disk";
    check(&c, "network-volume", false);
    assert_true(told("No limiter on reads: its rate moves as that of a saturated disk."));
    assert_false(told("No limiter on writes"));
    held(&c.write, "write-9100-30");
    check(&c, "rate-limited", true);
    assert_false(told("No limiter on"));
}

static void what_lies_beneath_a_limiter_is_told(void **state)
{
    (void)state;
    struct medium_curve c = medium_nothing();
    held(&c.read, "read-3000-30");
    c.read.qd1_p50_ns = 60 * US;
    medium_judge(&c, &m);
    assert_true(told("What the limiter lets through is answered as by nvme."));
}

static bool is_sentence(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    return n > 20 && text[n - 1] == '.';
}

static void every_class_has_its_meaning_and_rule(void **state)
{
    (void)state;
    unsigned count = 0;
    for (const struct medium_class *const *k = medium_classes; *k; k++, count++) {
        assert_true(is_sentence((*k)->means) && is_sentence((*k)->rule));
        assert_true(strlen((*k)->source) > 10);
        assert_int_equal((*k)->all & (*k)->none, 0);
        assert_int_equal(((*k)->all | (*k)->any) & (*k)->against & ~(*k)->any, 0);
    }
    assert_int_equal(count, 8);
    assert_string_equal(medium_classes[7]->name, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rotating_disk),
        cmocka_unit_test(a_rotating_disk_behind_a_cache_is_likely_one),
        cmocka_unit_test(a_sata_ssd),
        cmocka_unit_test(a_sata_ssd_of_a_consumer_is_one_with_a_doubt),
        cmocka_unit_test(a_data_centre_nvme),
        cmocka_unit_test(a_virtio_disk_over_nvme),
        cmocka_unit_test(a_consumer_nvme),
        cmocka_unit_test(a_network_volume),
        cmocka_unit_test(a_long_path_is_no_rotating_disk),
        cmocka_unit_test(memory),
        cmocka_unit_test(a_share_from_a_cache_is_told),
        cmocka_unit_test(signs_that_conflict_are_unknown),
        cmocka_unit_test(thin_evidence_is_unknown),
        cmocka_unit_test(nvme_by_its_latency_alone_is_likely),
        cmocka_unit_test(a_rate_that_no_ahci_carries_is_not_held_against_nvme),
        cmocka_unit_test(a_read_throttle),
        cmocka_unit_test(a_write_throttle_of_no_plan),
        cmocka_unit_test(a_limit_of_bytes_is_told_from_one_of_ios),
        cmocka_unit_test(a_limit_of_ios_and_one_of_bytes_are_both_told),
        cmocka_unit_test(a_stream_at_a_published_rate_is_a_limit),
        cmocka_unit_test(a_burst_of_a_published_rule_is_a_limit),
        cmocka_unit_test(credits_of_the_cpu_are_no_limit_of_the_disk),
        cmocka_unit_test(what_speaks_against_a_limiter_is_told),
        cmocka_unit_test(what_lies_beneath_a_limiter_is_told),
        cmocka_unit_test(every_class_has_its_meaning_and_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
