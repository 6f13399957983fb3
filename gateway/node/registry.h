/**
 * What this gateway remembers: names of peers, services, who may use them, and local ports.
 *
 * Kept in the home as registry.json and written whole, atomically, at every change. A file that
 * cannot be read refuses the start with its line; it is never replaced silently. Entries from the
 * configuration file (`from_config`) hide stored ones of the same name or id in memory, are never
 * written back, and leave the stored ones as they were when they go (registry_drop_config()).
 *
 * Deny beats allow, and the block list beats everything, whatever the source.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/identity/peer_id.h"
#include "gateway/wire/preamble.h"

#define REGISTRY_FILE "registry.json"

#define ALIAS_MAX          32 /* characters: a DNS label of a-z, 0-9 and '-' */
#define PEER_ADDRESSES_MAX 8
#define PEER_RELAYS_MAX    2
#define PEER_RELAY_MAX     127 /* characters */
#define PEER_MAIL_MAX      127
#define SERVICE_TARGET_MAX 256

#define REGISTRY_PEERS_MAX    4096
#define REGISTRY_SERVICES_MAX 1024
#define REGISTRY_PORTS_MAX    8192
#define REGISTRY_GRANTS_MAX   4096 /* peers on one allow or deny list */

enum service_proto {
    SERVICE_TCP = 1,
    SERVICE_UDP = 2,
    SERVICE_BOTH = 3,
};

#define REGISTRY_WHY_MAX 63 /* characters of a reason */

/** A gateway we know, by our own choice only: nothing from the network makes an entry. */
struct known_peer {
    struct peer_id id;
    char alias[ALIAS_MAX + 1]; /* empty: none */
    bool blocked;
    char blocked_why[REGISTRY_WHY_MAX + 1]; /* by the gateway itself; empty: by a person */
    bool from_config;
    bool guest; /* known because it used an invite: forgotten when that is revoked */
    struct addr address[PEER_ADDRESSES_MAX];         /* told by a person; none from the end on */
    char relay[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1]; /* PEER_ID@HOST:PORT, told by a person */
    char its_relay[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1]; /* told by the peer itself */
    struct addr last_good[PEER_ADDRESSES_MAX];           /* worked before, newest first */
    int64_t record_seq;           /* the highest number of its record that was seen; 0: none */
    char mail[PEER_MAIL_MAX + 1]; /* its mail address, told by a person; empty: none */
};

struct service {
    char name[PREAMBLE_NAME_MAX + 1];
    enum service_proto proto;
    uint16_t port;                       /* as peers see it */
    char target[SERVICE_TARGET_MAX + 1]; /* as registry_target_ok() wants it */
    bool public;                         /* any peer that is not blocked or denied */
    bool raw;                            /* no HTTP guard at the browser side */
    bool proxy_protocol;                 /* PROXY protocol v2 before the first byte */
    bool peer_header;                    /* X-Overlay-Peer in HTTP requests */
    bool off_host;                       /* the target may be another host */
    bool from_config;
    bool transient;     /* shared for the life of a program (`share -f`): never saved */
    int64_t expires_us; /* wall clock, 0: never */
    instant ends;       /* the registry's own: the same by the clock that cannot be set back */
    struct peer_id *allow, *deny;
    size_t allow_count, deny_count;
    uint64_t connections, rx_bytes, tx_bytes; /* since start; not kept */
};

/** One local port for one service of one peer, for ever. */
struct port_assignment {
    struct peer_id peer;
    char service[PREAMBLE_NAME_MAX + 1]; /* a name, or "pNNN" for one opened by port */
    uint16_t port;
    uint16_t remote_port; /* for one opened by port, else 0 */
    bool open;            /* it listens whenever the gateway runs */
    uint8_t proto;        /* enum service_proto */
    struct addr at;       /* --at, or none: loopback and `port` */
};

struct registry;

/**
 * Loads the registry from the home; no file is an empty registry, and so is no `env` (NULL: there
 * is no home yet; what is tried on that one cannot be saved). On error (-EBADMSG and what
 * reading said) writes "registry.json:LINE: what" to `why`.
 */
