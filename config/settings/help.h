/**
 * What the table of verbs says, for people: `overlay help`, `overlay help share`.
 */
#pragma once

#include <stdio.h>

#include "config/settings/verbs.h"

/** All commands in groups, global options, exit codes. */
void help_print_all(FILE *out);
/** One command: usage, what it does, its options. */
void help_print_verb(FILE *out, const struct verb *v);
/** Its usage line: "overlay share TARGET [--as NAME] ..." */
void help_print_usage(FILE *out, const struct verb *v);
