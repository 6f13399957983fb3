/* Command lines, and what the table of verbs makes of them. */
#include "config/settings/args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/settings/completion.h"
#include "config/settings/help.h"
#include "config/settings/manual.h"

enum { WORDS_MAX = 32 };

static struct args args;
static char words[512], why[256];
static char *argv[WORDS_MAX];

/** Splits at blanks and reads. */
static int reads(const char *line)
{
    int argc = 0;

    (void)snprintf(words, sizeof(words), "overlay %s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    why[0] = '\0';
    return args_parse(&args, argc, argv, why, sizeof(why));
}

static void refuses(const char *line, const char *complaint)
{
    assert_int_equal(reads(line), -EINVAL);
    assert_string_equal(why, complaint);
}

static void options_may_stand_anywhere(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "--home /h share 3000 --as web -qf", "share --home=/h --as=web -f 3000 -q",
        "-q share -f 3000 --home /h --as web", "share -fq --as web --home /h -- 3000"};

    for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++) {
        assert_int_equal(reads(LINES[i]), 0);
        assert_int_equal(args.verb->id, VERB_SHARE);
        assert_int_equal(args.count, 1);
        assert_string_equal(args.at[0], "3000");
        assert_string_equal(args_value(&args, "home"), "/h");
        assert_string_equal(args_value(&args, "as"), "web");
        assert_true(args_has(&args, "quiet") && args_has(&args, "foreground"));
        assert_false(args_has(&args, "json"));
    }
}

static void letters_take_values_attached_or_not(void **state)
{
    (void)state;

    assert_int_equal(reads("ping alice -c 3"), 0);
    assert_string_equal(args_value(&args, "count"), "3");
    assert_int_equal(reads("ping -c3 alice"), 0);
    assert_string_equal(args_value(&args, "count"), "3");
    assert_int_equal(reads("-vv ping alice -v"), 0);
    assert_int_equal(args_times(&args, "verbose"), 3);
}

static void options_that_repeat_are_kept_in_order(void **state)
{
    (void)state;

    assert_int_equal(reads("peer add id --address 1:1 --address=2:2"), 0);
    assert_int_equal(args_times(&args, "address"), 2);
    assert_string_equal(args_nth(&args, "address", 0), "1:1");
    assert_string_equal(args_nth(&args, "address", 1), "2:2");
    assert_null(args_nth(&args, "address", 2));
    assert_string_equal(args_value(&args, "address"), "2:2");
}

static void a_dash_alone_is_a_value(void **state)
{
    (void)state;

    assert_int_equal(reads("--config - daemon"), 0);
    assert_string_equal(args_value(&args, "config"), "-");
    assert_int_equal(args.verb->id, VERB_DAEMON);
}

static void mistakes_are_named(void **state)
{
    (void)state;

    refuses("shar 1", "unknown command 'shar'; did you mean 'share'?");
    refuses("ticket web", "unknown command 'ticket'");
    refuses("share", "an argument is missing: overlay share TARGET");
    refuses("share 1 2", "'2' is one argument too many");
    refuses("share 1 --wat", "unknown option --wat");
    refuses("share 1 -x", "unknown option -x");
    refuses("share 1 --as", "--as needs a value: --as NAME");
    refuses("share 1 --as a --as b", "--as is given twice");
    refuses("share 1 --public=yes", "--public takes no value");
    refuses("--home", "--home needs a value: --home DIR");
    refuses("peer remove x", "'remove' is none of: add");
    refuses("config dump", "'dump' is none of: check reload");
    refuses("completion tcsh", "'tcsh' is none of: bash zsh fish");
    refuses("ls --public", "unknown option --public");
}

static void no_verb_is_no_mistake(void **state)
{
    (void)state;

    assert_int_equal(reads(""), 0);
    assert_null(args.verb);
    assert_int_equal(reads("--help"), 0);
    assert_true(args_has(&args, "help"));
    assert_int_equal(reads("-h share"), 0);
    assert_int_equal(args.verb->id, VERB_SHARE);
}

