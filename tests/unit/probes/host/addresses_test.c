#include "probes/host/addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

enum {
    LIST = 300
};

struct list {
    struct ifaddrs items[LIST];
    struct sockaddr_storage addresses[LIST];
    unsigned count;
};

static void add(struct list *l, const char *text)
{
    struct ifaddrs *item = &l->items[l->count];
    struct sockaddr_storage *a = &l->addresses[l->count++];
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        memcpy(a, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        memcpy(a, &v6, sizeof v6);
    else
        a->ss_family = AF_PACKET;
    item->ifa_addr = (struct sockaddr *)a;
    if (l->count > 1)
        l->items[l->count - 2].ifa_next = item;
}

static void own_addresses_are_listed_once_and_in_order(void **state)
{
    (void)state;
    static struct list l;
    AUTO(buf) struct buf words = { 0 };
    static const char *const all[] = { "packet",      "127.0.0.1", "10.99.0.12",  "::1",
                                       "fe80::1",     "10.99.0.1", "2001:db8::7", "10.99.0.1",
                                       "169.254.0.1", "fd99::1" };
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        add(&l, all[i]);
    l.items[0].ifa_addr = NULL; /* an interface without one */
    addresses_words(l.items, &words);
    assert_string_equal(buf_text(&words), "10.99.0.12 10.99.0.1 2001:db8::7 fd99::1");
}

static void no_list_is_endless(void **state)
{
    (void)state;
    static struct list l;
    AUTO(buf) struct buf words = { 0 };
    char text[32];
    for (unsigned i = 0; i < LIST; i++) {
        (void)snprintf(text, sizeof text, "10.0.%u.%u", i / 250, i % 250 + 1);
        add(&l, text);
    }
    addresses_words(l.items, &words);
    unsigned count = 1;
    for (const char *c = buf_text(&words); *c; c++)
        count += *c == ' ';
    assert_int_equal(count, ADDRESSES_MAX);
}

static void what_this_host_has_is_stated(void **state)
{
    (void)state;
    struct facts f = { 0 };
    addresses_state(&f);
    const struct fact *fact = facts_find(&f, "host.addresses");
    assert_non_null(fact);
    assert_true(fact->kind == FACT_LIST || fact->kind == FACT_UNKNOWN);
    assert_int_equal(facts_holds(fact, "127.0.0.1"), 0);
    facts_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_addresses_are_listed_once_and_in_order),
        cmocka_unit_test(no_list_is_endless),
        cmocka_unit_test(what_this_host_has_is_stated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
