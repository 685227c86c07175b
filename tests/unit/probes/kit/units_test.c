#include "probes/kit/units.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/prng.h"

enum {
    PROPERTY_CASES = 20000
};

struct parse_case {
    const char *text;
    enum unit unit;
    double value;
};

static void every_way_to_write_a_value_is_read(void **state)
{
    (void)state;
    static const struct parse_case cases[] = {
        {"10 ms",                UNIT_NS,          10e6            },
        { "10ms",                UNIT_NS,          10e6            },
        { "1.5h",                UNIT_NS,          5400e9          },
        { "900us",               UNIT_NS,          900e3           },
        { "60s",                 UNIT_NS,          60e9            },
        { "2m",                  UNIT_NS,          120e9           },
        { "2 min",               UNIT_NS,          120e9           },
        { "1d",                  UNIT_NS,          86400e9         },
        { "7ns",                 UNIT_NS,          7               },
        { "64 MiB",              UNIT_BYTES,       67108864        },
        { "64M",                 UNIT_BYTES,       67108864        },
        { "1700 MB",             UNIT_BYTES,       1.7e9           },
        { "5 GB",                UNIT_BYTES,       5e9             },
        { "2300",                UNIT_BYTES,       2300            },
        { "4k",                  UNIT_BYTES,       4096            },
        { "50 MB/s",             UNIT_BYTES_PER_S, 50e6            },
        { "1.5GiB/s",            UNIT_BYTES_PER_S, 1.5 * 1073741824},
        { "500/s",               UNIT_PER_S,       500             },
        { "500",                 UNIT_PER_S,       500             },
        { "186/h",               UNIT_PER_HOUR,    186             },
        { "0.5",                 UNIT_PER_HOUR,    0.5             },
        { "5 %",                 UNIT_RATIO,       0.05            },
        { "0.05",                UNIT_RATIO,       0.05            },
        { "4",                   UNIT_COUNT,       4               },
        { ".5",                  UNIT_NONE,        0.5             },
        { "1e3",                 UNIT_NONE,        1000            },
        { "6.18",                UNIT_VERSION,     6018            },
        { "5.4",                 UNIT_VERSION,     5004            },
        { "6.18.44-cloud-amd64", UNIT_VERSION,     6018            },
        { "5.14-rc1",            UNIT_VERSION,     5014            },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double value = -1;
        struct err e = { 0 };
        if (units_parse(cases[i].text, cases[i].unit, &value, &e) != 0 ||
            fabs(value - cases[i].value) > 1e-12 * cases[i].value) {
            fail_msg("'%s' gave %.17g, %s", cases[i].text, value, e.msg);
        }
    }
}

static void what_cannot_be_meant_is_refused_with_text_and_example(void **state)
{
    (void)state;
    static const struct parse_case cases[] = {
        {"",           UNIT_NS,      0},
        { "10",        UNIT_NS,      0},
        { "ms",        UNIT_NS,      0},
        { "-5 ms",     UNIT_NS,      0},
        { "+5 ms",     UNIT_NS,      0},
        { "nan s",     UNIT_NS,      0},
        { "inf",       UNIT_NONE,    0},
        { "1e999",     UNIT_NONE,    0},
        { "1e308",     UNIT_RATIO,   0},
        { "0x10",      UNIT_NONE,    0},
        { "5 msx",     UNIT_NS,      0},
        { "5 ms 1",    UNIT_NS,      0},
        { "5 ms ",     UNIT_NS,      0},
        { "64 mib",    UNIT_BYTES,   0},
        { "64 ms",     UNIT_BYTES,   0},
        { "5 %%",      UNIT_RATIO,   0},
        { "4 x",       UNIT_COUNT,   0},
        { ".",         UNIT_NONE,    0},
        { "1e308 TiB", UNIT_BYTES,   0},
        { "6",         UNIT_VERSION, 0},
        { "6.",        UNIT_VERSION, 0},
        { "6.x",       UNIT_VERSION, 0},
        { "v6.1",      UNIT_VERSION, 0},
        { "6.1000",    UNIT_VERSION, 0},
        { "6.18 x",    UNIT_VERSION, 0},
        { "6.18x",     UNIT_VERSION, 0},
    };
    static const char *const examples[UNIT_KINDS] = { "'4'",       "'10 ms'", "'64 MiB'",
                                                      "'50 MB/s'", "'500/s'", "'12/h'",
                                                      "'5 %'",     "'4'",     "'6.18'" };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double value = -1;
        char quoted[32];
        struct err e = { 0 };
        (void)snprintf(quoted, sizeof(quoted), "'%s'", cases[i].text);
        if (units_parse(cases[i].text, cases[i].unit, &value, &e) != -1 || e.kind != ERR_USAGE ||
            value != -1 || !strstr(e.msg, quoted) || !strstr(e.msg, examples[cases[i].unit])) {
            fail_msg("'%s' gave %.17g, %s", cases[i].text, value, e.msg);
        }
    }
}

static void whole_nanoseconds_and_bytes_are_bounded(void **state)
{
    (void)state;
    uint64_t value = 0;
    struct err e = { 0 };
    assert_int_equal(units_parse_ns("1.5ms", &value, &e), 0);
    assert_int_equal(value, 1500000);
    assert_int_equal(units_parse_bytes("1 KiB", &value, &e), 0);
    assert_int_equal(value, 1024);
    assert_int_equal(units_parse_bytes("8191 PiB", &value, &e), 0);
    assert_int_equal(units_parse_bytes("8192 PiB", &value, &e), -1);
    assert_string_equal(e.msg, "'8192 PiB' is too large; write it as in '64 MiB'");
    assert_int_equal(units_parse_ns("200000 d", &value, &e), -1);
}

