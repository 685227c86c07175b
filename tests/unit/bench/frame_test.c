#include "bench/frame.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static void put(struct buf *b, char type, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    buf_add(b, &type, 1);
    buf_add(b, &length, sizeof length);
    buf_add(b, text, length);
}

static void a_frame_that_is_not_whole_stays(void **state)
{
    (void)state;
    AUTO(buf) struct buf whole = { 0 };
    AUTO(buf) struct buf in = { 0 };
    AUTO(buf) struct buf payload = { 0 };
    enum frame_type type = FRAME_RESULT;
    put(&whole, 'P', "hello");
    for (size_t n = 0; n < whole.size; n++) {
        buf_clear(&in);
        buf_add(&in, whole.data, n);
        assert_int_equal(frame_take(&in, &type, &payload), FRAME_PARTIAL);
        assert_int_equal(in.size, n);
    }
}

static void two_frames_come_out_in_order(void **state)
{
    (void)state;
    AUTO(buf) struct buf in = { 0 };
    AUTO(buf) struct buf payload = { 0 };
    enum frame_type type = FRAME_RESULT;
    put(&in, 'P', "one");
    put(&in, 'R', "");
    assert_int_equal(frame_take(&in, &type, &payload), FRAME_WHOLE);
    assert_int_equal(type, FRAME_PROGRESS);
    assert_string_equal(buf_text(&payload), "one");
    assert_int_equal(frame_take(&in, &type, &payload), FRAME_WHOLE);
    assert_int_equal(type, FRAME_RESULT);
    assert_int_equal(payload.size, 0);
    assert_int_equal(frame_take(&in, &type, &payload), FRAME_PARTIAL);
}

static void a_length_beyond_reason_is_broken(void **state)
{
    (void)state;
    AUTO(buf) struct buf in = { 0 };
    AUTO(buf) struct buf payload = { 0 };
    enum frame_type type = FRAME_RESULT;
    buf_add(&in, "R\xff\xff\xff\xff", 5);
    assert_int_equal(frame_take(&in, &type, &payload), FRAME_BROKEN);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    int ends[2];
    AUTO(buf) struct buf payload = { 0 };
    struct err e = { 0 };
    enum frame_type type = FRAME_PROGRESS;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(frame_write(ends[1], FRAME_ERROR, "why", 3, &e), 0);
    uint64_t deadline = clk_now_ns() + 10 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(frame_read(ends[0], deadline, &type, &payload, &e), 0);
    assert_int_equal(type, FRAME_ERROR);
    assert_string_equal(buf_text(&payload), "why");
    assert_int_equal(frame_read(ends[0], 0, &type, &payload, &e), -1);
    assert_int_equal(e.kind, ERR_TIMEOUT);
    assert_int_equal(frame_write(ends[1], FRAME_ERROR, "late", 4, &e), 0);
    assert_int_equal(frame_read(ends[0], 0, &type, &payload, &e), 0); /* late, but there */
    (void)close(ends[1]);
    assert_int_equal(frame_read(ends[0], deadline, &type, &payload, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    (void)close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_that_is_not_whole_stays),
        cmocka_unit_test(two_frames_come_out_in_order),
        cmocka_unit_test(a_length_beyond_reason_is_broken),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
