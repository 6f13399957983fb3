/**
 * The plan of `overlay setup`: from what a machine has to the steps that it takes there.
 *
 * Pure. Each step says what it is for, is done by commands or by writing a file, and leaves one
 * trace, by which it is undone (config/setup/trace.h). The order is such that names are the last
 * to change: whatever fails before leaves the machine's look-ups alone.
 */
#pragma once

#include "config/setup/facts.h"
#include "config/setup/step.h"
#include "gateway/base/attr.h"

/**
 * Makes it. Returns 0; -EINVAL, -EEXIST, -EADDRINUSE or -ENOENT with the reason in `why` and what
 * to do about it in `hint`: nothing should be done then. plan_deinit() in any case.
 */
MUST_USE int plan_make(struct setup_plan *plan, const struct setup_facts *f,
                       char why[static SETUP_WHY_MAX], char hint[static SETUP_WHY_MAX]);
void plan_deinit(struct setup_plan *plan);
