#include "probes/kit/opt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct conf {
    bool strict;
    uint64_t count;
    uint64_t record_bytes;
    uint64_t budget_ns;
    const char *out;
    const char *format;
    struct opt_list roles;
    struct opt_list labels;
};

static const char *const formats[] = { "text", "json", "html", NULL };

static const struct opt opts[] = {
    OPT_FLAG(struct conf, strict, .name = "strict", .letter = 's', .help = "Be strict."),
    OPT_U64(struct conf, count, .name = "count", .letter = 'n', .initial = "3", .min = 1, .max = 10,
            .help = "How many."),
    OPT_BYTES(struct conf, record_bytes, .name = "record", .initial = "2300", .min = 1,
              .max = 1 << 20, .help = "Bytes of one append."),
    OPT_DURATION(struct conf, budget_ns, .name = "budget", .initial = "60s",
                 .min = UINT64_C(5000000000), .help = "Time of all."),
    OPT_TEXT(struct conf, out, .name = "out", .letter = 'o', .arg = "DIR", .help = "Where to."),
    OPT_CHOICE(struct conf, format, .name = "format", .arg = "FORMAT", .initial = "text",
               .choices = formats, .help = "How to say it."),
    OPT_LIST(struct conf, roles, .name = "role", .arg = "ROLE", .help = "A role."),
    OPT_LIST(struct conf, labels, .name = "label", .arg = "K=V", .initial = "a=b",
             .help = "A label."),
    OPT_END,
};

enum {
    WORDS_MAX = 80
};

struct run {
    struct conf conf;
    struct opt_rest rest;
    struct err e;
    int failed;
};

/* Parses "vet" and the words, which end with NULL. */
static struct run parse(const char *const *words)
{
    static char copies[WORDS_MAX][32];
    static char command[] = "vet";
    char *argv[WORDS_MAX + 1] = { command };
    int argc = 1;
    for (; words[argc - 1]; argc++) {
        (void)snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc - 1]);
        argv[argc] = copies[argc];
    }
    struct run r = { 0 };
    assert_int_equal(opt_defaults(opts, &r.conf, sizeof(r.conf), &r.e), 0);
    r.failed = opt_parse(opts, &r.conf, argc, argv, &r.rest, &r.e);
    return r;
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct conf conf;
    struct err e = { 0 };
    memset(&conf, 0xee, sizeof(conf));
    assert_int_equal(opt_defaults(opts, &conf, sizeof(conf), &e), 0);
    assert_false(conf.strict);
    assert_int_equal(conf.count, 3);
    assert_int_equal(conf.record_bytes, 2300);
    assert_int_equal(conf.budget_ns, 60000000000);
    assert_string_equal(conf.out, "");
    assert_string_equal(conf.format, "text");
    assert_int_equal(conf.roles.count, 0);
    assert_int_equal(conf.labels.count, 1);
}

static void every_type_is_read_in_long_form_and_by_letter(void **state)
{
    (void)state;
    struct run r = PARSE("--strict", "--count=7", "--record", "64 KiB", "--budget=90s", "-o", "dir",
                         "--format", "json", "--role", "a", "--role=b");
    assert_int_equal(r.failed, 0);
    assert_true(r.conf.strict);
    assert_int_equal(r.conf.count, 7);
    assert_int_equal(r.conf.record_bytes, 65536);
    assert_int_equal(r.conf.budget_ns, 90000000000);
    assert_string_equal(r.conf.out, "dir");
    assert_ptr_equal(r.conf.format, formats[1]);
    assert_int_equal(r.conf.roles.count, 2);
    assert_string_equal(r.conf.roles.items[1], "b");
    assert_int_equal(r.rest.operands.count, 0);
    r = PARSE("-sn4", "-odir");
    assert_int_equal(r.failed, 0);
    assert_true(r.conf.strict);
    assert_int_equal(r.conf.count, 4);
    assert_string_equal(r.conf.out, "dir");
}

