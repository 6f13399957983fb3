#include "config/settings/completion.h"

#include <errno.h>
#include <string.h>

#include "config/settings/verbs.h"

/* Aliases and services come from the gateway itself, when one runs. */
#define LIST_PEERS    "overlay complete peers 2>/dev/null"
#define LIST_SERVICES "overlay complete services 2>/dev/null"

/* ---- bash ---- */

static void bash_words(FILE *out, const struct verb_option *o)
{
    for (; o->name; o++) {
        (void)fprintf(out, " --%s", o->name);
        if (o->letter)
            (void)fprintf(out, " -%c", o->letter);
    }
}

/** The options whose value is of a kind, as a case pattern. False: there are none. */
static bool bash_pattern(FILE *out, const struct verb_option *o, enum verb_value kind, bool first)
{
    for (; o->name; o++)
        if (o->value == kind) {
            (void)fprintf(out, "%s--%s", first ? "" : "|", o->name);
            first = false;
        }
    return first;
}

static void bash_verb(FILE *out, const struct verb *v)
{
    (void)fprintf(out, "    %s) words='", v->name);
    if (v->words)
        (void)fprintf(out, "%s ", v->words);
    bash_words(out, v->options);
    (void)fprintf(out, "'; kind=%s ;;\n",
                  v->first == VALUE_PEER      ? "peer"
                  : v->first == VALUE_SERVICE ? "service"
                  : v->id == VERB_HELP        ? "verb"
                                              : "none");
}

static void print_bash(FILE *out)
{
    (void)fputs("# bash completion for overlay(1); made by `overlay completion bash`\n"
                "_overlay() {\n"
                "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                "  local verb= words= kind=none i\n"
                "  COMPREPLY=()\n"
                "  case $prev in\n"
                "    ",
                out);
    (void)bash_pattern(out, verb_global_options(), VALUE_FOLDER, true);
    (void)fputs(") COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n    ", out);
    (void)bash_pattern(out, verb_global_options(), VALUE_FILE, true);
    (void)fputs(") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n    ", out);
    (void)bash_pattern(out, verb_find("share")->options, VALUE_PEER, true);
    (void)fputs(") COMPREPLY=($(compgen -W \"$(" LIST_PEERS ")\" -- \"$cur\")); return ;;\n"
                "  esac\n"
                "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "    case ${COMP_WORDS[i]} in\n"
                "      --home|--config) i=$((i + 1)) ;;\n"
                "      -*) ;;\n"
                "      *) verb=${COMP_WORDS[i]}; break ;;\n"
                "    esac\n"
                "  done\n"
                "  case $verb in\n",
                out);
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            bash_verb(out, v);
    (void)fputs("    *) kind=verb ;;\n  esac\n  local all='", out);
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            (void)fprintf(out, "%s ", v->name);
    (void)fputs("'\n  case $kind in\n"
                "    verb) words+=\" $all\" ;;\n"
                "    peer) words+=\" $(" LIST_PEERS ")\" ;;\n"
                "    service) words+=\" $(" LIST_SERVICES ")\" ;;\n"
                "  esac\n  words+=' ",
                out);
    bash_words(out, verb_global_options());
    (void)fputs("'\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
                "complete -F _overlay overlay\n",
                out);
}

/* ---- zsh ---- */

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
    case VALUE_FOLDER:
        return "_files -/";
    case VALUE_PEER:
        return "_overlay_peers";
    case VALUE_SERVICE:
        return "_overlay_services";
    case VALUE_NONE:
    case VALUE_TEXT:
        break;
    }
    return "";
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
    (void)fputs(" \\\n        '*:argument:' ;;\n", out);
}

static void print_zsh(FILE *out)
{
    (void)fputs("#compdef overlay\n# made by `overlay completion zsh`\n"
                "_overlay_peers() { compadd -- ${(f)\"$(" LIST_PEERS ")\"} }\n"
                "_overlay_services() { compadd -- ${(f)\"$(" LIST_SERVICES ")\"} }\n"
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
                "  typeset -A opt_args\n"
                "  _arguments -C",
                out);
    zsh_options(out, verb_global_options());
    (void)fputs(" \\\n        '1:command:_overlay_commands' '*::argument:->rest' && return\n"
                "  case $line[1] in\n",
                out);
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            zsh_verb(out, v);
    (void)fputs("  esac\n}\n_overlay \"$@\"\n", out);
}

/* ---- fish ---- */

static void fish_text(FILE *out, const char *text)
{
    (void)fputs(" -d '", out);
    for (; *text; text++)
        (void)fprintf(out, "%s%c", *text == '\'' || *text == '\\' ? "\\" : "", *text);
    (void)fputc('\'', out);
}

static void fish_value(FILE *out, enum verb_value kind)
{
    if (kind == VALUE_NONE)
        return;
    (void)fputs(" -r", out);
    if (kind == VALUE_FILE)
        (void)fputs(" -F", out);
    else if (kind == VALUE_FOLDER)
        (void)fputs(" -a '(__fish_complete_directories)'", out);
    else if (kind == VALUE_PEER)
        (void)fputs(" -a '(" LIST_PEERS ")'", out);
}

static void fish_options(FILE *out, const struct verb *v, const struct verb_option *o)
{
    for (; o->name; o++) {
        (void)fputs("complete -c overlay", out);
        if (v)
            (void)fprintf(out, " -n '__fish_seen_subcommand_from %s'", v->name);
        (void)fprintf(out, " -l %s", o->name);
        if (o->letter)
            (void)fprintf(out, " -s %c", o->letter);
        fish_value(out, o->value);
        fish_text(out, o->help);
        (void)fputc('\n', out);
    }
}

static void fish_verb(FILE *out, const struct verb *v)
{
    (void)fprintf(out, "complete -c overlay -n __fish_use_subcommand -a %s", v->name);
    fish_text(out, v->summary);
    (void)fputc('\n', out);
    fish_options(out, v, v->options);
    if (v->words)
        (void)fprintf(out, "complete -c overlay -n '__fish_seen_subcommand_from %s' -a '%s'\n",
                      v->name, v->words);
    else if (v->first == VALUE_PEER || v->first == VALUE_SERVICE)
        (void)fprintf(out, "complete -c overlay -n '__fish_seen_subcommand_from %s' -a '(%s)'\n",
                      v->name, v->first == VALUE_PEER ? LIST_PEERS : LIST_SERVICES);
}

static void print_fish(FILE *out)
{
    (void)fputs("# fish completion for overlay(1); made by `overlay completion fish`\n"
                "complete -c overlay -f\n",
                out);
    fish_options(out, NULL, verb_global_options());
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            fish_verb(out, v);
}

int completion_print(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        print_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        print_zsh(out);
    else if (strcmp(shell, "fish") == 0)
        print_fish(out);
    else
        return -EINVAL;
    return 0;
}
