/**
 * `overlay config check`: whether a gateway could start with the configuration and the registry as
 * they are. Changes nothing.
 */
#pragma once

#include "config/control/front.h"

/** Says what it found. An exit code. */
MUST_USE int check_config(struct front *f);
