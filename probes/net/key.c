#include "probes/net/key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/kit/auto.h"

enum {
    KEY_FILE_BYTES = 2 * KEY_BYTES_MAX + 3, /* hex digits, "\r\n", and one more that shows more */
    KEY_OTHERS = S_IROTH | S_IWOTH,
};

static bool is_hex(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isxdigit((unsigned char)line[i]))
            return false;
    }
    return size >= KEY_HEX_DIGITS_MIN && size % 2 == 0;
}

static uint8_t nibble(char c)
{
    static const char digits[] = "0123456789abcdef";
    return (uint8_t)(strchr(digits, tolower((unsigned char)c)) - digits);
}

/* The line without its end; -1 when something follows or it is not text. */
static int line_size(const char *text, size_t *size)
{
    if (*size && text[*size - 1] == '\n')
        --*size;
    if (*size && text[*size - 1] == '\r')
        --*size;
    for (size_t i = 0; i < *size; i++) {
        if (iscntrl((unsigned char)text[i]))
            return -1;
    }
    return 0;
}

int key_parse(const char *text, size_t size, struct key *k, struct err *e)
{
    *k = (struct key){ 0 };
    if (line_size(text, &size))
        return err_set(e, ERR_DATA, 0,
                       "the key is not one line of text: write one line, its octets in hex");
    if (size == 0)
        return err_set(e, ERR_DATA, 0, "the key is empty: 'openssl rand -hex 32' makes one");
    bool hex = is_hex(text, size);
    size_t octets = hex ? size / 2 : size;
    if (octets < KEY_BYTES_MIN)
        return err_set(e, ERR_DATA, 0,
                       "the key has %zu octets, at least %d are needed: 'openssl rand -hex 32' "
                       "makes one",
                       octets, KEY_BYTES_MIN);
    if (octets > KEY_BYTES_MAX)
        return err_set(e, ERR_DATA, 0, "the key has more than %d octets: give a shorter one",
                       KEY_BYTES_MAX);
    for (size_t i = 0; i < octets; i++)
        k->bytes[i] =
            hex ? (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1])) : (uint8_t)text[i];
    k->size = octets;
    return 0;
}

static int check_mode(int fd, struct err *e)
{
    struct stat s;
    if (fstat(fd, &s))
        return err_set(e, err_kind_of(errno), errno, "look at the file");
    if (S_ISREG(s.st_mode) && (s.st_mode & KEY_OTHERS))
        return err_set(e, ERR_DENIED, 0, "any user may read or write it: 'chmod o= FILE' mends it");
    return 0;
}

static int read_all(int fd, char *text, size_t *size, struct err *e)
{
    for (*size = 0; *size < KEY_FILE_BYTES;) {
        ssize_t n = read(fd, text + *size, KEY_FILE_BYTES - *size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, err_kind_of(errno), errno, "read it");
        if (n == 0)
            return 0;
        *size += (size_t)n;
    }
    return 0;
}

static int load(const char *path, char *text, struct key *k, struct err *e)
{
    size_t size = 0;
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open it");
    if (check_mode(fd, e) || read_all(fd, text, &size, e))
        return -1;
    return key_parse(text, size, k, e);
}

int key_load(const char *path, struct auth_key *k, struct err *e)
{
    char text[KEY_FILE_BYTES];
    struct key key = { 0 };
    int failed = load(path, text, &key, e);
    if (!failed)
        auth_key_set(k, key.bytes, key.size);
    explicit_bzero(text, sizeof text);
    explicit_bzero(&key, sizeof key);
    return failed ? err_wrap(e, "key file '%s'", path) : 0;
}
