#include "probes/net/bitrate.h"

#include <stdlib.h>
#include <string.h>

static const double bitrate_least = 1e5;
static const double bitrate_most = 1e9;

static const struct {
    const char *suffix;
    double bits;
} bitrate_suffixes[] = {
    {"kbit",  1e3},
    { "Mbit", 1e6},
    { "Gbit", 1e9},
};

/* Bits a second of what follows the number; 0 when it is none of them. */
static double suffix_bits(const char *text)
{
    text += strspn(text, " ");
    for (size_t i = 0; i < sizeof bitrate_suffixes / sizeof bitrate_suffixes[0]; i++) {
        size_t n = strlen(bitrate_suffixes[i].suffix);
        if (strncmp(text, bitrate_suffixes[i].suffix, n) == 0 &&
            (text[n] == '\0' || strcmp(text + n, "/s") == 0))
            return bitrate_suffixes[i].bits;
    }
    return 0;
}

int bitrate_parse(const char *text, uint64_t *bytes_per_s, struct err *e)
{
    char *end = NULL;
    double number = *text >= '0' && *text <= '9' ? strtod(text, &end) : 0;
    double bits = end ? number * suffix_bits(end) : 0;
    if (!(bits > 0))
        return err_set(e, ERR_USAGE, 0,
                       "'%.80s' is no rate; expected a number and kbit, Mbit or "
                       "Gbit, as in 20Mbit",
                       text);
    if (!(bits >= bitrate_least && bits <= bitrate_most))
        return err_set(e, ERR_USAGE, 0, "'%.80s' is not within 100kbit and 1Gbit", text);
    *bytes_per_s = (uint64_t)(bits / 8);
    return 0;
}
