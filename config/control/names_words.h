/**
 * `overlay name` at the command line: its words to a request, its answers to text.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "config/control/front.h"

/** Adds what was asked to the request. False: something is wrong, which was said; see `*code`. */
MUST_USE bool names_request_fill(const struct front *f, json_t *request, int *code);
void names_words_result(const struct front *f, const json_t *result);
