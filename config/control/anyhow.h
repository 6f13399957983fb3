/**
 * Commands about the files of the home: asked of the running gateway, or carried out here while
 * none runs.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/**
 * Opens the home and asks; a gateway that starts or ends is waited for, as it has the lock but no
 * ear. Returns the answer, a new reference, or NULL with an exit code in `*code` and what is wrong
 * said. With `create` the home is made if need be; without, and without a home, that code is OK.
 */
json_t *anyhow_ask(struct front *f, const json_t *request, bool create, int *code);
