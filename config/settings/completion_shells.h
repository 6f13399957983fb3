/**
 * A completion script for each shell; see config/settings/completion.h.
 *
 * Aliases and services come from the gateway itself, by the hidden `overlay complete KIND`.
 */
#pragma once

#include <stdio.h>

#include "config/settings/verbs.h"

void completion_print_bash(FILE *out);
void completion_print_zsh(FILE *out);
void completion_print_fish(FILE *out);

/** What `overlay complete` is asked for a value of that kind; NULL: nothing, the shell knows. */
const char *completion_list(enum verb_value kind);
