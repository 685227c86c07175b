#include "probes/image/inflow.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/file.h"
#include "probes/kit/prng.h"

enum {
    SPRING_BYTES = 700001 /* many chunks, and not a whole number of them */
};

/* Bytes to decode; a program that passes them on stands in for one that decodes. */
struct spring {
    uint8_t bytes[SPRING_BYTES];
    uint8_t digest[SHA256_DIGEST_SIZE];
    int fd;
    struct runtime runtime;
    struct inflow inflow;
    struct err e;
};

static const struct costs spring_costs = { .inflate_ratio = 1.5,
                                           .zstd_ratio = 1.5,
                                           .hash_kib = 0.5,
                                           .entry_kib = 1,
                                           .chunk_kib = 0.1,
                                           .read_kib = 0.1 };

static struct spring *spring_open(const char *script)
{
    struct spring *s = calloc(1, sizeof *s);
    struct prng p;
    struct sha256_ctx hash;
    prng_init(&p, 5);
    prng_fill(&p, s->bytes, sizeof s->bytes);
    sha256_init(&hash);
    sha256_update(&hash, sizeof s->bytes, s->bytes);
    sha256_digest(&hash, sizeof s->digest, s->digest);
    s->fd = memfd_create("spring", MFD_CLOEXEC);
    assert_int_equal(file_write_all(s->fd, s->bytes, sizeof s->bytes, &s->e), 0);
    s->runtime = (struct runtime){ .decoder = script ? RUNTIME_UNPIGZ : RUNTIME_OWN,
                                   .costs = &spring_costs,
                                   .kib_ns = 100 };
    if (script)
        (void)snprintf(s->runtime.program, sizeof s->runtime.program, "%s", script);
    assert_int_equal(inflow_open(&s->inflow, &s->runtime, &s->e), 0);
    return s;
}

static void spring_close(struct spring *s)
{
    inflow_release(&s->inflow);
    inflow_release(&s->inflow); /* may be called again */
    (void)close(s->fd);
    free(s);
}

/* A program in a file of its own: what it does with standard input. */
static void write_program(char path[64], const char *body)
{
    char text[256];
    struct err e;
    (void)snprintf(path, 64, "/tmp/inflow_test-XXXXXX");
    int fd = mkstemp(path);
    int n = snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
    assert_int_equal(file_write_all(fd, text, (size_t)n, &e), 0);
    assert_int_equal(fchmod(fd, 0700), 0);
    (void)close(fd);
}

static int start(struct spring *s, enum stream_form form, uint64_t out_max)
{
    const struct stream_source source = { .fd = s->fd, .size = SPRING_BYTES, .form = form };
    return inflow_start(&s->inflow, &source, out_max, &s->e);
}

/* Reads to the end; -1 where that fails. */
static int drain(struct spring *s, size_t *total)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    *total = 0;
    do {
        while (!inflow_wait(&s->inflow)) {
        }
        if (inflow_read(&s->inflow, &bytes, &size, &s->e))
            return -1;
        assert_true(size <= FILTER_CHUNK_BYTES);
        if (*total + size > SPRING_BYTES || memcmp(bytes, s->bytes + *total, size) != 0)
            fail_msg("other bytes at %zu", *total);
        inflow_stir(&s->inflow, 3);
        *total += size;
    } while (size > 0);
    return 0;
}

static void is_whole(struct spring *s)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    size_t total = 0;
    assert_int_equal(drain(s, &total), 0);
    assert_int_equal(total, SPRING_BYTES);
    inflow_stop(&s->inflow, digest);
    assert_memory_equal(digest, s->digest, sizeof digest);
}

static void a_plain_layer_is_read_and_hashed(void **state)
{
    (void)state;
    struct spring *s = spring_open(NULL);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(start(s, STREAM_PLAIN, UINT64_MAX), 0);
        is_whole(s);
    }
    spring_close(s);
}

static void a_programs_output_is_read_and_hashed(void **state)
{
    char path[64];
    (void)state;
    write_program(path, "exec cat");
    struct spring *s = spring_open(path);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(start(s, STREAM_GZIP, UINT64_MAX), 0);
        is_whole(s);
    }
    spring_close(s);
    (void)unlink(path);
}

static void a_program_that_fails_is_told(void **state)
{
    static const struct {
        const char *body, *said;
    } cases[] = {
        {"cat; exit 7", "status 7"},
        { "kill -9 $$", "signal 9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64];
        uint8_t digest[SHA256_DIGEST_SIZE];
        size_t total = 0;
        write_program(path, cases[i].body);
        struct spring *s = spring_open(path);
        assert_int_equal(start(s, STREAM_GZIP, UINT64_MAX), 0);
        assert_int_equal(drain(s, &total), -1);
        assert_non_null(strstr(s->e.msg, cases[i].said));
        inflow_stop(&s->inflow, digest);
        spring_close(s);
        (void)unlink(path);
    }
}

static void a_program_that_is_not_there_is_told(void **state)
{
    (void)state;
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct spring *s = spring_open("/nonexistent/unpigz");
    assert_int_equal(start(s, STREAM_GZIP, UINT64_MAX), -1);
    assert_non_null(strstr(s->e.msg, "/nonexistent/unpigz"));
    inflow_stop(&s->inflow, digest);
    spring_close(s);
}

static void a_bomb_is_refused_and_the_program_stopped(void **state)
{
    char path[64];
    size_t total = 0;
    uint8_t digest[SHA256_DIGEST_SIZE];
    (void)state;
    write_program(path, "cat; exec cat /dev/zero");
    struct spring *s = spring_open(path);
    assert_int_equal(start(s, STREAM_GZIP, SPRING_BYTES - 1), 0);
    assert_int_equal(drain(s, &total), -1);
    assert_int_equal(s->e.kind, ERR_DATA);
    inflow_stop(&s->inflow, digest);
    spring_close(s);
    (void)unlink(path);
}

static void one_that_says_nothing_can_be_stopped(void **state)
{
    char path[64];
    uint8_t digest[SHA256_DIGEST_SIZE];
    (void)state;
    write_program(path, "exec sleep 1000");
    struct spring *s = spring_open(path);
    assert_int_equal(start(s, STREAM_GZIP, UINT64_MAX), 0);
    assert_false(inflow_wait(&s->inflow));
    inflow_stop(&s->inflow, digest);
    spring_close(s);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_layer_is_read_and_hashed),
        cmocka_unit_test(a_programs_output_is_read_and_hashed),
        cmocka_unit_test(a_program_that_fails_is_told),
        cmocka_unit_test(a_program_that_is_not_there_is_told),
        cmocka_unit_test(a_bomb_is_refused_and_the_program_stopped),
        cmocka_unit_test(one_that_says_nothing_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
