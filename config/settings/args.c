#include "config/settings/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reading {
    struct args *out;
    char *const *argv;
    int argc, at;
    bool only_words; /* after `--` */
    bool program;    /* after a VALUE_PROGRAM */
    char *why;
    size_t why_len;
};

static int wrong(struct reading *r, const char *format, ...) PRINTF_LIKE(2, 3);

static int wrong(struct reading *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(r->why, r->why_len, format, args);
    va_end(args);
    return -EINVAL;
}

/** The verb, which decides what options mean, may stand behind options of its own. */
static const struct verb *find_verb(const struct reading *r)
{
    for (int i = 1; i < r->argc; i++) {
        const char *word = r->argv[i];
        if (strcmp(word, "--") == 0)
            return i + 1 < r->argc ? verb_find(r->argv[i + 1]) : NULL;
        if (strcmp(word, "--home") == 0 || strcmp(word, "--config") == 0)
            i++;
        else if (word[0] != '-' || !word[1])
            return verb_find(word);
    }
    return NULL;
}

static const struct verb_option *option_in(const struct verb_option *o, const char *name,
                                           size_t len, char letter)
{
    for (; o->name; o++)
        if (name ? strlen(o->name) == len && memcmp(o->name, name, len) == 0 : o->letter == letter)
            return o;
    return NULL;
}

static const struct verb_option *find_option(const struct reading *r, const char *name, size_t len,
                                             char letter)
{
    const struct verb_option *o = NULL;

    if (r->out->verb)
        o = option_in(r->out->verb->options, name, len, letter);
    return o ? o : option_in(verb_global_options(), name, len, letter);
}

static int give(struct reading *r, const struct verb_option *o, const char *value)
{
    struct args *out = r->out;

    if (!o->many && args_has(out, o->name) && o->value != VALUE_NONE)
        return wrong(r, "--%s is given twice", o->name);
    if (out->given_count == ARGS_GIVEN_MAX)
        return wrong(r, "too many options");
    out->given[out->given_count++] = (struct arg_given){o, value};
    r->program = r->program || o->value == VALUE_PROGRAM;
    return 0;
}

/** Gives an option whose value may be attached (`attached`) or the next argument. */
static int give_with_value(struct reading *r, const struct verb_option *o, const char *attached)
{
    if (attached)
        return give(r, o, attached);
    if (r->at + 1 >= r->argc)
        return wrong(r, "--%s needs a value: --%s %s", o->name, o->name, o->form);
    return give(r, o, r->argv[++r->at]);
}

static int read_long(struct reading *r, const char *text)
{
    size_t len = strcspn(text, "=");
    const char *attached = text[len] ? text + len + 1 : NULL;
    const struct verb_option *o = find_option(r, text, len, 0);

    if (!o)
        return wrong(r, "unknown option --%.*s", (int)len, text);
    if (o->value != VALUE_NONE)
        return give_with_value(r, o, attached);
    if (attached)
        return wrong(r, "--%s takes no value", o->name);
    return give(r, o, NULL);
}

static int read_letters(struct reading *r, const char *text)
{
    for (; *text; text++) {
        const struct verb_option *o = find_option(r, NULL, 0, *text);
        if (!o)
            return wrong(r, "unknown option -%c", *text);
        if (o->value != VALUE_NONE)
            return give_with_value(r, o, text[1] ? text + 1 : NULL);
        int err = give(r, o, NULL);
        if (err < 0)
            return err;
    }
    return 0;
}

static int read_word(struct reading *r, const char *text, bool *verb_read)
{
    struct args *out = r->out;

    if (!*verb_read) {
        *verb_read = true;
        if (out->verb)
            return 0;
        const struct verb *like = verb_like(text);
        if (like)
            return wrong(r, "unknown command '%s'; did you mean '%s'?", text, like->name);
        return wrong(r, "unknown command '%s'", text);
    }
    if (out->count == ARGS_POSITIONAL_MAX || out->count == out->verb->max)
        return wrong(r, "'%s' is one argument too many", text);
    if (!*text)
        return wrong(r, "an argument is empty: overlay %s %s", out->verb->name,
                     out->verb->arguments);
    out->at[out->count++] = text;
    return 0;
}

/** Does the program's own part begin here? */
static bool is_rest(const struct reading *r, const char *text)
{
    const struct verb_option *options = r->out->verb->options;
    return strncmp(text, "--", 2) != 0 || !option_in(options, text + 2, strcspn(text + 2, "="), 0);
}

static void take_rest(struct reading *r)
{
    if (strcmp(r->argv[r->at], "--") == 0)
        r->at++;
    r->out->rest = r->argv + r->at;
    r->out->rest_count = (size_t)(r->argc - r->at);
}

static bool allowed_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == len && memcmp(at, word, len) == 0)
            return true;
    return false;
}

static int check_count(struct reading *r)
{
    const struct args *a = r->out;

    if (!a->verb || args_has(a, "help"))
        return 0;
    if (a->count > 0 && a->verb->words && !allowed_word(a->verb->words, a->at[0]))
        return wrong(r, "'%s' is none of: %s", a->at[0], a->verb->words);
    if (a->count < a->verb->min)
        return wrong(r, "an argument is missing: overlay %s %s", a->verb->name, a->verb->arguments);
    return 0;
}

int args_parse(struct args *out, int argc, char *const *argv, char *why, size_t why_len)
{
    struct reading r = {.out = out, .argv = argv, .argc = argc, .why = why, .why_len = why_len};
    bool verb_read = false;
    int err = 0;

    memset(out, 0, sizeof(*out));
    out->verb = find_verb(&r);
    for (r.at = 1; r.at < argc && err == 0; r.at++) {
        const char *text = argv[r.at];
        if (r.program && is_rest(&r, text)) {
            take_rest(&r);
            break;
        }
        if (!r.only_words && strcmp(text, "--") == 0)
            r.only_words = true;
        else if (!r.only_words && text[0] == '-' && text[1] == '-')
            err = read_long(&r, text + 2);
        else if (!r.only_words && text[0] == '-' && text[1])
            err = read_letters(&r, text + 1);
        else
            err = read_word(&r, text, &verb_read);
    }
    return err < 0 ? err : check_count(&r);
}

unsigned args_times(const struct args *a, const char *name)
{
    unsigned times = 0;

    for (size_t i = 0; i < a->given_count; i++)
        times += strcmp(a->given[i].option->name, name) == 0;
    return times;
}

bool args_has(const struct args *a, const char *name)
{
    return args_times(a, name) > 0;
}

const char *args_nth(const struct args *a, const char *name, size_t nth)
{
    for (size_t i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].option->name, name) == 0 && nth-- == 0)
            return a->given[i].value;
    return NULL;
}

const char *args_value(const struct args *a, const char *name)
{
    unsigned times = args_times(a, name);
    return times ? args_nth(a, name, times - 1) : NULL;
}
