/* Runs a fuzz target over every file of the folders that are named: no fuzzer needed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/kit/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dirfd, const char *name)
{
    AUTO(buf) struct buf bytes = { .cap = LIMITS_DOCUMENT_BYTES };
    struct err e = { 0 };
    if (name[0] == '.')
        return 0;
    if (file_read_at(dirfd, name, &bytes, &e)) {
        (void)fprintf(stderr, "%s\n", e.msg);
        return -1;
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&bytes), bytes.size);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
            int n = replay_file(dirfd(dir), d->d_name);
            if (n < 0)
                return 1;
            count += n;
        }
        (void)closedir(dir);
    }
    (void)printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
