/**
 * Commands that need no running gateway: the very same functions (config/control/command.h), on the
 * registry itself, under its lock.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/** Is this request one of them? */
bool offline_can(const json_t *request);

/**
 * Carries it out. Returns the answer, a new reference; or NULL with `*code`: an exit code (said
 * already), or -1 when a gateway runs or starts on this home, as `*pid`.
 */
json_t *offline_run(struct front *f, const json_t *request, int *code, int *pid);
