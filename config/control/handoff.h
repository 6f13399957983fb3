/**
 * `overlay punch`: runs a program for each hole that the gateway hands over.
 */
#pragma once

#include "config/control/ask.h"
#include "config/control/front.h"

/** Is the command line one that makes sense? An exit code. */
MUST_USE int handoff_check(const struct front *f);
/** Goes on from the gateway's answer, which it takes. Returns an exit code: that of the program, if
 *  one ran for the one hole that was asked for. */
MUST_USE int handoff_run(const struct front *f, struct asked *asked);
