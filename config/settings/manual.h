/**
 * The parts of the manual pages (mdoc) that follow from the tables: commands and their options for
 * overlay(1), options of the file for overlay.conf(5).
 */
#pragma once

#include <stdio.h>

#include "gateway/base/attr.h"

/** Prints the part "commands" or "options". -EINVAL: there is no such part. */
MUST_USE int manual_print(FILE *out, const char *part);