MUST_USE int registry_open(struct registry **out, struct env *env, char *why, size_t why_len);
/** Saves nothing. */
void registry_free(struct registry *r);
/** Writes what changed. Returns 0 or what saving said; then the file holds the state before, and
 *  the caller may undo by registry_reload(). */
MUST_USE int registry_save(struct registry *r);
/** Forgets unsaved changes. Pointers got before are invalid. */
MUST_USE int registry_reload(struct registry *r, char *why, size_t why_len);

/* Pointers returned below are valid until the next call that adds or removes. */

/** The peer's entry, or NULL. */
struct known_peer *registry_peer(struct registry *r, const struct peer_id *id);
struct known_peer *registry_peer_by_alias(struct registry *r, const char *alias);
/** Number of peers; registry_peer_at() for 0 .. count-1 in order of alias, then id. */
size_t registry_peer_count(const struct registry *r);
struct known_peer *registry_peer_at(struct registry *r, size_t index);
/** Returns the peer's entry, new if need be, or NULL (-ENOSPC, -ENOMEM in *err). */
struct known_peer *registry_peer_add(struct registry *r, const struct peer_id *id, int *err);
/** Adds (or replaces) a peer of the configuration file: its alias, addresses and relays stand in
 *  for stored ones; `blocked` and `last_good` are not looked at. -EINVAL and -EEXIST as
 *  registry_set_alias(), -ENOSPC, -ENOMEM. */
MUST_USE int registry_peer_put_config(struct registry *r, const struct known_peer *peer);
/** Nobody is called so: the gateway's own page at this name tells what a peer's page may do
 *  (adapters/check_site.h). Whoever had the alias before keeps it, and the name. */
#define REGISTRY_RESERVED_ALIAS "localhost-check"
/** Gives an alias, adding the peer if need be. -EINVAL (not a label of a-z, 0-9 and '-', or the
 *  reserved one), -EEXIST (another peer's), -EPERM (named in the configuration file), -ENOSPC,
 *  -ENOMEM. */
MUST_USE int registry_set_alias(struct registry *r, const struct peer_id *id, const char *alias);
/** Takes the alias and, if nothing else is known of the peer, the entry away. -ENOENT, -EPERM. */
MUST_USE int registry_unname(struct registry *r, const char *alias);
/** May this be an alias? */
bool registry_alias_ok(const char *alias);

/**
 * PEER as people write it, in any letter case: an alias, an id, or a unique prefix (>= 4 characters
 * of an id, any of an alias) of a known one. Returns 0, -ENOENT, or -ENOTUNIQ. A full canonical id
 * need not be known.
 */
MUST_USE int registry_find_peer(struct registry *r, const char *text, struct peer_id *out);

/** The service in effect under that name, or NULL. */
struct service *registry_service(struct registry *r, const char *name);
/** The service on a port for a protocol (SERVICE_TCP or SERVICE_UDP), or NULL. */
struct service *registry_service_by_port(struct registry *r, uint16_t port,
                                         enum service_proto proto);
/** Number of services in effect; registry_service_at() for 0 .. count-1 in order of name. */
size_t registry_service_count(const struct registry *r);
struct service *registry_service_at(struct registry *r, size_t index);
/**
 * Adds or replaces (same name). Copies, lists included. One with `from_config` set hides a stored
 * one; what registry_allow() and registry_deny() said of it stays in force. -EPERM: there is one of
 * the configuration file and this is none. -EINVAL (name, port, proto or target), -ENOSPC, -ENOMEM.
 */
MUST_USE int registry_service_put(struct registry *r, const struct service *service);
/** -ENOENT, -EPERM (from the configuration file). */
MUST_USE int registry_service_remove(struct registry *r, const char *name);
/** Puts `peer` on a service's allow or deny list, and off the other; of a service of the
 *  configuration file only what this said before, for there deny beats allow. -ENOENT, -ENOSPC,
 *  -ENOMEM. */
MUST_USE int registry_allow(struct registry *r, const char *service, const struct peer_id *peer);
MUST_USE int registry_deny(struct registry *r, const char *service, const struct peer_id *peer);
/** As registry_allow(), because of an invite: registry_revoke() takes it back, unless the peer was
 *  allowed before. */
