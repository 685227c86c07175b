#include "probes/net/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    DONE = 0,
    NO_FILTER = 77,
};

/* Runs it in a process of its own, for there is no way back; the wait status. */
static int status_of(void (*inside)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        inside();
        _exit(DONE);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER)
        skip();
    return status;
}

static void filter(void)
{
    struct err e = { 0 };
    if (confine_calls(&e))
        _exit(e.kind == ERR_UNSUPPORTED ? NO_FILTER : 1);
}

static void opens_a_file(void)
{
    filter();
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) != -1 || errno != ENOSYS)
        _exit(1);
}

static void works_on(void)
{
    filter();
    char *much = malloc(1 << 20); /* by mmap */
    if (!much || write(STDOUT_FILENO, "", 0) != 0)
        _exit(1);
    memset(much, 1, 1 << 20);
    free(much);
}

static void makes_a_socket(void)
{
    filter();
    (void)socket(AF_INET, SOCK_DGRAM, 0);
}

static void runs_a_program(void)
{
    filter();
    (void)execl("/bin/true", "true", (char *)NULL);
}

static void other_calls_fail_and_an_intruders_kill(void **state)
{
    (void)state;
    assert_int_equal(status_of(works_on), DONE);
    assert_int_equal(status_of(opens_a_file), DONE);
    int status = status_of(makes_a_socket);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = status_of(runs_a_program);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void drops(void)
{
    struct confine_user nobody;
    struct err e = { 0 };
    bool is_root = false;
    if (confine_find_user("nobody", &nobody, &e) || confine_drop_root(&nobody, &is_root, &e))
        _exit(1);
    if (is_root)
        _exit(NO_FILTER); /* a user namespace without nobody */
    if (geteuid() == 0 || getuid() == 0 || getegid() == 0 || setuid(0) == 0)
        _exit(2);
}

static void root_is_given_up_for_good(void **state)
{
    (void)state;
    assert_int_equal(status_of(drops), DONE);
}

static void root_and_strangers_are_nobody_to_become(void **state)
{
    (void)state;
    struct confine_user u;
    struct err e = { 0 };
    assert_int_equal(confine_find_user("no-such-user-here", &u, &e), -1);
    assert_non_null(strstr(e.msg, "no user 'no-such-user-here'"));
    assert_int_equal(confine_find_user("root", &u, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_calls_fail_and_an_intruders_kill),
        cmocka_unit_test(root_is_given_up_for_good),
        cmocka_unit_test(root_and_strangers_are_nobody_to_become),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
