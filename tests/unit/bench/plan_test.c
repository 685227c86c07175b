#include "bench/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench/limits.h"
#include "probes/kit/clk.h"

static const struct opt_list none = { 0 };
static const struct probe_site etcd = { .name = "etcd", .home = &etcd };
static const struct probe_site images = { .name = "images", .home = &etcd };
static const struct probe_site *const both[] = { &etcd, &images };

static struct plan_wish wish_of(const struct opt_list *names, const struct opt_list *sets)
{
    return (struct plan_wish){ .names = names,
                               .sets = sets,
                               .peers = &none,
                               .budget_ns = 60 * (uint64_t)CLK_NS_PER_S,
                               .sites = both,
                               .site_count = 1 };
}

static int make(const struct opt_list *names, const struct opt_list *sets, struct plan *p,
                struct err *e)
{
    struct plan_wish wish = wish_of(names, sets);
    return plan_make(&wish, p, e);
}

static unsigned count_of(const struct plan *p, const char *probe)
{
    unsigned count = 0;
    for (unsigned i = 0; i < p->count; i++)
        count += strcmp(p->items[i].probe->name, probe) == 0;
    return count;
}

static void no_names_mean_all_probes(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    assert_int_equal(make(&none, &none, &p, &e), 0);
    assert_non_null(plan_find(&p, "disk.wal"));
    assert_non_null(plan_find(&p, "noise.stall"));
    plan_release(&p);
    plan_release(&p);
}

