/**
 * What a host name of ours means: `web.alice.overlay` to a peer and one of its services, and back.
 *
 * The order of look-up is fixed and local, first hit wins (nothing from the network makes a name):
 *   1. `<peer id>.overlay`, canonical spelling only; no alias can shadow it
 *   2. `<alias>.overlay`, from the registry
 *   3. `<service>.<alias or peer id>.overlay`, from the list which that peer sent over its session.
 *      Until that list is known any label will do, so that the first click can dial.
 * `.localhost` behind the suffix is allowed: browsers send such names to loopback by themselves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/identity/peer_id.h"
#include "gateway/node/node.h"
#include "gateway/wire/preamble.h"

#define NAMES_HOST_MAX   253 /* characters of a host name (RFC 1035 §2.3.4, without the last dot) */
#define NAMES_SUFFIX_MAX 63  /* characters of the suffix: leaves room for what stands before it */

enum name_kind {
    NAME_PEER,    /* the peer itself */
    NAME_SERVICE, /* `service`, which is on the peer's list: `offered` is valid */
    NAME_UNSURE,  /* `service`, of a peer whose list we have not seen yet */
};

struct name_target {
    enum name_kind kind;
    struct peer_id peer;
    bool by_alias;                       /* a person named this peer; else the name is its id */
    char service[PREAMBLE_NAME_MAX + 1]; /* lower case, empty for NAME_PEER */
    struct remote_service offered;       /* NAME_SERVICE only */
};

/**
 * Looks a host name up, any letter case, with or without a final dot. Returns 0 and fills `out`, or
 * -EDOM (not under the suffix: somebody else's name) or -ENOENT (under it, and there is none; the
 * bare suffix too).
 */
MUST_USE int names_resolve(struct node *n, const char *suffix, const char *host,
                           struct name_target *out);

/** Is it `localhost-check.overlay`, where a page of the gateway's own is served as a peer's would
 *  be? Not where a peer has had that alias from before. */
bool names_is_check(struct node *n, const char *suffix, const char *host);

/** True for a host name under the suffix (or under suffix.localhost), or the suffix itself. */
bool names_is_ours(const char *suffix, const char *host);

/** True for 1 to NAMES_SUFFIX_MAX characters of lower-case labels joined by dots. */
bool names_suffix_ok(const char *suffix);

/**
 * Writes the name a person would use: alias if there is one, else the peer id; `service` may be
 * NULL. Returns its length, as snprintf() would.
 */
size_t names_write(struct node *n, const char *suffix, const struct peer_id *peer,
                   const char *service, char *out, size_t max);
