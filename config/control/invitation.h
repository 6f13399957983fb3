/**
 * An invite of ours as commands show it, and one of somebody else as `open` takes it.
 */
#pragma once

#include <jansson.h>

#include "config/control/call.h"
#include "gateway/node/invites.h"

/** {code, ticket, number, service, uses, tries, expires_s}. */
json_t *invitation_json(const struct node_invite *invite);

/** Opening somebody's invite. Zeroed before. */
struct joining {
    struct node_join join;
    struct command_context *context;
    bool waits;
    /** NULL and whom we joined, or the error answer. Not from inside joining_start(). */
    void (*done)(struct joining *j, json_t *refusal, const struct node_joined *joined);
};

/** Is this a code or a ticket, mistyped perhaps, and no peer's name? */
bool joining_reads(struct command_context *c, const char *text);
/** Begins; j->done() follows. Returns NULL, or the error answer. */
json_t *joining_start(struct joining *j, struct command_context *c, const char *text);
/** No call follows. Fine on a zeroed one. */
void joining_stop(struct joining *j);