static void a_hundred_options_are_refused_not_overrun(void **state)
{
    (void)state;
    char program[] = "overlay", verb[] = "ls", letter[] = "-v";
    char *many[101] = {program, verb};

    for (int i = 2; i < 101; i++)
        many[i] = letter;
    assert_int_equal(args_parse(&args, 101, many, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "too many options");
}

/* ---- what is generated ---- */

static char *generated(int (*print)(FILE *, const char *), const char *what)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(print(out, what), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static int print_usage(FILE *out, const char *verb)
{
    help_print_verb(out, verb_find(verb));
    return 0;
}

static int print_all(FILE *out, const char *what)
{
    (void)what;
    help_print_all(out);
    return 0;
}

static void help_completion_and_manual_know_every_verb(void **state)
{
    (void)state;
    char *texts[] = {generated(print_all, ""), generated(completion_print, "bash"),
                     generated(completion_print, "zsh"), generated(completion_print, "fish"),
                     generated(manual_print, "commands")};

    for (const struct verb *v = verbs(); v->name; v++)
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
            assert_true(v->hidden || strstr(texts[i], v->name));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    assert_int_equal(completion_print(stderr, "tcsh"), -EINVAL);
    assert_int_equal(manual_print(stderr, "x"), -EINVAL);
}

static void help_of_a_verb_shows_its_options_within_80_columns(void **state)
{
    (void)state;

    for (const struct verb *v = verbs(); v->name; v++) {
        char *text = generated(print_usage, v->name);
        assert_non_null(strstr(text, v->summary));
        for (const struct verb_option *o = v->options; o->name; o++)
            assert_non_null(strstr(text, o->name));
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            assert_true(strlen(line) <= 80);
        free(text);
    }
}

static void behind_a_program_come_our_options_and_then_its_own(void **state)
{
    (void)state;
    assert_int_equal(reads("-q punch alice --exec cmd --log f --tcp x --accept -v -- y"), 0);
    assert_int_equal(args.verb->id, VERB_PUNCH);
    assert_int_equal(args.count, 1);
    assert_string_equal(args_value(&args, "exec"), "cmd");
    assert_string_equal(args_value(&args, "log"), "f");
    assert_true(args_has(&args, "tcp"));
    assert_false(args_has(&args, "accept") || args_has(&args, "verbose"));
    assert_int_equal(args.rest_count, 5);
    assert_string_equal(args.rest[0], "x");
    assert_string_equal(args.rest[1], "--accept");

    static const char *const ALL_ITS[] = {"punch --accept --exec=cmd -- --log f",
                                          "punch --accept --exec cmd -v f",
                                          "punch --accept --exec cmd --json f"};
    for (size_t i = 0; i < sizeof(ALL_ITS) / sizeof(ALL_ITS[0]); i++) {
        assert_int_equal(reads(ALL_ITS[i]), 0);
        assert_int_equal(args.rest_count, 2);
        assert_string_equal(args.rest[1], "f");
        assert_false(args_has(&args, "log"));
    }
    assert_int_equal(reads("punch alice --exec cmd"), 0);
    assert_int_equal(args.rest_count, 0);
    refuses("punch alice --exec", "--exec needs a value: --exec CMD");
}

static void near_names_are_found_and_far_ones_not(void **state)
{
    (void)state;

    assert_string_equal(verb_like("opne")->name, "open");
    assert_string_equal(verb_like("stauts")->name, "status");
    assert_null(verb_like("elephant"));
    assert_null(verb_like("averyveryverylongword"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(letters_take_values_attached_or_not),
        cmocka_unit_test(options_that_repeat_are_kept_in_order),
        cmocka_unit_test(a_dash_alone_is_a_value),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(no_verb_is_no_mistake),
        cmocka_unit_test(a_hundred_options_are_refused_not_overrun),
        cmocka_unit_test(help_completion_and_manual_know_every_verb),
        cmocka_unit_test(help_of_a_verb_shows_its_options_within_80_columns),
        cmocka_unit_test(behind_a_program_come_our_options_and_then_its_own),
        cmocka_unit_test(near_names_are_found_and_far_ones_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
