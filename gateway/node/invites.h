/**
 * Inviting guests and opening invites, as the control server asks for it (struct node: see
 * gateway/node/node.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/list.h"
#include "gateway/discovery/invite.h"
#include "gateway/identity/invite_code.h"
#include "gateway/identity/peer_id.h"
#include "gateway/identity/words.h"
#include "gateway/node/registry.h"
#include "gateway/wire/ticket.h"

struct node;

#define NODE_INVITES_MAX 16 /* of ours, open at a time */
#define NODE_JOINS_MAX   4  /* of others, being opened */
#define NODE_USES_MAX    100

/** An invite of ours that is open. */
struct node_invite {
    char code[INVITE_CODE_MAX];
    char ticket[TICKET_TEXT_MAX];
    unsigned number;                     /* of the code, by which it is called */
    char service[PREAMBLE_NAME_MAX + 1]; /* empty: the guest is made known, no more */
    unsigned uses, tries;                /* left; the ticket needs no tries */
    instant left;                        /* until it ends */
};

/**
 * Opens an invite to a service of ours (or ""), for `uses` guests and so long. Returns 0; -ENOENT:
 * no such service; -ENOSPC: too many are open.
 */
MUST_USE int node_invite(struct node *n, const char *service, unsigned uses, instant lifetime,
                         struct node_invite *out);
/** Writes those that are open, the oldest first, up to `max`. Returns how many. */
size_t node_invites(const struct node *n, struct node_invite *out, size_t max);
/** Ends one, by the number of its code. 0 or -ENOENT. */
MUST_USE int node_invite_end(struct node *n, unsigned number);

/** What happens to our invites. */
struct node_invite_event {
    enum node_invite_what {
        NODE_INVITE_JOINED, /* somebody used it */
        NODE_INVITE_WRONG,  /* somebody had other words */
        NODE_INVITE_ENDED,  /* used up, revoked or too old */
    } what;
    unsigned number;
    unsigned uses, tries;             /* left */
    struct peer_id peer;              /* JOINED */
    char alias[ALIAS_MAX + 1];        /* JOINED: what it is called here */
    const char *service;              /* JOINED */
    char fingerprint[WORDS_TEXT_MAX]; /* JOINED */
};

struct node_invite_watch {
    struct list link; /* zeroed before */
    void (*event)(struct node_invite_watch *w, const struct node_invite_event *e);
};

/** Calls w->event() from now on. It may take the watch back. */
void node_watch_invites(struct node *n, struct node_invite_watch *w);
void node_unwatch_invites(struct node_invite_watch *w);

/** Whom we joined. */
struct node_joined {
    struct peer_id peer;
    char alias[ALIAS_MAX + 1];
    char service[PREAMBLE_NAME_MAX + 1]; /* that we may use now, or "" */
    char fingerprint[WORDS_TEXT_MAX];
};

/** An invite of somebody else being opened. Zeroed before. */
struct node_join {
    /**
     * 0 and `joined`; or -ETIMEDOUT: nobody answered; -EACCES: other words than the host's;
     * -EKEYEXPIRED: it is over; -ENOSPC: no room in the registry; -ECANCELED: the gateway stops.
     * `why` is a line for people. Never called from inside node_join().
     */
    void (*done)(struct node_join *j, int err, const struct node_joined *joined, const char *why);
    void *quest; /* the gateway's; NULL: none */
};

/**
 * Opens an invite by its code or its ticket (the other is NULL) for so long at most; j->done()
 * follows. Returns 0; -EBUSY: too many are being opened; -EINVAL: it is one of ours; or -ENOMEM.
 */
MUST_USE int node_join(struct node *n, const struct invite_code *code, const struct ticket *ticket,
                       instant patience, struct node_join *j);
/** It is not called any more. Does nothing to one that is done. */
void node_join_cancel(struct node *n, struct node_join *j);
