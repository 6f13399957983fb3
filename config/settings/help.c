#include "config/settings/help.h"

#include <string.h>

enum { WIDTH = 80 };

/** Prints words with line breaks before WIDTH, each further line indented; `column` is where the
 *  cursor is. */
static void print_wrapped(FILE *out, const char *text, int indent, int column)
{
    while (*text) {
        int len = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + len > WIDTH) {
            (void)fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            (void)fputc(' ', out);
            column++;
        }
        (void)fprintf(out, "%.*s", len, text);
        column += len;
        text += len;
        if (*text == '\n') {
            (void)fprintf(out, "\n\n%*s", indent, "");
            column = indent;
        }
        text += *text != '\0';
    }
    (void)fputc('\n', out);
}

static int print_option_form(char *out, size_t size, const struct verb_option *o)
{
    bool list = o->form && strstr(o->form, "..");
    const char *dots = o->many && o->value != VALUE_NONE && !list ? ".." : "";
    char letter[5] = "    ";

    if (o->letter)
        (void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
    return snprintf(out, size, "%s--%s%s%s%s", letter, o->name, o->form ? " " : "",
                    o->form ? o->form : "", dots);
}

static void print_options(FILE *out, const struct verb_option *o)
{
    enum { HELP_AT = 32 };
    char form[80];

    for (; o->name; o++) {
        int len = print_option_form(form, sizeof(form), o);
        (void)fprintf(out, "  %-*s", HELP_AT - 2, form);
        if (len > HELP_AT - 3)
            (void)fprintf(out, "\n%*s", HELP_AT, "");
        print_wrapped(out, o->help, HELP_AT, HELP_AT);
    }
}

void help_print_usage(FILE *out, const struct verb *v)
{
    (void)fprintf(out, "usage: overlay %s%s%s%s\n", v->name, *v->arguments ? " " : "", v->arguments,
                  v->options->name && !strstr(v->arguments, "--") ? " [OPTION]..." : "");
}

void help_print_verb(FILE *out, const struct verb *v)
{
    help_print_usage(out, v);
    (void)fprintf(out, "\n%s.\n", v->summary);
    if (*v->details) {
        (void)fputc('\n', out);
        print_wrapped(out, v->details, 0, 0);
    }
    if (v->options->name) {
        (void)fputs("\nOptions:\n", out);
        print_options(out, v->options);
    }
    (void)fputs(
        "\nAnd everywhere: --home DIR, --config FILE, --json, -q, -v; see `overlay help`.\n", out);
}

/** Where a group of commands begins in the table. */
static const struct group {
    enum verb_id first;
    const char *title;
} GROUPS[] = {
    {VERB_SHARE, "Services"},
    {VERB_ID, "Peers, and what they may"},
    {VERB_STATUS, "What is going on"},
    {VERB_DAEMON, "The gateway"},
};

static void print_title(FILE *out, enum verb_id id)
{
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++)
        if (GROUPS[i].first == id)
            (void)fprintf(out, "\n%s:\n", GROUPS[i].title);
}

static void print_summary(FILE *out, const struct verb *v)
{
    print_title(out, v->id);
    (void)fprintf(out, "  %-12s%s\n", v->name, v->summary);
}

void help_print_all(FILE *out)
{
    (void)fputs("usage: overlay COMMAND [ARGUMENT]... [OPTION]...\n\n"
                "Names and carries services between gateways, from peer to peer.\n",
                out);
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            print_summary(out, v);
    (void)fputs("\nGlobal options, before or after the command:\n", out);
    print_options(out, verb_global_options());
    (void)fputs("\nPEER is an alias, a peer id, or a unique beginning of one.\n"
                "Exit codes: 0 ok, 1 failure, 2 usage, 3 unknown peer or service,\n"
                "4 denied or wrong identity, 5 timed out or unreachable.\n"
                "\n`overlay help COMMAND` explains one; see also overlay(1).\n",
                out);
}
