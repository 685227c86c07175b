#include "probes/image/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/image/image.h"
#include "tests/unit/probes/disk/rig.h"
#include "tests/unit/probes/image/forge.h"

static struct rig *rig(const char *image)
{
    struct rig *r = rig_open(&image_runtime);
    r->site.image = image;
    r->result.parameters = json_object();
    return r;
}

static void break_byte(int dir, const char *name)
{
    struct stat st;
    int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    (void)close(fd);
}

/* Breaks the last layer of the image in that directory; its size stays. */
static void break_layer(int dir, const char *image)
{
    char blob[FORGE_PATH_BYTES];
    struct forge *f = forge_open();
    int own = f->dir;
    f->dir = dir;
    forge_describe(f, image);
    const json_t *layers = json_object_get(f->manifest, "layers");
    const json_t *last = json_array_get(layers, json_array_size(layers) - 1);
    const char *digest = json_string_value(json_object_get(last, "digest"));
    (void)snprintf(blob, sizeof blob, "%s/blobs/sha256/%s", image, digest + strlen("sha256:"));
    break_byte(dir, blob);
    f->dir = own;
    forge_close(f);
}

/* The second probe of a run finds it made and verified: nothing is written, nothing read. */
static void our_own_is_made_and_verified_once_a_run(void **state)
{
    (void)state;
    struct rig *r = rig(NULL);
    struct oci_image first;
    struct oci_image second;
    struct supply_size size;
    if (supply_open(&r->run, &first, &r->e))
        fail_msg("%s", r->e.msg);
    uint64_t written = r->result.written_bytes;
    assert_int_equal(supply_size(&r->site, &size, &r->e), 0);
    assert_true(written > first.packed_bytes && written <= size.make_bytes);
    assert_true(first.file_bytes <= size.file_bytes);
    assert_int_equal(fake_names(r->shared_path), 2);
    break_layer(r->run.shared_fd, "image-small-1"); /* which a reading would find */
    assert_int_equal(supply_open(&r->run, &second, &r->e), 0);
    assert_int_equal(r->result.written_bytes, written);
    assert_string_equal(first.id, second.id);
    assert_int_equal(first.count, 3);
    assert_int_equal(first.entries, second.entries);
    assert_int_equal(first.tar_bytes, second.tar_bytes);
    assert_int_equal(first.file_bytes, second.file_bytes);
    for (unsigned i = 0; i < first.count; i++)
        assert_int_equal(first.layers[i].tar_bytes, second.layers[i].tar_bytes);
    supply_note(&r->run, &first);
    assert_true(rig_noted(r, "the same on every machine"));
    assert_string_equal(json_string_value(json_object_get(r->result.parameters, "image")), "small");
    oci_close(&first);
    oci_close(&second);
    rig_close(r);
}

static void somebodys_is_opened_verified_and_not_written(void **state)
{
    (void)state;
    struct forge *f = forge_open();
    struct oci_image image;
    struct oci_image again;
    struct supply_size size;
    forge_image(f, &image);
    struct rig *r = rig(f->image_path);
    oci_close(&image);
    assert_int_equal(supply_size(&r->site, &size, &r->e), 0);
    if (supply_open(&r->run, &image, &r->e))
        fail_msg("%s", r->e.msg);
    assert_int_equal(size.make_bytes, 0);
    assert_int_equal(size.file_bytes, image.tar_bytes); /* as the trailers say */
    assert_true(size.unpacked_bytes > size.file_bytes && size.setup_ns > 0);
    assert_true(image.entries > 100);
    assert_true(r->result.written_bytes < 1000); /* the record */
    assert_int_equal(supply_open(&r->run, &again, &r->e), 0);
    assert_int_equal(again.entries, image.entries);
    supply_note(&r->run, &image);
    assert_true(rig_noted(r, "OCI image layout"));
    assert_true(rig_noted(r, f->image_path));
    oci_close(&image);
    oci_close(&again);
    rig_close(r);
    forge_close(f);
}

