/**
 * The findings of `overlay doctor` for people.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

void render_doctor(const struct front *f, const json_t *report);