struct format_case {
    double value;
    enum unit unit;
    const char *text;
};

static void values_are_printed_with_three_digits_and_the_fitting_suffix(void **state)
{
    (void)state;
    static const struct format_case cases[] = {
        {0,             UNIT_NS,          "0 ns"         },
        { 48,           UNIT_NS,          "48 ns"        },
        { 999.4,        UNIT_NS,          "999 ns"       },
        { 999.6,        UNIT_NS,          "1.00 us"      },
        { 114321,       UNIT_NS,          "114 us"       },
        { 1324567,      UNIT_NS,          "1.32 ms"      },
        { 10e6,         UNIT_NS,          "10 ms"        },
        { 99960000,     UNIT_NS,          "100 ms"       },
        { 99.94e6,      UNIT_NS,          "99.9 ms"      },
        { 58.2e9,       UNIT_NS,          "58.2 s"       },
        { 90e9,         UNIT_NS,          "90 s"         },
        { 120e9,        UNIT_NS,          "2 min"        },
        { 5400e9,       UNIT_NS,          "90 min"       },
        { 9000e9,       UNIT_NS,          "2.50 h"       },
        { 30 * 864e11,  UNIT_NS,          "30 d"         },
        { 2300,         UNIT_BYTES,       "2.25 KiB"     },
        { 1000,         UNIT_BYTES,       "1000 B"       },
        { 67108864,     UNIT_BYTES,       "64 MiB"       },
        { 4.5 * 0x1p30, UNIT_BYTES,       "4.50 GiB"     },
        { 412.3e6,      UNIT_BYTES_PER_S, "412 MB/s"     },
        { 5530,         UNIT_PER_S,       "5530/s"       },
        { 63997,        UNIT_PER_S,       "64000/s"      },
        { 12.345,       UNIT_PER_S,       "12.3/s"       },
        { 0,            UNIT_PER_HOUR,    "0/h"          },
        { 186.2069,     UNIT_PER_HOUR,    "186/h"        },
        { 61234,        UNIT_PER_HOUR,    "61200/h"      },
        { 0.0012,       UNIT_RATIO,       "0.120 %"      },
        { 0.05,         UNIT_RATIO,       "5 %"          },
        { 0.07,         UNIT_RATIO,       "7 %"          },
        { 1,            UNIT_RATIO,       "100 %"        },
        { 4194304,      UNIT_COUNT,       "4194304"      },
        { 0.000123,     UNIT_NONE,        "0.000123"     },
        { 1.5e-9,       UNIT_NONE,        "1.50e-09"     },
        { 1e300,        UNIT_BYTES,       "8.88e+284 PiB"},
        { 6018,         UNIT_VERSION,     "6.18"         },
        { -0.0,         UNIT_NONE,        "0"            },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[UNITS_TEXT_BYTES];
        assert_string_equal(units_format(cases[i].value, cases[i].unit, text), cases[i].text);
    }
}

static void what_is_no_number_is_a_dash(void **state)
{
    (void)state;
    char text[UNITS_TEXT_BYTES];
    for (enum unit u = UNIT_NONE; u < UNIT_KINDS; u++) {
        assert_string_equal(units_format(NAN, u, text), "-");
        assert_string_equal(units_format(INFINITY, u, text), "-");
        assert_string_equal(units_format(-1e308, u, text), "-");
    }
}

static void names_are_found_again_and_unknown_ones_are_not(void **state)
{
    (void)state;
    for (enum unit u = UNIT_NONE; u < UNIT_KINDS; u++) {
        assert_int_equal(units_of_name(units_name(u)), u);
    }
    assert_int_equal(units_of_name("furlongs"), UNIT_KINDS);
    assert_string_equal(units_name(UNIT_BYTES_PER_S), "bytes/s");
}

/* What is printed can be read again, and is the value within the three digits: 0.5 %. */
static void what_is_printed_reads_back_as_the_value(void **state)
{
    (void)state;
    const char *given = getenv("PLIMSOLL_SEED"); // NOLINT(concurrency-mt-unsafe)
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    struct prng p;
    prng_init_named(&p, seed, "units");
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < PROPERTY_CASES; i++) {
        enum unit unit = (enum unit)prng_below(&p, UNIT_VERSION);
        double value = exp(prng_unit(&p) * 60 - 20);
        double back = -1;
        char text[UNITS_TEXT_BYTES];
        struct err e = { 0 };
        (void)units_format(value, unit, text);
        if (units_parse(text, unit, &back, &e) != 0 || fabs(back - value) > 0.0051 * value) {
            fail_msg("%.17g %s: '%s' read as %.17g: %s", value, units_name(unit), text, back,
                     e.msg);
        }
    }
    for (int version = 1000; version < 9000; version++) {
        double back = -1;
        char text[UNITS_TEXT_BYTES];
        struct err e = { 0 };
        assert_int_equal(
            units_parse(units_format(version, UNIT_VERSION, text), UNIT_VERSION, &back, &e), 0);
        assert_true(back == version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_write_a_value_is_read),
        cmocka_unit_test(what_cannot_be_meant_is_refused_with_text_and_example),
        cmocka_unit_test(whole_nanoseconds_and_bytes_are_bounded),
        cmocka_unit_test(values_are_printed_with_three_digits_and_the_fitting_suffix),
        cmocka_unit_test(what_is_no_number_is_a_dash),
        cmocka_unit_test(names_are_found_again_and_unknown_ones_are_not),
        cmocka_unit_test(what_is_printed_reads_back_as_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
