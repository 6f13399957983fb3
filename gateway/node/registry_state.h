/**
 * What the registry is made of, for its own files: registry_peers.c, registry_services.c,
 * registry_ids.c, registry_guests.c, registry_blocked.c, registry_ports.c, registry_read.c,
 * registry_write.c and registry_file.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/crypto/hash.h"
#include "gateway/node/registry.h"

#define REGISTRY_VERSION        1
#define REGISTRY_REMEMBERED_MAX 256

struct peer_entry {
    struct known_peer peer; /* in effect */
    bool stored;            /* it has an entry in registry.json */
    /* While the configuration file speaks for the peer: alias, addresses, relays to be stored. */
    struct known_peer hidden;
};

/* Sorted, without repetition. */
struct id_list {
    struct peer_id *id;
    size_t count;
};

struct service_entry {
    struct service service;   /* in effect: its lists have the grants merged in */
    struct id_list own_allow; /* of a service of the configuration file: the file's lists */
    struct id_list own_deny;
    struct id_list guests; /* of a service of ours: whom an invite put on its allow list */
};

/** What a command line said about a service of the configuration file. */
struct grant {
    char service[PREAMBLE_NAME_MAX + 1];
    struct peer_id peer;
    bool deny;
    bool guest; /* an invite said it */
};

/** Addresses that worked for a peer which is not stored: one of the configuration file. */
struct remembered {
    struct peer_id id;
    struct addr last_good[PEER_ADDRESSES_MAX];
};

struct registry {
    struct env *env;
    struct peer_entry **peers; /* by id */
    size_t peer_count, peer_room;
    struct known_peer **by_alias;    /* as many, for registry_peer_at() */
    bool unsorted;                   /* by_alias is out of date */
    struct service_entry **services; /* by name; of two, the configuration file's first */
    size_t service_count, service_room;
    struct service **visible; /* those that are not hidden */
    size_t visible_count;
    struct grant *grants;
    size_t grant_count, grant_room;
    struct port_assignment *ports; /* by peer and service */
    size_t port_count, port_room;
    struct remembered *remembered; /* oldest first */
    size_t remembered_count, remembered_room;
    struct addr_prefix blocked[REGISTRY_BLOCKED_MAX]; /* addresses */
    size_t blocked_count;
    uint8_t saved[HASH_SHA256_LEN]; /* of the file's text */
};

/** Makes room for one more in an array of `size`-byte elements. Returns 0 or -ENOMEM. */
MUST_USE int registry_grow(void **array, size_t *room, size_t count, size_t size);

/* registry_peers.c */
struct peer_entry *registry_entry(const struct registry *r, const struct peer_id *id);
/** Keeps addresses of a peer that is not stored, if there are any. */
void registry_remember(struct registry *r, const struct peer_id *id,
                       const struct addr last_good[static PEER_ADDRESSES_MAX]);
void registry_peers_drop_config(struct registry *r);
void registry_peers_free(struct registry *r);

/** Forgets a peer of which nothing is left that a person said. */
void registry_drop_if_empty(struct registry *r, struct peer_entry *e);

/* registry_ids.c */
bool registry_ids_have(const struct peer_id *list, size_t count, const struct peer_id *id);
/** Copies any list to a sorted one. 0, -ENOSPC, -ENOMEM. */
MUST_USE int registry_ids_copy(struct id_list *out, const struct peer_id *id, size_t count);
/** 0, also if it is there; -ENOSPC, -ENOMEM. */
MUST_USE int registry_ids_add(struct id_list *list, const struct peer_id *id);
void registry_ids_drop(struct id_list *list, const struct peer_id *id);
void registry_ids_free(struct id_list *list);

/* registry_peers.c */
/** registry_set_alias() of what was stored: the reserved alias too. */
MUST_USE int registry_put_alias(struct registry *r, const struct peer_id *id, const char *alias);

/* registry_guests.c */
/** A service is put anew: who is still on its allow list stays a guest. */
void registry_guests_move(struct service_entry *to, struct service_entry *from);

/* registry_services.c */
/** The entry of that name from the configuration file, or the stored one. */
struct service_entry *registry_service_entry(const struct registry *r, const char *name,
                                             bool from_config);
MUST_USE int registry_grant_put(struct registry *r, const struct grant *grant);
/** Makes the lists of a service of the configuration file anew. 0, or -ENOSPC, -ENOMEM: as before.
 */
MUST_USE int registry_merge_grants(struct registry *r, struct service_entry *e);
void registry_services_drop_config(struct registry *r);
void registry_services_free(struct registry *r);

/* registry_read.c: fills an empty registry, or writes "registry.json:LINE: what". */
MUST_USE int registry_read(struct registry *r, const char *text, size_t len, char *why,
                           size_t why_len);

/* registry_write.c: the file's text, to be freed, or NULL: no memory. */
char *registry_write(const struct registry *r, size_t *len);
