/**
 * The commands a gateway carries out, as a table: name, arguments, function.
 *
 * A plain command answers at once from the registry and, where one runs, the node. Those marked
 * `offline` also work on a registry that was opened directly, while no gateway runs; then
 * `node` and `services` are NULL. A command that takes its time (open, ping, ..) gets a
 * struct call to answer through.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "config/control/call.h"
#include "config/control/protocol.h"

struct command {
    const char *name;
    bool offline;
    const struct protocol_argument *arguments;
    json_t *(*run)(struct command_context *context, const json_t *request);
    /** Where run is NULL; or in its place where a gateway runs. */
    void (*start)(struct call *call, const json_t *request);
};

/** NULL: there is none of that name. */
const struct command *command_find(const char *name);

/**
 * Carries out a plain command: looks it up, judges its arguments, runs it. Always returns an
 * answer. Only `offline` commands while no gateway runs.
 */
json_t *command_run(struct command_context *context, const json_t *request);
