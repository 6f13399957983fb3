#include "config/settings/completion_shells.h"

#include <string.h>

/** Help texts stand in single quotes and square brackets. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            (void)fprintf(out, "\\%c", *text);
        else
            (void)fputc(*text, out);
    }
}

static const char *zsh_action(enum verb_value kind)
{
    switch (kind) {
    case VALUE_FILE:
        return "_files";
    case VALUE_PROGRAM:
        return "_command_names -e";
    case VALUE_FOLDER:
        return "_files -/";
    case VALUE_PEER:
        return " _overlay_list peers";
    case VALUE_PLACE:
        return " _overlay_list places";
    case VALUE_OWN:
        return " _overlay_list own";
    case VALUE_SERVICE:
        return " _overlay_list services";
    case VALUE_NONE:
    case VALUE_TEXT:
        break;
    }
    return " "; /* anything */
}

static void zsh_option(FILE *out, const struct verb_option *o, const char *dashes, const char *name)
{
    (void)fprintf(out, " \\\n        '%s%s%s[", o->many ? "*" : "", dashes, name);
    zsh_text(out, o->help);
    (void)fputc(']', out);
    if (o->value != VALUE_NONE) {
        (void)fputc(':', out);
        zsh_text(out, o->form);
        (void)fprintf(out, ":%s", zsh_action(o->value));
    }
    (void)fputc('\'', out);
}

static void zsh_options(FILE *out, const struct verb_option *o)
{
    for (; o->name; o++) {
        char letter[2] = {o->letter};
        zsh_option(out, o, "--", o->name);
        if (o->letter)
            zsh_option(out, o, "-", letter);
    }
}

static void zsh_verb(FILE *out, const struct verb *v)
{
    (void)fprintf(out, "    %s)\n      _arguments", v->name);
    zsh_options(out, verb_global_options());
    zsh_options(out, v->options);
    if (v->words)
        (void)fprintf(out, " \\\n        '1:what:(%s)'", v->words);
    else if (v->id == VERB_HELP)
        (void)fputs(" \\\n        '1:command:_overlay_commands'", out);
    else if (v->max > 0)
        (void)fprintf(out, " \\\n        '1:argument:%s'", zsh_action(v->first));
    if (v->max > 1)
        (void)fprintf(out, " \\\n        '2:argument:%s'", zsh_action(verb_second(v)));
    (void)fputs(" ;;\n", out);
}

void completion_print_zsh(FILE *out)
{
    (void)fputs("#compdef overlay\n# made by `overlay completion zsh`\n"
                "_overlay_list() {\n"
                "  local -a words=(${(f)\"$(overlay $home complete $1 2>/dev/null)\"})\n"
                "  compadd -- $words\n"
                "}\n"
                "_overlay_commands() {\n  local -a all=(\n",
                out);
    for (const struct verb *v = verbs(); v->name; v++) {
        if (v->hidden)
            continue;
        (void)fprintf(out, "    '%s:", v->name);
        zsh_text(out, v->summary);
        (void)fputs("'\n", out);
    }
    (void)fputs("  )\n  _describe command all\n}\n"
                "_overlay() {\n"
                "  local curcontext=$curcontext state line\n"
                "  local -a home\n"
                "  typeset -A opt_args\n"
                "  _arguments -C",
                out);
    zsh_options(out, verb_global_options());
    (void)fputs(" \\\n        '1:command:_overlay_commands' '*::argument:->rest' && return\n"
                "  (( $+opt_args[--home] )) && home=(--home ${(Q)opt_args[--home]/#\\~/$HOME})\n"
                "  case $line[1] in\n",
                out);
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            zsh_verb(out, v);
    (void)fputs("  esac\n}\n_overlay \"$@\"\n", out);
}
