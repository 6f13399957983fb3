#include "config/settings/manual.h"

#include <errno.h>
#include <string.h>

#include "config/settings/settings.h"
#include "config/settings/verbs.h"

/**
 * Plain text as mdoc: escapes, every sentence on its own line, no line starting with a control
 * character, `words` in back quotes set as literals.
 */
static void mdoc_text(FILE *out, const char *text)
{
    bool quoted = false;

    for (; *text; text++) {
        if (*text == '`' || (quoted && *text == '\'')) {
            quoted = *text == '`' && !quoted;
            (void)fputs(quoted ? "\\(lq" : "\\(rq", out);
        } else if (*text == '\\') {
            (void)fputs("\\e", out);
        } else if (*text == '-') {
            (void)fputs("\\-", out);
        } else if (*text == '\'') {
            (void)fputs("\\(aq", out);
        } else if (*text == '\n') {
            (void)fputs("\n.Pp\n", out);
        } else if (strncmp(text, ". ", 2) == 0) {
            (void)fputs(".\n", out);
            text++;
        } else {
            (void)fputc(*text, out);
        }
    }
    (void)fputc('\n', out);
}

/** Words as arguments of a macro: quoted, so that none is taken for a macro. */
static void mdoc_quoted(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            (void)fputs("\\(dq", out);
        else if (*text == '-')
            (void)fputs("\\-", out);
        else if (*text == '\\')
            (void)fputs("\\e", out);
        else
            (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void print_verb_option(FILE *out, const struct verb_option *o)
{
    (void)fputs(".It", out);
    if (o->letter)
        (void)fprintf(out, " Fl %c ,", o->letter);
    (void)fputs(" Fl \\-", out);
    for (const char *c = o->name; *c; c++)
        (void)fprintf(out, "%s%c", *c == '-' ? "\\" : "", *c);
    if (o->form) {
        (void)fputs(" Ar ", out);
        mdoc_quoted(out, o->form);
    }
    (void)fputc('\n', out);
    mdoc_text(out, o->help);
}

static void print_options(FILE *out, const struct verb_option *o)
{
    (void)fputs(".Bl -tag -width Ds -compact\n", out);
    for (; o->name; o++)
        print_verb_option(out, o);
    (void)fputs(".El\n", out);
}

static void print_commands(FILE *out)
{
    (void)fputs(".Ss Global options\nBefore or after the command.\n.Pp\n", out);
    print_options(out, verb_global_options());
    (void)fputs(".Ss Commands\n.Bl -tag -width Ds\n", out);
    for (const struct verb *v = verbs(); v->name; v++) {
        if (v->hidden)
            continue;
        (void)fprintf(out, ".It Cm %s", v->name);
        if (*v->arguments) {
            (void)fputs(" Ar ", out);
            mdoc_quoted(out, v->arguments);
        }
        (void)fputc('\n', out);
        (void)fprintf(out, "%s.\n", v->summary);
        if (*v->details)
            mdoc_text(out, v->details);
        if (v->options->name) {
            (void)fputs(".Pp\n", out);
            print_options(out, v->options);
        }
    }
    (void)fputs(".El\n", out);
}

static void print_sections(FILE *out, enum settings_section kind)
{
    const struct option *o;
    const char *section = "";

    for (size_t i = 0; (o = settings_option(kind, i)); i++) {
        if (strcmp(section, o->section) != 0) {
            (void)fprintf(out, "%s.Ss [%s]\n.Bl -tag -width Ds\n", *section ? ".El\n" : "",
                          o->section);
            section = o->section;
        }
        (void)fprintf(out, ".It Cm %s No = Ar ", o->name);
        mdoc_quoted(out, option_form(o));
        (void)fputc('\n', out);
        mdoc_text(out, o->help);
        if (*o->standard) {
            (void)fputs("The default is\n.Ql ", out);
            mdoc_quoted(out, o->standard);
            (void)fputs(" .\n", out);
        }
    }
    (void)fputs(".El\n", out);
}

int manual_print(FILE *out, const char *part)
{
    if (strcmp(part, "commands") == 0) {
        print_commands(out);
    } else if (strcmp(part, "options") == 0) {
        print_sections(out, SECTION_ONCE);
        print_sections(out, SECTION_SERVICE);
        print_sections(out, SECTION_PEER);
    } else {
        return -EINVAL;
    }
    return 0;
}