static void a_misspelt_probe_is_named_with_its_neighbour(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list names = { .items = { "disk.wall" }, .count = 1 };
    assert_int_equal(make(&names, &none, &p, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_non_null(strstr(e.msg, "did you mean 'disk.wal'"));
    plan_release(&p);
}

static void set_reaches_the_option(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list sets = { .items = { "disk.wal.record=8000" }, .count = 1 };
    assert_int_equal(make(&none, &sets, &p, &e), 0);
    struct plan_item *item = plan_find(&p, "disk.wal");
    json_t *parameters = opt_parameters(item->probe->opts, item->conf);
    assert_int_equal(json_integer_value(json_object_get(parameters, "record")), 8000);
    json_decref(parameters);
    plan_release(&p);
}

static void set_refuses_what_is_not_there(void **state)
{
    (void)state;
    static const char *const wrong[] = { "record=1",           "disk.wal.record",
                                         "disk.wall.record=1", "disk.wal.recrod=1",
                                         "disk.wal.record=0",  "disk.wal.record=many" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct plan p;
        struct err e = { 0 };
        struct opt_list sets = { .items = { wrong[i] }, .count = 1 };
        assert_int_equal(make(&none, &sets, &p, &e), -1);
        assert_non_null(strstr(e.msg, "--set"));
        plan_release(&p);
    }
}

static void slots_share_the_time_by_weight(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    uint64_t left = 60 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(make(&none, &none, &p, &e), 0);
    for (unsigned i = 0; i < p.count; i++) {
        uint64_t slot = plan_slot_ns(&p, i, left);
        if (p.items[i].skipped)
            continue;
        if (p.items[i].probe->weight == 0) {
            assert_int_equal(slot, BENCH_ONCE_NS);
            continue;
        }
        assert_true(slot <= left && slot >= BENCH_SLOT_NS_MIN);
        left -= slot;
    }
    assert_true(left <= CLK_NS_PER_US); /* all of it is shared out */
    plan_release(&p);
}

static void the_schedule_is_what_is_shared_out_when_all_is_in_time(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list names = {
        .items = {"disk.wal", "disk.read"},
          .count = 2
    };
    uint64_t left = 10 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(make(&names, &none, &p, &e), 0);
    plan_schedule(&p, left);
    assert_int_equal(p.items[0].planned_ns, plan_slot_ns(&p, 0, left));
    assert_int_equal(p.items[1].planned_ns, left - p.items[0].planned_ns);
    p.items[0].skipped = true;
    plan_schedule(&p, left);
    assert_int_equal(p.items[0].planned_ns, 0);
    assert_int_equal(p.items[1].planned_ns, left);
    plan_release(&p);
}

static void a_probe_that_is_not_in_the_round_takes_no_share_of_it(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list names = {
        .items = {"disk.wal", "disk.read"},
          .count = 2
    };
    uint64_t left = 10 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(make(&names, &none, &p, &e), 0);
    assert_true(plan_slot_ns(&p, 0, left) < left);
    p.items[1].left_out = true;
    assert_int_equal(plan_slot_ns(&p, 0, left), left);
    plan_release(&p);
}

static void a_late_round_still_gives_the_shortest_slot(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list names = { .items = { "disk.wal" }, .count = 1 };
    assert_int_equal(make(&names, &none, &p, &e), 0);
    assert_int_equal(plan_slot_ns(&p, 0, 0), BENCH_SLOT_NS_MIN);
    plan_release(&p);
}

static void a_disk_is_measured_in_every_place_and_the_rest_once(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list sets = { .items = { "disk.wal.record=8000" }, .count = 1 };
    struct plan_wish wish = wish_of(&none, &sets);
    wish.site_count = 2;
    assert_int_equal(plan_make(&wish, &p, &e), 0);
    assert_int_equal(count_of(&p, "disk.wal"), 2);
    assert_int_equal(count_of(&p, "noise.stall"), 1);
    assert_int_equal(count_of(&p, "image.runtime"), 1);
    struct plan_item *wal = plan_find(&p, "disk.wal");
    assert_int_equal(wal[0].place, 0);
    assert_int_equal(wal[1].place, 1);
    assert_ptr_equal(wal[1].site, &images);
    for (unsigned i = 0; i < 2; i++) { /* --set reaches both */
        json_t *parameters = opt_parameters(wal[i].probe->opts, wal[i].conf);
        assert_int_equal(json_integer_value(json_object_get(parameters, "record")), 8000);
        json_decref(parameters);
    }
    assert_ptr_equal(plan_find(&p, "image.runtime")->site, &images);
    assert_ptr_equal(plan_find(&p, "host")->site, &etcd);
    plan_release(&p);
}

static void the_same_peer_twice_is_refused_however_it_is_written(void **state)
{
    (void)state;

    static const struct {
        const char *first, *second, *says;
    } wrong[] = {
        {"node-b",         "node-b",     "--peer 'node-b' is there twice"                          },
        { "node-b",        "node-b:862", "--peer 'node-b:862' is there twice, also as 'node-b'"    },
        { "[fd99::2]:862", "fd99::2",    "--peer 'fd99::2' is there twice, also as '[fd99::2]:862'"},
        { "node-b",        "node-b:0",   "--peer"                                                  },
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct plan p;
        struct err e = { 0 };
        struct opt_list peers = {
            .items = {wrong[i].first, wrong[i].second},
              .count = 2
        };
        struct plan_wish wish = wish_of(&none, &none);
        wish.peers = &peers;
        assert_int_equal(plan_make(&wish, &p, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_non_null(strstr(e.msg, wrong[i].says));
        plan_release(&p);
    }
}

static const char *key_file_of(struct plan *p, const char *probe)
{
    static char path[64];
    const struct plan_item *item = plan_find(p, probe);
    json_t *parameters = opt_parameters(item->probe->opts, item->conf);
    (void)snprintf(path, sizeof path, "%s",
                   json_string_value(json_object_get(parameters, "key-file")));
    json_decref(parameters);
    return path;
}

static void the_key_is_of_all_that_send_packets_to_reflectors(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list sets = { .items = { "net.mtu.key-file=other" }, .count = 1 };
    struct plan_wish wish = wish_of(&none, &sets);
    wish.key_file = "key";
    assert_int_equal(plan_make(&wish, &p, &e), 0);
    assert_string_equal(key_file_of(&p, "net.rtt"), "key");
    assert_string_equal(key_file_of(&p, "net.load"), "key");
    assert_string_equal(key_file_of(&p, "net.mtu"), "other");
    plan_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_names_mean_all_probes),
        cmocka_unit_test(a_misspelt_probe_is_named_with_its_neighbour),
        cmocka_unit_test(set_reaches_the_option),
        cmocka_unit_test(set_refuses_what_is_not_there),
        cmocka_unit_test(slots_share_the_time_by_weight),
        cmocka_unit_test(a_disk_is_measured_in_every_place_and_the_rest_once),
        cmocka_unit_test(the_schedule_is_what_is_shared_out_when_all_is_in_time),
        cmocka_unit_test(a_probe_that_is_not_in_the_round_takes_no_share_of_it),
        cmocka_unit_test(a_late_round_still_gives_the_shortest_slot),
        cmocka_unit_test(the_same_peer_twice_is_refused_however_it_is_written),
        cmocka_unit_test(the_key_is_of_all_that_send_packets_to_reflectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
