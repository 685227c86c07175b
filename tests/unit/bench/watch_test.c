#include "bench/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/frame.h"
#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/clk.h"
#include "probes/kit/document.h"

struct served { /* a watch in a child, and our end of its socket */
    pid_t pid;
    int fd;
};

static struct served serve(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct served s = { .pid = fork(), .fd = ends[0] };
    assert_true(s.pid >= 0);
    if (s.pid == 0) {
        (void)close(ends[0]);
        watch_serve(ends[1], clk_now_ns());
        _exit(0);
    }
    (void)close(ends[1]);
    return s;
}

/* It ends by itself, in peace. */
static void assert_ends(struct served *s)
{
    int status = -1;
    (void)close(s->fd);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_int_equal(status, 0);
}

static enum frame_type hear(const struct served *s, struct buf *payload)
{
    enum frame_type type = FRAME_ERROR;
    struct err e = { 0 };
    uint64_t deadline = clk_now_ns() + 10 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(frame_read(s->fd, deadline, &type, payload, &e), 0);
    return type;
}

static void marks_are_answered_one_by_one(void **state)
{
    (void)state;
    struct served s = serve();
    struct err e;
    AUTO(buf) struct buf payload = { 0 };
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frame_write(s.fd, FRAME_MARK, "", 0, &e), 0);
        assert_int_equal(hear(&s, &payload), FRAME_SEEN);
        assert_int_equal(payload.size, sizeof(struct witnessed));
    }
    assert_ends(&s);
}

static void finish_sends_a_result_of_the_declared_metrics_and_ends(void **state)
{
    (void)state;
    struct served s = serve();
    struct err e = { 0 };
    AUTO(buf) struct buf payload = { 0 };
    AUTO(result) struct result r = { 0 };
    assert_int_equal(frame_write(s.fd, FRAME_FINISH, "", 0, &e), 0);
    assert_int_equal(hear(&s, &payload), FRAME_RESULT);
    assert_int_equal(document_read_fragment(buf_text(&payload), payload.size, &r, &e), 0);
    for (const struct metric *m = watch_table(); m->id; m++)
        assert_non_null(result_metric_find(&r, m->id));
    assert_ends(&s);
}

static void the_end_of_the_stream_ends_it(void **state)
{
    (void)state;
    struct served s = serve();
    assert_ends(&s);
}

static void what_is_no_question_ends_it(void **state)
{
    (void)state;
    struct err e;
    struct served unknown = serve();
    assert_int_equal(frame_write(unknown.fd, FRAME_PROGRESS, "?", 1, &e), 0);
    assert_ends(&unknown);
    struct served broken = serve();
    assert_int_equal(write(broken.fd, "M\377\377\377\377", 5), 5);
    assert_ends(&broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_answered_one_by_one),
        cmocka_unit_test(finish_sends_a_result_of_the_declared_metrics_and_ends),
        cmocka_unit_test(the_end_of_the_stream_ends_it),
        cmocka_unit_test(what_is_no_question_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
