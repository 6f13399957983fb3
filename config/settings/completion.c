#include "config/settings/completion.h"

#include <errno.h>
#include <string.h>

#include "config/settings/completion_shells.h"

const char *completion_list(enum verb_value kind)
{
    switch (kind) {
    case VALUE_PEER:
        return "peers";
    case VALUE_PLACE:
        return "places";
    case VALUE_OWN:
        return "own";
    case VALUE_SERVICE:
        return "services";
    case VALUE_NONE:
    case VALUE_TEXT:
    case VALUE_FILE:
    case VALUE_FOLDER:
    case VALUE_PROGRAM:
        break;
    }
    return NULL;
}

int completion_print(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        completion_print_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        completion_print_zsh(out);
    else if (strcmp(shell, "fish") == 0)
        completion_print_fish(out);
    else
        return -EINVAL;
    return 0;
}
