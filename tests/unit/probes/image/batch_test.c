#include "probes/image/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/fake.h"

/* A batch of files for one directory. */
struct tray {
    struct batch batch;
    struct rules_count count;
    char path[64];
    int dir;
    struct err e;
};

/* Skips where the kernel gives no ring. */
static struct tray *tray_open(void)
{
    struct tray *t = calloc(1, sizeof *t);
    if (batch_open(&t->batch, &t->e)) {
        print_message("%s\n", t->e.msg);
        free(t);
        skip();
    }
    t->dir = fake_dir(t->path);
    batch_start(&t->batch, &t->count);
    return t;
}

static void tray_close(struct tray *t)
{
    batch_release(&t->batch);
    batch_release(&t->batch); /* may be called again */
    fake_dir_remove(t->dir, t->path);
    free(t);
}

static int tray_add(struct tray *t, const char *path, const char *text)
{
    const char *slash = strrchr(path, '/');
    const struct batch_file file = {
        .path = path,
        .last = slash ? slash + 1 : path,
        .dir_fd = t->dir,
        .size = strlen(text),
        .mode = 0600,
        .last_mode = 04711,
        .sets_mode = true,
        .times = {{ .tv_sec = 5 }, { .tv_sec = 7 }}
    };
    const struct untar_piece piece = { .bytes = (const uint8_t *)text, .size = strlen(text) };
    if (batch_add(&t->batch, &file, &t->e))
        return -1;
    batch_content(&t->batch, &piece);
    return 0;
}

static void tray_holds(const struct tray *t, const char *name, const char *text)
{
    char found[32] = "";
    struct stat st;
    int fd = openat(t->dir, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, found, sizeof found - 1) >= 0);
    assert_string_equal(found, text);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 04711);
    assert_int_equal(st.st_mtim.tv_sec, 7);
    (void)close(fd);
}

static void files_are_there_after_the_flush_and_not_before(void **state)
{
    (void)state;
    struct tray *t = tray_open();
    assert_int_equal(tray_add(t, "way/a", "content"), 0);
    assert_int_equal(tray_add(t, "way/b", ""), 0);
    uint64_t number = t->batch.number;
    assert_true(batch_awaits(&t->batch, number));
    assert_true(batch_has(&t->batch, "way/a", 5));
    assert_false(batch_has(&t->batch, "way", 3));
    assert_false(batch_has(&t->batch, "a", 1));
    assert_int_equal(fake_names(t->path), 0);
    assert_int_equal(batch_flush(&t->batch, &t->e), 0);
    assert_false(batch_awaits(&t->batch, number));
    assert_false(batch_has(&t->batch, "way/a", 5));
    tray_holds(t, "a", "content");
    tray_holds(t, "b", "");
    tray_close(t);
}

static void more_than_there_is_room_for_is_made_meanwhile(void **state)
{
    (void)state;
    struct tray *t = tray_open();
    char name[8];
    for (unsigned i = 0; i <= CHAIN_FILES; i++) {
        (void)snprintf(name, sizeof name, "%u", i);
        assert_int_equal(tray_add(t, name, name), 0);
        assert_int_equal(fake_names(t->path), i < CHAIN_FILES ? 0 : CHAIN_FILES);
    }
    assert_int_equal(batch_flush(&t->batch, &t->e), 0);
    assert_int_equal(fake_names(t->path), CHAIN_FILES + 1);
    tray_close(t);
}

static void what_has_the_name_is_replaced(void **state)
{
    (void)state;
    struct tray *t = tray_open();
    assert_int_equal(mkdirat(t->dir, "a", 0700), 0);
    assert_int_equal(mkdirat(t->dir, "a/b", 0700), 0);
    assert_int_equal(tray_add(t, "a", "content"), 0);
    assert_int_equal(batch_flush(&t->batch, &t->e), 0);
    tray_holds(t, "a", "content");
    tray_close(t);
}

static void a_directory_that_is_held_gets_its_times_and_is_closed(void **state)
{
    (void)state;
    struct tray *t = tray_open();
    struct stat st;
    struct batch_dir dir = {
        .fd = dup(t->dir),
        .mode = 0710,
        .times = {{ .tv_sec = 3 }, { .tv_sec = 4 }},
        .sets_mode = true,
        .has_times = true
    };
    assert_int_equal(tray_add(t, "a", "x"), 0);
    assert_int_equal(batch_hold(&t->batch, &dir, &t->e), 0);
    assert_int_equal(batch_clear(&t->batch, "other", 5, &t->e), 0); /* makes what it waits for */
    assert_int_equal(fcntl(dir.fd, F_GETFD), -1);
    assert_int_equal(fstat(t->dir, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, 4);
    assert_int_equal(st.st_mode & 07777, 0710);
    tray_holds(t, "a", "x");
    tray_close(t);
}

static void a_failure_names_the_entry_and_closes_all(void **state)
{
    (void)state;
    struct tray *t = tray_open();
    int fd = dup(t->dir);
    assert_int_equal(tray_add(t, "way/a", "x"), 0);
    t->batch.files[0].dir_fd = t->batch.made[0].dir_fd = -1;
    assert_int_equal(batch_hold(&t->batch, &(struct batch_dir){ .fd = fd }, &t->e), 0);
    assert_int_equal(batch_flush(&t->batch, &t->e), -1);
    assert_non_null(strstr(t->e.msg, "entry 'way/a'"));
    assert_true(t->batch.has_failed);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    tray_close(t);
}

static void what_stops_makes_what_is_whole(void **state)
{
    (void)state;
    struct tray *t = tray_open();
    assert_int_equal(tray_add(t, "a", "x"), 0);
    assert_int_equal(tray_add(t, "b", "half of it"), 0);
    batch_stop(&t->batch, false);
    tray_holds(t, "a", "x");
    assert_int_equal(fake_names(t->path), 1);
    tray_close(t);
}

static void only_what_is_small_and_plain_is_taken(void **state)
{
    (void)state;
    struct batch b = { 0 };
    static const struct untar_entry large = { .size = BATCH_FILE_BYTES + 1 };
    static const struct untar_entry small = { .size = BATCH_FILE_BYTES };
    static const struct untar_entry sparse = { .size = 1, .is_sparse = true };
    static const struct untar_entry noted = { .size = 1, .xattrs_size = 1 };
    assert_true(batch_takes(&b, &small));
    assert_false(batch_takes(&b, &large) || batch_takes(&b, &sparse) || batch_takes(&b, &noted));
    assert_false(batch_takes(NULL, &small));
    assert_false(batch_has(NULL, "a", 1) || batch_awaits(NULL, 1));
    batch_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_there_after_the_flush_and_not_before),
        cmocka_unit_test(more_than_there_is_room_for_is_made_meanwhile),
        cmocka_unit_test(what_has_the_name_is_replaced),
        cmocka_unit_test(a_directory_that_is_held_gets_its_times_and_is_closed),
        cmocka_unit_test(a_failure_names_the_entry_and_closes_all),
        cmocka_unit_test(what_stops_makes_what_is_whole),
        cmocka_unit_test(only_what_is_small_and_plain_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
