#include "probes/host/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct answer {
    struct nlmsghdr head;
    int code;
};

static int verdict_of(uint16_t type, int code, int *sys)
{
    struct answer a = {
        {.nlmsg_len = sizeof a, .nlmsg_type = type},
        code
    };
    return netlink_verdict(&a, sizeof a, sys);
}

static void answers_end_with_done_or_an_error(void **state)
{
    (void)state;
    int sys = 0;
    assert_int_equal(verdict_of(NLMSG_DONE, 0, &sys), 0);
    assert_int_equal(verdict_of(NLMSG_ERROR, 0, &sys), 0);
    assert_int_equal(verdict_of(NLMSG_ERROR, -EOPNOTSUPP, &sys), -1);
    assert_int_equal(sys, EOPNOTSUPP);
    assert_int_equal(verdict_of(RTM_NEWLINK, 0, &sys), 1);
}

static void parts_are_walked_to_the_last(void **state)
{
    (void)state;
    int sys = 0;
    struct answer two[2] = {
        {{ .nlmsg_len = sizeof two[0], .nlmsg_type = RTM_NEWLINK }, 0},
        { { .nlmsg_len = sizeof two[0], .nlmsg_type = NLMSG_DONE }, 0}
    };
    assert_int_equal(netlink_verdict(two, sizeof two, &sys), 0);
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    int sys = 0;
    struct answer a = {
        {.nlmsg_len = sizeof a, .nlmsg_type = RTM_NEWLINK},
        0
    };
    a.head.nlmsg_len = 0;
    assert_int_equal(netlink_verdict(&a, sizeof a, &sys), -1);
    assert_int_equal(sys, EBADMSG);
    a.head.nlmsg_len = UINT32_MAX;
    assert_int_equal(netlink_verdict(&a, sizeof a, &sys), -1);
    assert_int_equal(netlink_verdict(&a, 3, &sys), -1);
    assert_int_equal(netlink_verdict(&a, 0, &sys), -1);
}

static void nested_attributes_hold_what_they_hold(void **state)
{
    (void)state;
    struct netlink n;
    netlink_veth(&n, "a0", "b0");
    const char *bytes = (const char *)n.words;
    struct nlmsghdr head;
    memcpy(&head, bytes, sizeof head);
    assert_int_equal(head.nlmsg_len, n.size);
    assert_int_equal(head.nlmsg_type, RTM_NEWLINK);
    size_t at = sizeof head + sizeof(struct ifinfomsg);
    struct nlattr name;
    struct nlattr info;
    memcpy(&name, bytes + at, sizeof name);
    assert_int_equal(name.nla_type, IFLA_IFNAME);
    assert_string_equal(bytes + at + sizeof name, "a0");
    at += (size_t)NLA_ALIGN(name.nla_len);
    memcpy(&info, bytes + at, sizeof info);
    assert_int_equal(info.nla_type, IFLA_LINKINFO);
    assert_int_equal(at + info.nla_len, n.size);
    assert_int_equal(n.depth, 0);
}

static void a_request_that_is_too_long_is_not_sent(void **state)
{
    (void)state;
    struct netlink n;
    struct err e;
    char bytes[NETLINK_BYTES] = { 0 };
    netlink_begin(&n, RTM_NEWLINK, 0, bytes, sizeof bytes);
    netlink_close(&n);
    assert_int_equal(netlink_ask(&n, NETLINK_ROUTE, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_end_with_done_or_an_error),
        cmocka_unit_test(parts_are_walked_to_the_last),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(nested_attributes_hold_what_they_hold),
        cmocka_unit_test(a_request_that_is_too_long_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
