#include "probes/net/stamping.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A control part as the kernel writes it. */
struct part {
    _Alignas(struct cmsghdr) char bytes[256];
    struct msghdr m;
};

static void begin(struct part *p)
{
    memset(p, 0, sizeof *p);
    p->m.msg_control = p->bytes;
}

static void add(struct part *p, int level, int type, const void *data, size_t size)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)(p->bytes + p->m.msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), data, size);
    p->m.msg_controllen += CMSG_SPACE(size);
}

static const struct scm_timestamping times = {
    .ts = {{ 1790000000, 123456789 }, { 0, 0 }, { 55, 7 }}
};

static void both_clocks_of_an_arrival_are_read(void **state)
{
    (void)state;
    struct part p;
    struct session_stamp stamp;
    begin(&p);
    add(&p, IPPROTO_IP, IP_TTL, &(int){ 64 }, sizeof(int));
    add(&p, SOL_SOCKET, SCM_TIMESTAMPING, &times, sizeof times);
    stamping_read(&p.m, &stamp);
    assert_true(stamp.real_ns == UINT64_C(1790000000123456789));
    assert_true(stamp.nic_ns == UINT64_C(55000000007));
}

static void without_a_stamp_there_is_none(void **state)
{
    (void)state;
    struct part p;
    struct session_stamp stamp = { 1, 1 };
    begin(&p);
    stamping_read(&p.m, &stamp);
    assert_true(stamp.real_ns == 0 && stamp.nic_ns == 0);
    add(&p, SOL_SOCKET, SCM_TIMESTAMPING, &times, 8); /* cut */
    stamping_read(&p.m, &stamp);
    assert_true(stamp.real_ns == 0);
}

static void stamp_of_sending_has_the_number_of_the_call(void **state)
{
    (void)state;
    struct part p;
    struct stamping_note note;
    struct sock_extended_err x = { .ee_errno = ENOMSG,
                                   .ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
                                   .ee_data = 4711 };
    begin(&p);
    add(&p, SOL_SOCKET, SCM_TIMESTAMPING, &times, sizeof times);
    add(&p, IPPROTO_IPV6, IPV6_RECVERR, &x, sizeof x);
    stamping_read_note(&p.m, &note);
    assert_true(note.is_stamp);
    assert_int_equal(note.number, 4711);
    assert_int_equal(note.error, 0);
    assert_true(note.stamp.real_ns == UINT64_C(1790000000123456789));
}

static void icmp_error_is_no_stamp(void **state)
{
    (void)state;
    struct part p;
    struct stamping_note note;
    struct sock_extended_err x = { .ee_errno = ECONNREFUSED, .ee_origin = SO_EE_ORIGIN_ICMP };
    begin(&p);
    add(&p, IPPROTO_IP, IP_RECVERR, &x, sizeof x);
    stamping_read_note(&p.m, &note);
    assert_false(note.is_stamp);
    assert_int_equal(note.error, ECONNREFUSED);
    begin(&p);
    add(&p, IPPROTO_IP, IP_RECVERR, &x, 4); /* cut */
    stamping_read_note(&p.m, &note);
    assert_int_equal(note.error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_clocks_of_an_arrival_are_read),
        cmocka_unit_test(without_a_stamp_there_is_none),
        cmocka_unit_test(stamp_of_sending_has_the_number_of_the_call),
        cmocka_unit_test(icmp_error_is_no_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
