/**
 * What others do that they should not: counted, said in the log at a bounded rate, and, where a
 * person wants that ([limits] block_abusers), answered.
 *
 * Each offence has its weight in points, and points are forgiven with time: ABUSE_LIMIT of them
 * within about ten minutes are too many. A peer with an entry in the registry is blocked then, by
 * its key, and stays blocked. From all others an address is shut for ABUSE_SHUT_TIME, in memory
 * alone; but only for what somebody did who has shown that he is there, never for what anybody can
 * send in another's name, and never where a friend is connected from.
 *
 * Addresses share a table of fixed size, in which those that were quiet longest make way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/env.h"
#include "gateway/base/path.h"
#include "gateway/identity/peer_id.h"
#include "gateway/node/access.h"

#define ABUSE_PLACES    1024
#define ABUSE_LIMIT     100
#define ABUSE_SHUT_TIME SEC(600)

enum abuse_kind {
    ABUSE_REFUSED,    /* a stranger, or a blocked peer, wanted in */
    ABUSE_NETWORK,    /* a gateway of another network */
    ABUSE_AUTH,       /* a handshake that failed */
    ABUSE_MALFORMED,  /* packets, frames or messages against the protocol */
    ABUSE_FLOOD,      /* more callers at a time than are heard; anybody may have sent them */
    ABUSE_OVER_LIMIT, /* more at a time than one peer may have */
    ABUSE_KINDS
};

/** What one peer has done. Zeroed it is none. */
struct abuse_record {
    uint64_t offences;
    struct bucket points; /* in thousandths */
};

struct abuse_place {
    struct addr_caller caller; /* its len is 0: free */
    instant last;
    struct abuse_record record;
};

struct abuse {
    struct env *env;
    struct access *access; /* borrowed */
    bool blocks;
    /** Is a friend connected from this address? */
    bool (*is_friends)(void *arg, const struct addr *at);
    void *arg;

    uint64_t count[ABUSE_KINDS];
    struct bucket said[ABUSE_KINDS];
    uint64_t unsaid[ABUSE_KINDS];
    uint64_t shut, blocked; /* how often that was done */
    uint64_t secret[2];
    struct abuse_place *place; /* NULL before the first */
};

void abuse_init(struct abuse *a, struct env *env, struct access *access, bool blocks,
                bool (*is_friends)(void *arg, const struct addr *at), void *arg);
void abuse_deinit(struct abuse *a);

/** The word for a kind that stays: "auth_failed". */
const char *abuse_event(enum abuse_kind kind);

/** Somebody at the end of a path did this; `id` is who he has shown to be, or NULL. `there`: he has
 *  shown to be where the path says. `how` is for people. */
void abuse_by(struct abuse *a, enum abuse_kind kind, const struct path *path, bool there,
              const struct peer_id *id, const char *how);
/** A peer with an entry in the registry did. True: it is to be blocked, which the caller does and
 *  says by abuse_has_blocked(). */
MUST_USE bool abuse_by_peer(struct abuse *a, struct abuse_record *record, enum abuse_kind kind,
                            const struct peer_id *id, const char *how);
void abuse_has_blocked(struct abuse *a, const struct peer_id *id, const char *why);