static void operands_may_stand_anywhere_and_keep_their_order(void **state)
{
    (void)state;
    assert_int_equal(setenv("POSIXLY_CORRECT", "1", 1), 0); // NOLINT(concurrency-mt-unsafe)
    struct run r = PARSE("a", "--strict", "-", "-n", "2", "b", "--", "--role", "-x");
    assert_int_equal(unsetenv("POSIXLY_CORRECT"), 0); // NOLINT(concurrency-mt-unsafe)
    assert_int_equal(r.failed, 0);
    assert_true(r.conf.strict);
    assert_int_equal(r.conf.count, 2);
    static const char *const expected[] = { "a", "-", "b", "--role", "-x" };
    assert_int_equal(r.rest.operands.count, 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(r.rest.operands.items[i], expected[i]);
    }
}

static void a_list_that_is_given_replaces_its_default(void **state)
{
    (void)state;
    struct run r = PARSE("--label", "c=d", "--label=e=f");
    assert_int_equal(r.conf.labels.count, 2);
    assert_string_equal(r.conf.labels.items[0], "c=d");
    assert_string_equal(r.conf.labels.items[1], "e=f");
}

static void help_stops_before_what_is_wrong_behind_it(void **state)
{
    (void)state;
    assert_true(PARSE("--help", "--nonsense").rest.help);
    assert_true(PARSE("-h").rest.help);
    assert_true(PARSE("-sh").rest.help);
    assert_false(PARSE("--", "-h").rest.help);
    assert_int_equal(PARSE("--help", "--nonsense").failed, 0);
}

