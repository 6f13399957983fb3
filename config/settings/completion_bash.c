#include "config/settings/completion_shells.h"

/* Options whose values are neither files nor peers: nothing can be offered for them. */
static void print_text_options(FILE *out, const struct verb_option *o)
{
    for (; o->name; o++) {
        if (o->value != VALUE_TEXT)
            continue;
        (void)fprintf(out, "|--%s", o->name);
        if (o->letter)
            (void)fprintf(out, "|-%c", o->letter);
    }
}

static void print_value_options(FILE *out)
{
    (void)fputs("--config|--to", out);
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            print_text_options(out, v->options);
}

static void print_options(FILE *out, const struct verb_option *o)
{
    for (; o->name; o++) {
        (void)fprintf(out, "--%s ", o->name);
        if (o->letter)
            (void)fprintf(out, "-%c ", o->letter);
    }
}

static void print_verb_names(FILE *out)
{
    for (const struct verb *v = verbs(); v->name; v++)
        if (!v->hidden)
            (void)fprintf(out, "%s ", v->name);
}

static void print_argument(FILE *out, const struct verb *v, int number, enum verb_value kind)
{
    const char *list = completion_list(kind);

    (void)fprintf(out, "    %s:%d) ", v->name, number);
    if (number == 0 && v->words)
        (void)fprintf(out, "words='%s' ;;\n", v->words);
    else if (v->id == VERB_HELP)
        (void)fputs("words=$verbs ;;\n", out);
    else if (list)
        (void)fprintf(out, "words=$(overlay \"${home[@]}\" complete %s 2>/dev/null) ;;\n", list);
    else
        (void)fputs(";;\n", out); /* anything */
}

static void print_verb_options(FILE *out)
{
    (void)fputs("  case $verb in\n", out);
    for (const struct verb *v = verbs(); v->name; v++) {
        if (v->hidden || !v->options->name)
            continue;
        (void)fprintf(out, "    %s) options='", v->name);
        print_options(out, v->options);
        (void)fputs("' ;;\n", out);
    }
    (void)fputs("  esac\n", out);
}

static void print_words(FILE *out)
{
    (void)fputs("  case $verb:$count in\n    :0) words=$verbs ;;\n", out);
    for (const struct verb *v = verbs(); v->name; v++) {
        for (unsigned i = 0; !v->hidden && i < v->max; i++)
            print_argument(out, v, (int)i, i == 0 ? v->first : verb_second(v));
    }
    (void)fputs("    *) words=$options ;;\n  esac\n", out);
}

/* bash breaks words at '=' and ':' too: `--home=/x` is three of them. */
static const char HEAD[] =
    "# bash completion for overlay(1); made by `overlay completion bash`\n"
    "_overlay() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "  local verb= words= options= count=0 i home=() verbs\n"
    "  COMPREPLY=()\n"
    "  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then "
    "prev=${COMP_WORDS[COMP_CWORD-2]}; "
    "fi\n"
    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "    case ${COMP_WORDS[i]} in\n"
    "      --home)\n"
    "        [[ ${COMP_WORDS[i+1]} == = ]] && i=$((i + 1))\n"
    "        i=$((i + 1)); home=(--home \"${COMP_WORDS[i]/#\\~/$HOME}\") ;;\n"
    "      ";

static const char AFTER_VALUES[] =
    ")\n"
    "        [[ ${COMP_WORDS[i+1]} == = ]] && i=$((i + 1))\n"
    "        i=$((i + 1)) ;;\n"
    "      -*) ;;\n"
    "      *) if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else count=$((count + 1)); fi ;;\n"
    "    esac\n"
    "  done\n"
    "  case $prev in\n"
    "    --home) compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
    "    --config) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
    "    --to)\n"
    "      words=$(overlay \"${home[@]}\" complete peers 2>/dev/null)\n"
    "      [[ $cur == *,* ]] && options=${cur%,*},\n"
    "      COMPREPLY=($(compgen -P \"$options\" -W \"$words\" -- \"${cur##*,}\")); return ;;\n"
    "    ";

void completion_print_bash(FILE *out)
{
    (void)fputs(HEAD, out);
    print_value_options(out);
    (void)fputs(AFTER_VALUES, out);
    print_value_options(out);
    (void)fputs(") return ;;\n  esac\n  verbs='", out);
    print_verb_names(out);
    (void)fputs("'\n", out);
    print_verb_options(out);
    (void)fputs("  if [[ $cur == -* ]]; then\n    words=\"$options ", out);
    print_options(out, verb_global_options());
    (void)fputs("\"\n  else\n", out);
    print_words(out);
    (void)fputs("  fi\n"
                "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                "}\n"
                "complete -F _overlay overlay\n",
                out);
}
