/**
 * Reads the text of a configuration file (INI) into settings.
 *
 * Unknown sections and options, values that do not fit, options written twice and lines that are
 * too long are errors that name the line.
 */
#pragma once

#include <stddef.h>

#include "config/settings/settings.h"
#include "gateway/base/attr.h"

/**
 * `s` was initialised by settings_init(), `file` is the name for messages. On error (-EBADMSG,
 * -ENOMEM) `why` says "FILE:LINE: what", and `s` is half filled and of no use.
 */
MUST_USE int settings_parse(struct settings *s, const char *file, const char *text, size_t len,
                            char *why, size_t why_len);
