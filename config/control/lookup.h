/**
 * What the commands share: peers and services as people write them, and saving what was changed.
 */
#pragma once

#include <jansson.h>

#include "config/control/call.h"

#define PEER_LABEL_MAX 64 /* an alias or a peer id, and its NUL */

/** PEER (alias, id, unique prefix) to a peer id. Returns NULL, or the error answer. */
json_t *lookup_peer(struct command_context *c, const char *text, struct peer_id *out);
/** The alias, or the id where there is none. Returns `out`. */
const char *peer_label(struct command_context *c, const struct peer_id *id,
                       char out[static PEER_LABEL_MAX]);

/** What `open`, `pipe` and `close` are about. */
struct lookup_place {
    struct peer_id peer;
    char service[PREAMBLE_NAME_MAX + 1]; /* empty: not named */
    uint16_t port;                       /* 0: not by port */
};

/**
 * PEER, SERVICE.PEER or PEER:PORT, the suffix of names allowed behind the first two. Returns NULL,
 * or the error answer.
 */
json_t *lookup_place(struct command_context *c, const char *text, struct lookup_place *out);

#define PLACE_ID_MAX (PEER_LABEL_MAX + PREAMBLE_NAME_MAX + 1)
/** "web.alice", which `overlay close` takes. Returns `out`. */
const char *place_id(struct command_context *c, const struct peer_id *peer, const char *service,
                     char out[static PLACE_ID_MAX]);

/**
 * Saves the registry and tells the node. Returns NULL, or the error answer: then the registry is as
 * it was before.
 */
json_t *save_changes(struct command_context *c);

/** The error answer for what node_connect() or a stream's answer said. */
json_t *connect_error(struct command_context *c, const char *peer, int err, const char *why);
json_t *answer_error(struct command_context *c, const char *place,
                     const struct preamble_answer *answer);

/** "tcp", "udp", "both". */
const char *proto_name(enum service_proto proto);
/** A peer id as JSON text. */
json_t *id_json(const struct peer_id *id);
json_t *ids_json(const struct peer_id *ids, size_t count);
/** Seconds until a service ends, or null: never. */
json_t *expires_json(struct command_context *c, const struct service *s);
/** IP:PORT as JSON text, or null: none. */
json_t *addr_json(const struct addr *a);
/** Four words by which two people compare a peer id. */
json_t *fingerprint_json(const struct peer_id *id);
/** Why an alias was not given, in commands_registry.c. */
json_t *alias_error(struct command_context *c, const char *alias, int err);
