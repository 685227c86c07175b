#include "probes/host/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "tests/unit/probes/host/trees.h"

static void versions_of_releases(void **state)
{
    (void)state;
    assert_int_equal(kernel_version("6.18.44-fc-v669"), 6018);
    assert_int_equal(kernel_version("5.4.0-150-generic"), 5004);
    assert_int_equal(kernel_version("3.10.0-1160.el7.x86_64"), 3010);
    assert_int_equal(kernel_version("6.1"), 6001);
    assert_int_equal(kernel_version(""), 0);
    assert_int_equal(kernel_version("6"), 0);
    assert_int_equal(kernel_version("6."), 0);
    assert_int_equal(kernel_version("linux-6.1"), 0);
    assert_int_equal(kernel_version("6.99999999999999999999"), 0);
}

static void only_set_and_asked_options_are_named(void **state)
{
    (void)state;
    AUTO(buf) struct buf words = { 0 };
    struct err e;
    const char *text = "# CONFIG_KEYS is not set\nCONFIG_VETH=m\nCONFIG_NAMESPACES=y\r\n"
                       "CONFIG_HZ=250\nCONFIG_BRIDGE=n\nCONFIG_CMDLINE=\"CONFIG_VXLAN=y\"\n"
                       "CONFIG_VETH=m\nCONFIG_CRYPTO_FOO=y\nCONFIG_MEMCG=yes\nCONFIG_KEYS=y";
    assert_int_equal(kernel_options(text, &words, &e), 0);
    assert_string_equal(buf_text(&words), "KEYS NAMESPACES VETH");
}

/* Every asked option is found, so the table is sorted as bsearch needs it; and it stays small. */
static void every_asked_option_can_be_found(void **state)
{
    (void)state;
    AUTO(buf) struct buf words = { 0 };
    struct err e;
    AUTO_FCLOSE FILE *source = fopen("probes/host/kernel.c", "r");
    assert_non_null(source);
    AUTO(buf) struct buf config = { 0 };
    char line[128];
    unsigned count = 0;
    bool inside = false;
    while (fgets(line, sizeof line, source)) {
        char name[64];
        inside = (inside || strstr(line, "kernel_asked[] = {")) && !strstr(line, "};");
        if (inside && sscanf(line, " \"%63[A-Z0-9_]\",", name) == 1) {
            buf_addf(&config, "CONFIG_%s=m\n", name);
            count++;
        }
    }
    assert_in_range(count, 100, 199);
    assert_int_equal(kernel_options(buf_text(&config), &words, &e), 0);
    unsigned found = 1;
    for (const char *at = buf_text(&words); *at; at++)
        found += *at == ' ';
    assert_int_equal(found, count);
}

static void a_text_without_options_is_no_config(void **state)
{
    (void)state;
    AUTO(buf) struct buf words = { 0 };
    struct err e;
    assert_int_equal(kernel_options("<html>404</html>", &words, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
}

static void a_packed_config_comes_first(void **state)
{
    (void)state;
    AUTO(buf) struct buf text = { 0 };
    char where[256];
    struct err e;
    struct trees t = trees_open("firecracker");
    assert_int_equal(kernel_config(t.proc_fd, "6.18.44", &text, where, &e), 0);
    assert_string_equal(where, "/proc/config.gz");
    assert_non_null(strstr(buf_text(&text), "CONFIG_IP_VS=m\n"));
    trees_close(&t);
}

static void a_config_in_boot_is_found_by_release(void **state)
{
    (void)state;
    AUTO(buf) struct buf text = { 0 };
    char where[256];
    struct err e;
    struct trees t = trees_open("kvm-debian");
    assert_int_equal(kernel_config(t.proc_fd, "6.1.0-28-cloud-amd64", &text, where, &e), 0);
    assert_string_equal(where, "/boot/config-6.1.0-28-cloud-amd64");
    assert_int_equal(kernel_config(t.proc_fd, "6.1.0-29-cloud-amd64", &text, where, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "modprobe configs"));
    trees_close(&t);
}

static void damaged_and_swollen_gzip_is_refused(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { .cap = 4096 };
    struct err e;
    unsigned char packed[256];
    static unsigned char zeros[100000];
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = zeros;
    z.avail_in = sizeof zeros;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t size = z.total_out;
    (void)deflateEnd(&z);
    assert_int_equal(kernel_gunzip(packed, size, &out, &e), -1);
    assert_non_null(strstr(e.msg, "4096"));
    out.cap = sizeof zeros;
    assert_int_equal(kernel_gunzip(packed, size, &out, &e), 0);
    assert_int_equal(out.size, sizeof zeros);
    assert_int_equal(kernel_gunzip(packed, size / 2, &out, &e), -1);
    assert_int_equal(kernel_gunzip("no gzip", 7, &out, &e), -1);
    assert_int_equal(kernel_gunzip("", 0, &out, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_of_releases),
        cmocka_unit_test(only_set_and_asked_options_are_named),
        cmocka_unit_test(every_asked_option_can_be_found),
        cmocka_unit_test(a_text_without_options_is_no_config),
        cmocka_unit_test(a_packed_config_comes_first),
        cmocka_unit_test(a_config_in_boot_is_found_by_release),
        cmocka_unit_test(damaged_and_swollen_gzip_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
