/**
 * Answers and events of the gateway, for people: data on standard output, prose on standard error.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/** The result of the command that was asked. */
void render_result(const struct front *f, const json_t *result);
/** An event on the way there: progress on a terminal, the lines of `ping`. */
void render_event(const struct front *f, const json_t *event);
