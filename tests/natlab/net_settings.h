/**
 * The settings of routers and lines as KEY=VALUE: tests/natlab/net_text.h lists them.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/attr.h"
#include "tests/natlab/nat_types.h"
#include "tests/sim/sim_link.h"

/** Reads a decimal number up to `max`. Returns 0 or -EINVAL. */
MUST_USE int net_number(uint64_t *out, const char *text, uint64_t max);
/** The place of a word in a list, the last of which is NULL, or -EINVAL. */
MUST_USE int net_choice(const char *word, const char *const words[]);

/** Sets a rule. Returns 0, -ENOENT (no such rule) or -EINVAL (not a value for it). */
MUST_USE int net_set_rule(struct nat_config *c, const char *key, const char *value);
/** As net_set_rule(), for a line. */
MUST_USE int net_set_line(struct sim_link *l, const char *key, const char *value);