static void an_image_that_is_broken_is_refused_with_the_layer(void **state)
{
    (void)state;
    struct forge *f = forge_open();
    struct oci_image image;
    forge_image(f, &image);
    oci_close(&image);
    break_layer(f->dir, "image");
    struct rig *r = rig(f->image_path);
    assert_int_equal(supply_open(&r->run, &image, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_DATA);
    assert_non_null(strstr(r->e.msg, "layer 3 of 3"));
    oci_close(&image); /* may be called all the same */
    rig_close(r);
    forge_close(f);
}

/* Cut, not JSON, of another image: then it is verified again. */
static void a_record_that_is_not_sound_is_passed_over(void **state)
{
    (void)state;
    static const char *const records[] = { "", "{", "[]", "{\"packed_bytes\":1,\"layers\":[]}" };
    struct forge *f = forge_open();
    struct oci_image image;
    char name[FORGE_PATH_BYTES];
    forge_image(f, &image);
    (void)snprintf(name, sizeof name, "image-%s.verified", image.id);
    uint64_t entries = image.entries;
    oci_close(&image);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct rig *r = rig(f->image_path);
        int fd = openat(r->run.shared_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0 && write(fd, records[i], strlen(records[i])) >= 0);
        (void)close(fd);
        assert_int_equal(supply_open(&r->run, &image, &r->e), 0);
        assert_int_equal(image.entries, entries);
        oci_close(&image);
        rig_close(r);
    }
    forge_close(f);
}

/* By the record, as an image of empty gzip files leaves it. */
static void an_image_without_content_is_refused(void **state)
{
    (void)state;
    struct forge *f = forge_open();
    struct oci_image image;
    char name[FORGE_PATH_BYTES];
    char record[FORGE_PATH_BYTES];
    forge_image(f, &image);
    (void)snprintf(name, sizeof name, "image-%s.verified", image.id);
    (void)snprintf(record, sizeof record,
                   "{\"packed_bytes\":%llu,\"layers\":[[0,0,0],[0,0,0],[0,0,0]]}",
                   (unsigned long long)image.packed_bytes);
    oci_close(&image);
    struct rig *r = rig(f->image_path);
    int fd = openat(r->run.shared_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, record, strlen(record)), strlen(record));
    (void)close(fd);
    assert_int_equal(supply_open(&r->run, &image, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_DATA);
    assert_non_null(strstr(r->e.msg, "the image has no content"));
    assert_null(image.layers);
    rig_close(r);
    forge_close(f);
}

/* Words and images end a run; what this host lacks does not. */
static void only_the_image_and_its_name_are_the_users_fault(void **state)
{
    (void)state;
    struct supply_size size;
    struct forge *f = forge_open();
    struct oci_image image;
    struct rlimit before;
    forge_image(f, &image);
    oci_close(&image);
    struct rig *r = rig("/nothing/of/this/name.tar");
    assert_int_equal(supply_size(&r->site, &size, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    r->site.image = f->path; /* a directory that is no image */
    assert_int_equal(supply_size(&r->site, &size, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    r->site.image = f->image_path;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = { .rlim_cur = 3, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(supply_size(&r->site, &size, &r->e), -1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(r->e.kind, ERR_NO_RESOURCE);
    assert_int_equal(supply_size(&r->site, &size, &r->e), 0);
    rig_close(r);
    forge_close(f);
}

static void what_is_no_image_is_refused(void **state)
{
    (void)state;
    struct rig *r = rig("smal");
    struct oci_image image;
    struct supply_size size;
    assert_int_equal(supply_size(&r->site, &size, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    assert_int_equal(supply_open(&r->run, &image, &r->e), -1);
    rig_close(r);
}

static void a_stop_ends_the_making_and_leaves_nothing(void **state)
{
    (void)state;
    struct rig *r = rig("small:5");
    struct oci_image image;
    r->stopping = 1;
    assert_int_equal(supply_open(&r->run, &image, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
    assert_non_null(strstr(r->e.msg, r->path));
    assert_int_equal(fake_names(r->shared_path), 0);
    oci_close(&image);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_is_made_and_verified_once_a_run),
        cmocka_unit_test(somebodys_is_opened_verified_and_not_written),
        cmocka_unit_test(an_image_that_is_broken_is_refused_with_the_layer),
        cmocka_unit_test(a_record_that_is_not_sound_is_passed_over),
        cmocka_unit_test(an_image_without_content_is_refused),
        cmocka_unit_test(only_the_image_and_its_name_are_the_users_fault),
        cmocka_unit_test(what_is_no_image_is_refused),
        cmocka_unit_test(a_stop_ends_the_making_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
