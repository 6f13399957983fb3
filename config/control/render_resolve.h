/**
 * `overlay resolve` as text: the id on standard output, all else for people.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

void render_resolve(const struct front *f, const json_t *result);
