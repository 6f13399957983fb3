/**
 * From settings to the things they are about: the node's options, and the registry's entries that
 * come from the configuration file.
 */
#pragma once

#include "config/settings/settings.h"
#include "gateway/base/attr.h"
#include "gateway/node/node.h"
#include "gateway/node/registry.h"

/** Fills in what a node is built with. */
void settings_node_options(const struct settings *s, const char *version, struct node_options *out);

/** Which addresses may talk to the gateway: borrowed from the settings. */
struct access_lists settings_access(const struct settings *s);

/**
 * Replaces the registry's entries of the configuration file by these. On error (-EBADMSG; `why`
 * says "FILE:LINE: what") the registry holds the entries of `before` again, of none with NULL.
 */
MUST_USE int settings_apply(const struct settings *s, const struct settings *before,
                            struct registry *r, const char *file, char *why, size_t why_len);
