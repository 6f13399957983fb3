#include "config/settings/completion_shells.h"

static void print_text(FILE *out, const char *text)
{
    (void)fputs(" -d '", out);
    for (; *text; text++)
        (void)fprintf(out, "%s%c", *text == '\'' || *text == '\\' ? "\\" : "", *text);
    (void)fputc('\'', out);
}

static void print_value(FILE *out, enum verb_value kind)
{
    const char *list = completion_list(kind);

    if (kind == VALUE_NONE)
        return;
    (void)fputs(kind == VALUE_FILE ? " -r -F" : " -x", out);
    if (kind == VALUE_FOLDER)
        (void)fputs(" -a '(__fish_complete_directories)'", out);
    else if (list)
        (void)fprintf(out, " -a '(__overlay_list %s)'", list);
}

static void print_options(FILE *out, const struct verb *v, const struct verb_option *o)
{
    for (; o->name; o++) {
        (void)fputs("complete -c overlay", out);
        if (v)
            (void)fprintf(out, " -n '__overlay_in %s'", v->name);
        (void)fprintf(out, " -l %s", o->name);
        if (o->letter)
            (void)fprintf(out, " -s %c", o->letter);
        print_value(out, o->value);
        print_text(out, o->help);
        (void)fputc('\n', out);
    }
}

static void print_argument(FILE *out, const struct verb *v, unsigned number, enum verb_value kind)
{
    const char *list = completion_list(kind);

    if (!list && !(number == 0 && v->words) && v->id != VERB_HELP)
        return;
    (void)fprintf(out, "complete -c overlay -n '__overlay_at %u %s' -a '", number + 1, v->name);
    if (number == 0 && v->words)
        (void)fprintf(out, "%s", v->words);
    else if (list)
        (void)fprintf(out, "(__overlay_list %s)", list);
    else
        for (const struct verb *w = verbs(); w->name; w++)
            if (!w->hidden)
                (void)fprintf(out, "%s ", w->name);
    (void)fputs("'\n", out);
}

static void print_verb(FILE *out, const struct verb *v)
{
    (void)fprintf(out, "complete -c overlay -n '__overlay_at 0' -a %s", v->name);
    print_text(out, v->summary);
    (void)fputc('\n', out);
    print_options(out, v, v->options);
    for (unsigned i = 0; i < v->max; i++)
        print_argument(out, v, i, i == 0 ? v->first : verb_second(v));
}

/* Options that take the next word. */
static void print_value_options(FILE *out, const struct verb_option *o)
{
    for (; o->name; o++) {
        if (o->value == VALUE_NONE)
            continue;
        (void)fprintf(out, " --%s", o->name);
        if (o->letter)
            (void)fprintf(out, " -%c", o->letter);
    }
}

static const char HEAD[] = "# fish completion for overlay(1); made by `overlay completion fish`\n"
                           "# The command and its arguments so far, without options.\n"
                           "function __overlay_words\n"
                           "    set -l skip no\n"
                           "    set -l words (commandline -opc)\n"
                           "    for word in $words[2..-1]\n"
                           "        if test $skip = yes\n"
                           "            set skip no\n"
                           "            continue\n"
                           "        end\n"
                           "        switch $word\n"
                           "            case";

static const char FUNCTIONS[] =
    "\n"
    "                set skip yes\n"
    "            case '-*'\n"
    "            case '*'\n"
    "                echo $word\n"
    "        end\n"
    "    end\n"
    "end\n"
    "function __overlay_in\n"
    "    set -l words (__overlay_words)\n"
    "    test \"$words[1]\" = \"$argv[1]\"\n"
    "end\n"
    "function __overlay_at\n"
    "    set -l words (__overlay_words)\n"
    "    test (count $words) = $argv[1] -a \"$words[1]\" = \"$argv[2]\"\n"
    "end\n"
    "function __overlay_list\n"
    "    set -l words (commandline -opc)\n"
    "    set -l home\n"
    "    for i in (seq (count $words))\n"
    "        if test \"$words[$i]\" = --home\n"
    "            set home --home $words[(math $i + 1)]\n"
    "        end\n"
    "    end\n"
    "    overlay $home complete $argv[1] 2>/dev/null\n"
    "end\n"
    "complete -c overlay -f\n";

void completion_print_fish(FILE *out)
{
    (void)fputs(HEAD, out);
    print_value_options(out, verb_global_options());
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            print_value_options(out, v->options);
    (void)fputs(FUNCTIONS, out);
    print_options(out, NULL, verb_global_options());
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            print_verb(out, v);
}
