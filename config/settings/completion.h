/**
 * Shell completion scripts from the table of verbs.
 */
#pragma once

#include <stdio.h>

#include "gateway/base/attr.h"

/** Prints the script for "bash", "zsh" or "fish". -EINVAL: another shell. */
MUST_USE int completion_print(FILE *out, const char *shell);