static void what_is_wrong_is_said_in_one_sentence(void **state)
{
    (void)state;

    static const struct {
        const char *words[3];
        const char *said;
    } cases[] = {
        {{ "--rol", "x" },          "vet: unknown option '--rol'; did you mean '--role'?"          },
        { { "--rol" },              "vet: unknown option '--rol'; did you mean '--role'?"          },
        { { "--rol=x" },            "vet: unknown option '--rol'; did you mean '--role'?"          },
        { { "--rolle=x" },          "vet: unknown option '--rolle'; did you mean '--role'?"        },
        { { "--hlep" },             "vet: unknown option '--hlep'; did you mean '--help'?"         },
        { { "--hel" },              "vet: unknown option '--hel'; did you mean '--help'?"          },
        { { "--r" },                "vet: unknown option '--r'; 'vet --help' lists them"           },
        { { "--xylophone" },        "vet: unknown option '--xylophone'; 'vet --help' lists them"   },
        { { "--=x" },               "vet: unknown option '--'; 'vet --help' lists them"            },
        { { "-x" },                 "vet: unknown option '-x'; 'vet --help' lists them"            },
        { { "-sx" },                "vet: unknown option '-x'; 'vet --help' lists them"            },
        { { "-s\001" },             "vet: unknown option '-?'; 'vet --help' lists them"            },
        { { "--strict=yes" },       "vet: option '--strict' takes no value"                        },
        { { "--stric=yes" },        "vet: unknown option '--stric'; did you mean '--strict'?"      },
        { { "--help=x" },           "vet: option '--help' takes no value"                          },
        { { "--role" },             "vet: option '--role' needs a value"                           },
        { { "-so" },                "vet: option '-o' needs a value"                               },
        { { "--budget", "2s" },     "vet: --budget: 2 s is below 5 s"                              },
        { { "--budget=4999999us" }, "vet: --budget: 4999999us is below 5 s"                        },
        { { "--budget", "5" },      "vet: --budget: '5' has no unit; write it as in '10 ms'"       },
        { { "--record", "2 MiB" },  "vet: --record: 2 MiB is above 1 MiB"                          },
        { { "-n", "11" },           "vet: --count: 11 is above 10"                                 },
        { { "-n", "-1" },           "vet: --count: '-1' is not a whole number; write it as in '4'" },
        { { "-n", " 1" },           "vet: --count: ' 1' is not a whole number; write it as in '4'" },
        { { "-n", "" },             "vet: --count: '' is not a whole number; write it as in '4'"   },
        { { "-n1.5" },              "vet: --count: '1.5' is not a whole number; write it as in '4'"},
        { { "--format=xml" },       "vet: --format: unknown word 'xml'; known are text, json, html"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct run r = parse(cases[i].words);
        assert_string_equal(r.e.msg, cases[i].said);
        assert_int_equal(r.failed, -1);
        assert_int_equal(r.e.kind, ERR_USAGE);
    }
}

static void number_beyond_64_bits_is_refused(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--count=18446744073709551616").failed, -1);
}

static void lists_and_operands_are_bounded(void **state)
{
    (void)state;
    const char *words[WORDS_MAX] = { 0 };
    for (int i = 0; i < OPT_LIST_USUAL; i++) {
        words[i] = "x";
    }
    assert_int_equal(parse(words).rest.operands.count, OPT_LIST_USUAL);
    words[OPT_LIST_USUAL] = "x";
    struct run r = parse(words);
    assert_int_equal(r.failed, -1);
    assert_string_equal(r.e.msg, "vet: more than 64 operands");
    words[0] = "--";
    words[OPT_LIST_USUAL + 1] = "x";
    assert_string_equal(parse(words).e.msg, "vet: more than 64 operands");
    for (int i = 0; i <= OPT_LIST_USUAL; i++) {
        words[i] = "--role=x";
    }
    words[OPT_LIST_USUAL + 1] = NULL;
    assert_string_equal(parse(words).e.msg, "vet: --role is given more than 64 times");
}

static void set_takes_one_option_by_name(void **state)
{
    (void)state;
    struct conf conf;
    struct err e = { 0 };
    assert_int_equal(opt_defaults(opts, &conf, sizeof(conf), &e), 0);
    assert_int_equal(opt_set(opts, &conf, "record", "8000", &e), 0);
    assert_int_equal(conf.record_bytes, 8000);
    assert_int_equal(opt_set(opts, &conf, "strict", "yes", &e), 0);
    assert_true(conf.strict);
    assert_int_equal(opt_set(opts, &conf, "strict", "off", &e), 0);
    assert_false(conf.strict);
    assert_int_equal(opt_set(opts, &conf, "strict", "maybe", &e), -1);
    assert_string_equal(e.msg, "--strict: 'maybe' is neither yes nor no");
    assert_int_equal(opt_set(opts, &conf, "recrod", "1", &e), -1);
    assert_string_equal(e.msg, "unknown option 'recrod'; did you mean 'record'?");
    assert_int_equal(opt_set(opts, &conf, "hepl", "1", &e), -1);
    assert_string_equal(e.msg, "unknown option 'hepl'");
    assert_int_equal(opt_set(opts, &conf, "record", "0", &e), -1);
    assert_string_equal(e.msg, "--record: 0 B is below 1 B");
}

static void a_command_without_options_has_help_and_operands(void **state)
{
    (void)state;
    static const struct opt none[] = { OPT_END };
    const struct opt *const tables[] = { none, NULL };
    char words[3][8] = { "list", "probes", "--help" };
    char *argv[] = { words[0], words[1], NULL };
    char *ask[] = { words[0], words[2], NULL };
    for (int i = 0; i < 2; i++) {
        struct opt_rest rest;
        struct err e = { 0 };
        char conf[1];
        assert_int_equal(opt_defaults(tables[i], conf, sizeof(conf), &e), 0);
        assert_int_equal(opt_parse(tables[i], conf, 2, argv, &rest, &e), 0);
        assert_int_equal(rest.operands.count, 1);
        assert_int_equal(opt_parse(tables[i], conf, 2, ask, &rest, &e), 0);
        assert_true(rest.help);
        assert_int_equal(opt_set(tables[i], conf, "x", "1", &e), -1);
    }
}

static void parameters_are_the_resolved_values_in_base_units(void **state)
{
    (void)state;
    struct run r = PARSE("--strict", "--budget", "10s", "--role", "a", "--role", "b");
    json_t *all = opt_parameters(opts, &r.conf);
    assert_non_null(all);
    assert_int_equal(json_object_size(all), 8);
    assert_true(json_is_true(json_object_get(all, "strict")));
    assert_int_equal(json_integer_value(json_object_get(all, "budget")), 10000000000);
    assert_int_equal(json_integer_value(json_object_get(all, "record")), 2300);
    assert_string_equal(json_string_value(json_object_get(all, "format")), "text");
    assert_string_equal(json_string_value(json_array_get(json_object_get(all, "role"), 1)), "b");
    json_decref(all);
}

static void nearest_name_is_within_three_edits_or_none(void **state)
{
    (void)state;
    static const char *const names[] = { "disk.wal", "disk.read", "noise.stall", "host", NULL };
    char longest[200];
    memset(longest, 'd', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_string_equal(opt_nearest("disk.wla", names), "disk.wal");
    assert_string_equal(opt_nearest("dsk.raed", names), "disk.read");
    assert_string_equal(opt_nearest("noise.stall", names), "noise.stall");
    assert_null(opt_nearest("zebra", names));
    assert_null(opt_nearest("nope", names));
    assert_null(opt_nearest("", names));
    assert_null(opt_nearest(longest, names));
}

static const char *refusal(struct opt row)
{
    static struct err e;
    const struct opt table[] = { opts[0], row, OPT_END };
    assert_int_equal(opt_check(table, &e), -1);
    return e.msg;
}

static void check_refuses_what_breaks_the_rules_of_a_table(void **state)
{
    (void)state;
    struct err e = { 0 };
    assert_int_equal(opt_check(opts, &e), 0);
    assert_int_equal(opt_check(NULL, &e), 0);
    struct opt good = OPT_U64(struct conf, count, .name = "count", .help = "How many.");
    struct opt row = good;
    row.name = "Count";
    assert_string_equal(refusal(row), "option 'Count': its name is not in lower case");
    row.name = "strict";
    assert_string_equal(refusal(row), "option 'strict': its name is taken");
    row.name = "help";
    assert_string_equal(refusal(row), "option 'help': its name is taken");
    row = good, row.letter = 's';
    assert_string_equal(refusal(row), "option 'count': its letter is taken or none");
    row = good, row.letter = 'h';
    assert_string_equal(refusal(row), "option 'count': its letter is taken or none");
    row = good, row.letter = ':';
    assert_string_equal(refusal(row), "option 'count': its letter is taken or none");
    row = good, row.help = "how many";
    assert_string_equal(refusal(row), "option 'count': its help is not a sentence");
    row = good, row.help = NULL;
    assert_string_equal(refusal(row), "option 'count': its help is not a sentence");
    row = good, row.arg = NULL;
    assert_string_equal(refusal(row), "option 'count': argument and type do not fit");
    row = good, row.min = 5, row.max = 4;
    assert_string_equal(refusal(row), "option 'count': its least is above its most");
    row = good, row.initial = "0", row.min = 1;
    assert_string_equal(refusal(row), "default: --count: 0 is below 1");
    row = good, row.type = OPT_TYPE_CHOICE, row.choices = formats, row.initial = "xml";
    assert_string_equal(refusal(row),
                        "default: --count: unknown word 'xml'; known are text, json, html");
}

static void check_bounds_the_table(void **state)
{
    (void)state;
    static char names[66][8];
    static struct opt table[66];
    struct err e = { 0 };
    for (int i = 0; i < 65; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "o%d", i);
        table[i] =
            (struct opt)OPT_FLAG(struct conf, strict, .name = names[i], .help = "An option.");
    }
    assert_int_equal(opt_check(table, &e), -1);
    assert_string_equal(e.msg, "a table of more than 64 options");
    table[64] = (struct opt)OPT_END;
    assert_int_equal(opt_check(table, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(every_type_is_read_in_long_form_and_by_letter),
        cmocka_unit_test(operands_may_stand_anywhere_and_keep_their_order),
        cmocka_unit_test(a_list_that_is_given_replaces_its_default),
        cmocka_unit_test(help_stops_before_what_is_wrong_behind_it),
        cmocka_unit_test(what_is_wrong_is_said_in_one_sentence),
        cmocka_unit_test(number_beyond_64_bits_is_refused),
        cmocka_unit_test(lists_and_operands_are_bounded),
        cmocka_unit_test(set_takes_one_option_by_name),
        cmocka_unit_test(a_command_without_options_has_help_and_operands),
        cmocka_unit_test(parameters_are_the_resolved_values_in_base_units),
        cmocka_unit_test(nearest_name_is_within_three_edits_or_none),
        cmocka_unit_test(check_refuses_what_breaks_the_rules_of_a_table),
        cmocka_unit_test(check_bounds_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