MUST_USE int registry_allow_guest(struct registry *r, const char *service,
                                  const struct peer_id *peer);
/** Takes back what invites gave to a peer, also that it is known. Returns how many services that
 *  are; -ENOENT: nothing of it came from an invite; or -ENOMEM. */
MUST_USE int registry_revoke(struct registry *r, const struct peer_id *peer);
/** Has this peer anything that registry_revoke() would take back? */
bool registry_is_guest(const struct registry *r, const struct peer_id *peer);
/** Makes a label out of what somebody calls himself, `nameless` out of nothing, and with a number
 * if need be one that is nobody's alias. False: there are too many of that name. */
MUST_USE bool registry_free_alias(struct registry *r, const char *proposed, const char *nameless,
                                  char out[static ALIAS_MAX + 1]);
/** Blocks a peer, known or not, or ends that. -ENOSPC, -ENOMEM. */
MUST_USE int registry_block(struct registry *r, const struct peer_id *peer, bool blocked);
/** Blocks a peer for what it did, which is kept with it, cut to REGISTRY_WHY_MAX. -ENOSPC, -ENOMEM.
 */
MUST_USE int registry_block_for(struct registry *r, const struct peer_id *peer, const char *why);

#define REGISTRY_BLOCKED_MAX 256

/** Blocks addresses, or ends that for the same prefix. -ENOSPC; -ENOENT: it was not blocked. */
MUST_USE int registry_block_addresses(struct registry *r, const struct addr_prefix *which,
                                      bool blocked);
/** Those that are blocked, and how many: of the registry, and changing with it. */
const struct addr_prefix *registry_blocked_addresses(const struct registry *r, size_t *count);

/** May this peer use this service now? */
bool registry_may_use(const struct registry *r, const struct service *s, const struct peer_id *peer,
                      int64_t wall_us);
/** Is there anything this peer may use, or is it known and not blocked? Others are strangers. */
bool registry_may_connect(const struct registry *r, const struct peer_id *peer, int64_t wall_us);
bool registry_is_blocked(const struct registry *r, const struct peer_id *peer);
/** Drops services past their time by either clock: a wall clock set back prolongs none while the
 *  gateway runs, one set forward ends them. Returns true if any went. */
bool registry_expire(struct registry *r, int64_t wall_us);

/** Number of assignments; registry_port_at() for 0 .. count-1 in order of peer and service. */
size_t registry_port_count(const struct registry *r);
struct port_assignment *registry_port_at(struct registry *r, size_t index);
/** The assignment for a service of a peer, or NULL. */
struct port_assignment *registry_port(struct registry *r, const struct peer_id *peer,
                                      const char *service);
/** Who has this local port, or NULL. */
struct port_assignment *registry_port_owner(struct registry *r, uint16_t port);
/** Adds or replaces. -ENOSPC, -ENOMEM. */
MUST_USE int registry_port_put(struct registry *r, const struct port_assignment *p);

/** Remembers through which relays a known peer says that it can be reached: `count` of them, as
 *  registry_relay_ok() wants them; none keeps what was known. Returns true if that is news. */
bool registry_peer_relays(struct registry *r, const struct peer_id *id,
                          char relay[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1], size_t count);
/** Remembers an address that worked, newest first; known peers only. */
void registry_good_address(struct registry *r, const struct peer_id *id, const struct addr *a);

/**
 * "127.0.0.1:3000", "[::1]:3000", "localhost:3000" or "unix:/path"; with `off_host` also another IP
 * or "host.example:3000". Never a link-local address, where machines keep their own secrets
 * (169.254.169.254), nor an unspecified or multicast one.
 */
bool registry_target_ok(const char *target, bool off_host);

/** "PEER_ID@HOST:PORT" that fits struct known_peer; HOST as registry_target_ok() wants it with
 *  `off_host`. Nothing else may be stored: it would not be read again. */
bool registry_relay_ok(const char *relay);

/** "NAME@HOST" that fits struct known_peer, of characters that mean nothing else in a mail. */
bool registry_mail_ok(const char *mail);

/** Takes all entries of the configuration file out again (before a reload). */
void registry_drop_config(struct registry *r);
