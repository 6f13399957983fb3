/**
 * Invites, both ways: those of ours, for guests that come, and those of others that we open.
 *
 * The cores (gateway/discovery/invite.h) say what is said; here is where: by datagram to addresses
 * that a ticket names, on the networks that we are on, through relays, in slots of the DHT. Each
 * invite can be used by its short code and by its ticket. A guest asks at every place at once and
 * again every second or two. Who is proven is enrolled at once: the registry says what came of it.
 *
 * Invites end with the gateway.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/bucket.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/discovery/invite.h"
#include "gateway/discovery/invite_slot.h"
#include "gateway/node/desk.h"
#include "gateway/node/dht_desk.h"
#include "gateway/node/gather.h"
#include "gateway/node/invites.h"
#include "gateway/node/lan_link.h"
#include "gateway/node/relay_desk.h"

#define INVITE_DOORS  64 /* buckets that sources share by chance */
#define INVITE_BY_ALL 2  /* by its code, by its ticket */

/** Where a message came from, and its answer goes. */
struct invite_road {
    enum invite_road_kind {
        INVITE_ROAD_NONE,
        INVITE_ROAD_UDP,
        INVITE_ROAD_RELAY,
        INVITE_ROAD_SLOT
    } kind;
    struct addr addr;     /* UDP */
    struct peer_id relay; /* RELAY: which, or the guest to which we are one (`served`) */
    bool served;
    uint32_t token;
    struct invite_place *place; /* SLOT */
};

/** A slot of the DHT that one side of an invite looks into. Zeroed it is not used. */
struct invite_place {
    struct invite_desk *desk;
    bool host;
    unsigned index;
    uint64_t epoch;
    bool keyed, turn; /* it has keys; a guest's look into the ten minutes beside */
    struct keys keys;
    struct dht_call call;
    enum invite_part part; /* of the call */
    bool putting, claimed;
    unsigned looks; /* for the answer to a claim */
    int64_t seq;
    instant next, since; /* when to go on; since when the offer stands */
    uint8_t out[INVITE_MESSAGE_MAX], put[INVITE_MESSAGE_MAX], done[INVITE_MESSAGE_MAX];
    size_t out_len, put_len, done_len; /* to be put, being put, put */
    uint8_t offer[INVITE_MESSAGE_MAX], seen[INVITE_MESSAGE_MAX];
    size_t offer_len, seen_len; /* of a host: the offer that stands; what was read last */
};

struct invite_desk_options {
    struct relay_desk *relay; /* borrowed, as the others */
    struct lan_link *lan;
    struct dht_desk *dht;
    const struct gather *gather;
    const uint8_t *network;       /* message_network() */
    void (*enrolled)(void *node); /* the registry has changed */
};

/** An invite of ours. */
struct invite_entry {
    struct list link;
    struct invite_code code;
    uint8_t secret[TICKET_SECRET_LEN]; /* of the ticket */
    char service[PREAMBLE_NAME_MAX + 1];
    struct invite_host by[INVITE_BY_ALL];
    struct invite_place place[INVITE_BY_ALL];
    instant ended; /* INSTANT_NEVER while it is open; then kept for whose answer was lost */
};

/** One that we open. */
struct invite_quest {
    struct list link;
    struct node_join *join;
    struct invite_guest guest;
    struct ticket ticket;
    bool by_ticket;
    char text[INVITE_CODE_MAX]; /* for the log: the number */
    struct invite_try {
        struct invite_road road;
        instant sent, quiet_until; /* INSTANT_NEVER: it was refused for good */
    } try[INVITE_CLAIMS_MAX];
    struct invite_place place[INVITE_SLOTS];
    unsigned asked;  /* times */
    unsigned relays; /* that could be asked last time */
    bool lan;
    instant next, give_up;
    instant fail_at; /* refused; somebody else may be the host yet */
    int refused;     /* then: -EACCES, -EKEYEXPIRED */
    bool over;       /* and who waits is to be told: */
    int err;
    struct node_joined joined;
    char why[160];
};

struct invite_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct invite_desk_options options;
    struct list entries, quests, watches;
    unsigned quest_count;
    struct timer timer;
    struct deferred later; /* who waits is told, and the gateway that the registry has changed */
    bool enrolled;
    uint64_t secret[2];
    struct bucket door[INVITE_DOORS], all, relayed;
};

void invite_desk_start(struct invite_desk *d, const struct desk *node,
                       const struct invite_desk_options *options);
/** Who waits is told -ECANCELED. Fine on a zeroed struct. */
void invite_desk_stop(struct invite_desk *d);
/** A message came by datagram. */
void invite_desk_input(struct invite_desk *d, const struct udp_rx *rx);
/** Services may have gone: their invites end. */
void invite_desk_registry_changed(struct invite_desk *d);
