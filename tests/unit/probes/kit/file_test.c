#include "probes/kit/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

/* A folder of its own for each test; *state is its descriptor. */
struct room {
    int fd;
    char path[64];
};

static int open_room(void **state)
{
    static struct room room;
    (void)snprintf(room.path, sizeof(room.path), "/tmp/file_test.XXXXXX");
    if (!mkdtemp(room.path)) {
        return -1;
    }
    room.fd = open(room.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &room;
    return room.fd < 0 ? -1 : 0;
}

static int close_room(void **state)
{
    struct room *room = *state;
    struct err e;
    (void)close(room->fd);
    return file_remove_tree_at(AT_FDCWD, room->path, &e);
}

static int fd_of(void **state)
{
    return ((struct room *)*state)->fd;
}

static void put(int fd, const char *name, const char *text)
{
    AUTO_CLOSE int file = openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
}

static bool is_there(int fd, const char *name)
{
    struct stat st;
    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static unsigned count_entries(int fd)
{
    unsigned count = 0;
    DIR *dir = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_non_null(dir);
    while (readdir(dir)) { // NOLINT(concurrency-mt-unsafe): a stream of our own
        count++;
    }
    (void)closedir(dir);
    return count - 2;
}

static void whole_file_is_read_and_replaces_what_the_buffer_held(void **state)
{
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    put(fd_of(state), "a", "first\nsecond\n");
    buf_adds(&out, "old");
    assert_int_equal(file_read_at(fd_of(state), "a", &out, &e), 0);
    assert_string_equal(buf_text(&out), "first\nsecond\n");
}

static void file_of_exactly_the_cap_is_read_and_one_more_byte_refused(void **state)
{
    AUTO(buf) struct buf out = { .cap = 5 };
    struct err e = { 0 };
    put(fd_of(state), "a", "12345");
    assert_int_equal(file_read_at(fd_of(state), "a", &out, &e), 0);
    assert_int_equal(out.size, 5);
    put(fd_of(state), "a", "123456");
    assert_int_equal(file_read_at(fd_of(state), "a", &out, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
    assert_non_null(strstr(e.msg, "'a' is larger than the 5 bytes"));
}

static void endless_file_stops_at_the_cap(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    assert_int_equal(file_read_at(AT_FDCWD, "/dev/zero", &out, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
}

static void missing_file_is_named(void **state)
{
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    assert_int_equal(file_read_at(fd_of(state), "none", &out, &e), -1);
    assert_string_equal(e.msg, "open 'none': No such file or directory");
}

static void fifo_without_a_writer_does_not_block(void **state)
{
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    assert_int_equal(mkfifoat(fd_of(state), "pipe", 0600), 0);
    assert_int_equal(file_read_at(fd_of(state), "pipe", &out, &e), 0);
    assert_int_equal(out.size, 0);
}

static void line_loses_newline_and_trailing_blanks(void **state)
{
    char line[16];
    struct err e = { 0 };
    put(fd_of(state), "a", " cubic \t\nmore\n");
    assert_int_equal(file_line_at(fd_of(state), "a", line, sizeof(line), &e), 0);
    assert_string_equal(line, " cubic");
    put(fd_of(state), "a", "");
    assert_int_equal(file_line_at(fd_of(state), "a", line, sizeof(line), &e), 0);
    assert_string_equal(line, "");
}

static void long_line_is_cut(void **state)
{
    char line[5];
    struct err e = { 0 };
    put(fd_of(state), "a", "abcdefgh");
    assert_int_equal(file_line_at(fd_of(state), "a", line, sizeof(line), &e), 0);
    assert_string_equal(line, "abcd");
}

static void number_is_read_to_the_last_bit(void **state)
{
    uint64_t value = 0;
    struct err e = { 0 };
    put(fd_of(state), "a", "18446744073709551615\n");
    assert_int_equal(file_u64_at(fd_of(state), "a", &value, &e), 0);
    assert_true(value == UINT64_MAX);
}

static void what_is_no_number_is_quoted(void **state)
{
    static const char *const bad[] = { "",    "max",  "-1", "+1", " 1",
                                       "1 2", "0x10", "1k", "1.", "18446744073709551616" };
    struct err e = { 0 };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 7;
        put(fd_of(state), "a", bad[i]);
        assert_int_equal(file_u64_at(fd_of(state), "a", &value, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
        assert_non_null(strstr(e.msg, bad[i]));
        assert_int_equal(value, 7);
    }
}

static void atomic_write_replaces_and_leaves_nothing_else(void **state)
{
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    put(fd_of(state), "doc", "a much longer old text");
    assert_int_equal(file_write_atomic_at(fd_of(state), "doc", "new", 3, &e), 0);
    assert_int_equal(file_read_at(fd_of(state), "doc", &out, &e), 0);
    assert_string_equal(buf_text(&out), "new");
    assert_int_equal(count_entries(fd_of(state)), 1);
}

static void atomic_write_works_in_a_folder_below_and_by_absolute_path(void **state)
{
    char path[128];
    struct err e = { 0 };
    assert_int_equal(mkdirat(fd_of(state), "sub", 0700), 0);
    assert_int_equal(file_write_atomic_at(fd_of(state), "sub/doc", "x", 1, &e), 0);
    assert_true(is_there(fd_of(state), "sub/doc"));
    (void)snprintf(path, sizeof(path), "%s/abs", ((struct room *)*state)->path);
    assert_int_equal(file_write_atomic_at(AT_FDCWD, path, "", 0, &e), 0);
    assert_true(is_there(fd_of(state), "abs"));
}

static void failed_replacement_leaves_the_old_and_no_temporary(void **state)
{
    struct err e = { 0 };
    assert_int_equal(mkdirat(fd_of(state), "doc", 0700), 0);
    assert_int_equal(file_write_atomic_at(fd_of(state), "doc", "x", 1, &e), -1);
    assert_string_equal(e.msg, "'doc' is no regular file and is not replaced; name another file");
    assert_int_equal(count_entries(fd_of(state)), 1);
}

static void pipes_and_links_are_never_replaced(void **state)
{
    struct err e = { 0 };
    struct stat st;
    assert_int_equal(mkfifoat(fd_of(state), "pipe", 0600), 0);
    assert_int_equal(symlinkat("target", fd_of(state), "link"), 0);
    assert_int_equal(file_write_atomic_at(fd_of(state), "pipe", "x", 1, &e), -1);
    assert_int_equal(file_write_atomic_at(fd_of(state), "link", "x", 1, &e), -1);
    assert_int_equal(fstatat(fd_of(state), "pipe", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstatat(fd_of(state), "link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(count_entries(fd_of(state)), 2);
}

static void write_into_a_missing_folder_names_it(void **state)
{
    struct err e = { 0 };
    assert_int_equal(file_write_atomic_at(fd_of(state), "none/doc", "x", 1, &e), -1);
    assert_non_null(strstr(e.msg, "'none/doc' cannot be written"));
    assert_non_null(strstr(e.msg, "No such file or directory"));
}

static void over_long_path_is_refused(void **state)
{
    static char path[5000];
    struct err e = { 0 };
    memset(path, 'a', sizeof(path) - 1);
    assert_int_equal(file_write_atomic_at(fd_of(state), path, "x", 1, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
}

static void write_all_passes_short_writes_of_a_pipe(void **state)
{
    (void)state;
    static char bytes[300000];
    int ends[2];
    struct err e = { 0 };
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        _exit(file_write_all(ends[1], bytes, sizeof(bytes), &e) == 0 ? 0 : 1);
    }
    (void)close(ends[1]);
    size_t seen = 0;
    static char chunk[4096];
    for (ssize_t n = 1; n > 0; seen += (size_t)n) {
        n = read(ends[0], chunk, sizeof(chunk));
        assert_true(n >= 0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(seen, sizeof(bytes));
    (void)close(ends[0]);
}

static void write_to_a_full_device_says_so(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO_CLOSE int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        skip();
    }
    assert_int_equal(file_write_all(fd, "x", 1, &e), -1);
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
}

static void removing_what_is_missing_is_success(void **state)
{
    struct err e = { 0 };
    assert_int_equal(file_remove_tree_at(fd_of(state), "none", &e), 0);
}

static void removing_a_file_or_link_takes_only_itself(void **state)
{
    struct err e = { 0 };
    put(fd_of(state), "kept", "x");
    assert_int_equal(mkdirat(fd_of(state), "dir", 0700), 0);
    put(fd_of(state), "dir/kept", "x");
    assert_int_equal(symlinkat("dir", fd_of(state), "link"), 0);
    assert_int_equal(file_remove_tree_at(fd_of(state), "link", &e), 0);
    assert_false(is_there(fd_of(state), "link"));
    assert_true(is_there(fd_of(state), "dir/kept"));
    assert_int_equal(file_remove_tree_at(fd_of(state), "kept", &e), 0);
    assert_false(is_there(fd_of(state), "kept"));
}

static void names_that_would_reach_further_are_refused(void **state)
{
    static const char *const bad[] = { "", ".", "..", "dir/", "dir/.", "dir/..", "/" };
    struct err e = { 0 };
    assert_int_equal(mkdirat(fd_of(state), "dir", 0700), 0);
    put(fd_of(state), "dir/kept", "x");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(file_remove_tree_at(fd_of(state), bad[i], &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
    }
    assert_true(is_there(fd_of(state), "dir/kept"));
}

static void links_inside_a_tree_are_not_followed(void **state)
{
    struct err e = { 0 };
    put(fd_of(state), "kept", "x");
    assert_int_equal(mkdirat(fd_of(state), "outside", 0700), 0);
    put(fd_of(state), "outside/kept", "x");
    assert_int_equal(mkdirat(fd_of(state), "tree", 0700), 0);
    assert_int_equal(symlinkat("../outside", fd_of(state), "tree/dirlink"), 0);
    assert_int_equal(symlinkat("../kept", fd_of(state), "tree/filelink"), 0);
    assert_int_equal(symlinkat("..", fd_of(state), "tree/up"), 0);
    assert_int_equal(file_remove_tree_at(fd_of(state), "tree", &e), 0);
    assert_false(is_there(fd_of(state), "tree"));
    assert_true(is_there(fd_of(state), "kept"));
    assert_true(is_there(fd_of(state), "outside/kept"));
}

static void wide_tree_of_all_kinds_is_removed(void **state)
{
    char name[64];
    struct err e = { 0 };
    assert_int_equal(mkdirat(fd_of(state), "tree", 0700), 0);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "tree/d%d", i);
        assert_int_equal(mkdirat(fd_of(state), name, 0700), 0);
        (void)snprintf(name, sizeof(name), "tree/d%d/f", i);
        put(fd_of(state), name, "x");
        (void)snprintf(name, sizeof(name), "tree/f%d", i);
        put(fd_of(state), name, "x");
    }
    assert_int_equal(mkfifoat(fd_of(state), "tree/pipe", 0600), 0);
    assert_int_equal(file_remove_tree_at(fd_of(state), "tree", &e), 0);
    assert_int_equal(count_entries(fd_of(state)), 0);
}

/* Makes name/d/d/d/... without ever holding a long path. */
static void dig(int fd, const char *name, int depth)
{
    int at = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < depth; i++) {
        const char *step = i == 0 ? name : "d";
        assert_int_equal(mkdirat(at, step, 0700), 0);
        int next = openat(at, step, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        put(next, "f", "x");
        put(next, "deep.0", "in the way of the name that a removal would take");
        (void)close(at);
        at = next;
    }
    (void)close(at);
}

static void tree_of_3000_levels_is_removed_with_few_descriptors(void **state)
{
    struct rlimit old;
    struct err e = { 0 };
    dig(fd_of(state), "tree", 3000);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit few = { .rlim_cur = 128, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int failed = file_remove_tree_at(fd_of(state), "tree", &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(failed, 0);
    assert_int_equal(count_entries(fd_of(state)), 0);
}

/* Root needs no right to read: a child does it as nobody where the test is run by root. */
static int remove_as_nobody(int fd)
{
    struct err e = { 0 };
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 2;
    }
    if (mkdirat(fd, "tree", 0700) != 0 || mkdirat(fd, "tree/a", 0700) != 0 ||
        mkdirat(fd, "tree/a/b", 0700) != 0 || mkdirat(fd, "tree/c", 0700) != 0) {
        return 3;
    }
    if (fchmodat(fd, "tree/a/b", 0, 0) != 0 || fchmodat(fd, "tree/a", 0, 0) != 0 ||
        fchmodat(fd, "tree/c", 0400, 0) != 0 || fchmodat(fd, "tree", 0, 0) != 0) {
        return 4;
    }
    return file_remove_tree_at(fd, "tree", &e) == 0 ? 0 : 1;
}

static void directories_without_any_right_are_removed(void **state)
{
    int status = -1;
    assert_int_equal(fchmod(fd_of(state), 0777), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(remove_as_nobody(fd_of(state)));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count_entries(fd_of(state)), 0);
}

enum {
    EXIT_NO_NAMESPACE = 77
};

/* Mounts in a namespace of its own; removes "tree" below the room and says what came of it. */
static int remove_around_a_mount(int fd, const char *source, const char *target, const char *said)
{
    struct err e = { 0 };
    if (fchdir(fd) != 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        mount(source, target, source ? NULL : "tmpfs", source ? MS_BIND : 0, "mode=000") != 0) {
        return EXIT_NO_NAMESPACE;
    }
    /* fd still belongs to the namespace outside, which does not see the mount. */
    if (file_remove_tree_at(AT_FDCWD, "tree", &e) == 0 || e.sys != EXDEV) {
        return 1;
    }
    struct stat st;
    if (stat(target, &st) != 0 || (!source && (st.st_mode & 07777) != 0)) {
        return 2;
    }
    return strstr(e.msg, said) ? 0 : 3;
}

static void check_mount(void **state, const char *source, const char *target, const char *said)
{
    int status = -1;
    int fd = fd_of(state);
    assert_int_equal(mkdirat(fd, "kept", 0700), 0);
    put(fd, "kept/file", "x");
    assert_int_equal(mkdirat(fd, "tree", 0700), 0);
    assert_int_equal(mkdirat(fd, "tree/sub", 0700), 0);
    assert_int_equal(mkdirat(fd, "tree/sub/mnt", 0700), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(remove_around_a_mount(fd, source, target, said));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(is_there(fd, "kept/file"));
    if (WEXITSTATUS(status) == EXIT_NO_NAMESPACE) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Its mode, which gives nobody a right, stays too. */
static void tree_that_is_a_mount_point_is_refused(void **state)
{
    check_mount(state, NULL, "tree", "remove 'tree': 'tree' is a mount point");
}

static void other_filesystem_inside_a_tree_is_not_entered(void **state)
{
    check_mount(state, NULL, "tree/sub/mnt", "remove 'tree': 'mnt' is a mount point");
}

/* The same filesystem again: only the kernel's word tells it from a directory. */
static void bind_mount_inside_a_tree_is_not_entered(void **state)
{
    check_mount(state, "kept", "tree/sub/mnt", "remove 'tree': 'mnt' is a mount point");
}

#define IN_A_ROOM(test) cmocka_unit_test_setup_teardown(test, open_room, close_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_ROOM(whole_file_is_read_and_replaces_what_the_buffer_held),
        IN_A_ROOM(file_of_exactly_the_cap_is_read_and_one_more_byte_refused),
        IN_A_ROOM(endless_file_stops_at_the_cap),
        IN_A_ROOM(missing_file_is_named),
        IN_A_ROOM(fifo_without_a_writer_does_not_block),
        IN_A_ROOM(line_loses_newline_and_trailing_blanks),
        IN_A_ROOM(long_line_is_cut),
        IN_A_ROOM(number_is_read_to_the_last_bit),
        IN_A_ROOM(what_is_no_number_is_quoted),
        IN_A_ROOM(atomic_write_replaces_and_leaves_nothing_else),
        IN_A_ROOM(atomic_write_works_in_a_folder_below_and_by_absolute_path),
        IN_A_ROOM(pipes_and_links_are_never_replaced),
        IN_A_ROOM(failed_replacement_leaves_the_old_and_no_temporary),
        IN_A_ROOM(write_into_a_missing_folder_names_it),
        IN_A_ROOM(over_long_path_is_refused),
        IN_A_ROOM(write_all_passes_short_writes_of_a_pipe),
        IN_A_ROOM(write_to_a_full_device_says_so),
        IN_A_ROOM(removing_what_is_missing_is_success),
        IN_A_ROOM(removing_a_file_or_link_takes_only_itself),
        IN_A_ROOM(names_that_would_reach_further_are_refused),
        IN_A_ROOM(links_inside_a_tree_are_not_followed),
        IN_A_ROOM(wide_tree_of_all_kinds_is_removed),
        IN_A_ROOM(tree_of_3000_levels_is_removed_with_few_descriptors),
        IN_A_ROOM(directories_without_any_right_are_removed),
        IN_A_ROOM(tree_that_is_a_mount_point_is_refused),
        IN_A_ROOM(other_filesystem_inside_a_tree_is_not_entered),
        IN_A_ROOM(bind_mount_inside_a_tree_is_not_entered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
