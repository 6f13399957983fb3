/**
 * What the streams and flows of the server adapter share: the node, the lists they are in, and who
 * uses what.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/serve_dial.h"
#include "gateway/base/attr.h"
#include "gateway/base/list.h"
#include "gateway/base/map.h"
#include "gateway/node/node.h"

#define SERVE_DIALS_MAX 2048 /* connections being made at a time; more are told "busy" */
#define SERVE_DIALS_OF  1280 /* the same for one party */

struct serve_parts {
    struct node *node;
    struct env *env;
    const struct serve_resolver *resolver; /* or NULL */
    const struct serve_own *own;           /* or NULL */
    struct list streams, flows;            /* of struct serve_use */
    struct list lingering;                 /* of gateway/node/linger.h */
    size_t dials;
    struct map parties; /* of struct serve_party */
    size_t party_max;   /* uses that one of them may have */
};

/** Who uses services, as far as shares are concerned: a peer with a name here, or all strangers
 *  together. */
struct serve_party {
    struct peer_id id; /* zeroes: strangers */
    size_t uses, dials;
};

/** A peer's use of a service; the service is found by its name, as the registry may be reloaded. */
struct serve_use {
    struct list link;
    struct serve_parts *parts;
    struct serve_party *party;
    struct peer_id peer;
    char service[PREAMBLE_NAME_MAX + 1];
};

typedef bool (*serve_doomed)(struct serve_parts *parts, const struct serve_use *use);

/** Fills in a use and counts it as one connection. Returns 0, -ENOMEM, or -EBUSY: the peer has its
 *  share of connections already. */
MUST_USE int serve_use_init(struct serve_use *use, struct serve_parts *parts,
                            const struct peer_id *peer, const struct service *service);
/** Ends it. It may be linked in a list or not. */
void serve_use_deinit(struct serve_use *use);
/** The service as it is now, or NULL. */
struct service *serve_use_service(struct serve_parts *parts, const struct serve_use *use);
/** Counts bytes: `rx` from the peer, `tx` to it. */
void serve_use_count(const struct serve_use *use, size_t rx, size_t tx);
/** Moves the uses that are doomed into a list of their own, where the caller ends one by one. */
void serve_take_doomed(struct serve_parts *parts, struct list *uses, serve_doomed doomed,
                       struct list *out);

/** What the far side is told about an error of dialling, and the sentence for its person. */
enum preamble_status serve_status(int err, const char **reason);
/** Logs a refusal. */
void serve_log(const struct serve_use *use, const char *reason);
