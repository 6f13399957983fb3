/**
 * The parts of struct node, for the files that make it up (gateway.c, desks.c, lan_finds.c,
 * members.c, requests.c, changes.c, serve.c, ways.c, whereabouts.c, view.c).
 *
 * A member is a peer that the gateway has to do with right now: one of the registry that was
 * wanted, or one that has connected. Members without entry, session or request are dropped when
 * the loop has handled its batch.
 */
#pragma once

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/map.h"
#include "gateway/node/abuse.h"
#include "gateway/node/access.h"
#include "gateway/node/bootstrap_desk.h"
#include "gateway/node/dht_desk.h"
#include "gateway/node/exchange_desk.h"
#include "gateway/node/hole_desk.h"
#include "gateway/node/hub.h"
#include "gateway/node/invite_desk.h"
#include "gateway/node/lan_link.h"
#include "gateway/node/mail_desk.h"
#include "gateway/node/mailbox_desk.h"
#include "gateway/node/nat64_desk.h"
#include "gateway/node/node.h"
#include "gateway/node/outside.h"
#include "gateway/node/portmap_desk.h"
#include "gateway/node/punch_desk.h"
#include "gateway/node/pwnat_desk.h"
#include "gateway/node/record_desk.h"
#include "gateway/node/relay_desk.h"
#include "gateway/node/tcp_roads.h"
#include "gateway/node/turn_desk.h"
#include "gateway/peer/peer.h"

#define MEMBER_LAN_MAX 4 /* addresses that LAN discovery gave, newest first */

struct member {
    struct list link; /* in node->members, in order of appearance */
    struct node *node;
    struct peer peer;
    struct list waits; /* of struct node_wait */
    struct list pings; /* of struct node_ping */
    struct addr lan[MEMBER_LAN_MAX];
    struct remote_service *services; /* as the peer last said, converted */
    size_t service_count;
    bool services_known;
    struct abuse_record record;
    const char *charge; /* for which it is to be blocked, or NULL */
    bool leaves;        /* a stranger that has to make room for another one */
    char last_error[256];
};

struct node {
    struct env *env;
    struct registry *registry;
    const struct keys *keys;
    struct node_options options;
    struct message_hello hello;

    struct quic_endpoint *quic;
    struct access access;
    struct abuse abuse;
    bool charges; /* offences_settle() has something to do */
    struct hub hub;
    struct lan_link lan;
    struct desk desk;
    struct relay_desk relay;
    struct bootstrap_desk bootstrap;
    struct outside outside;
    struct nat64_desk nat64;
    struct turn_desk turn;
    struct addr reflexive[STUN_FAMILIES]; /* as the gatherer was told */
    size_t reflexives;
    struct punch_desk punch;
    struct pwnat_desk pwnat;
    struct hole_desk holes;
    struct mail_desk mail;
    struct tcp_roads tcp;
    struct dht_desk dht;
    struct mailbox_desk mailbox;
    struct record_desk record;
    struct exchange_desk exchange;
    struct portmap_desk portmap;
    struct invite_desk invite;
    struct peer_host host;

    struct map by_id;
    struct list members;
    struct list watches;
    const struct node_server *server;
    void *server_arg;

    struct list finished; /* of struct node_wait whose answer was known at once: connected */
    struct list refused;  /* ... and blocked */
    struct list lingering;
    struct list measures;
    unsigned measure_count;

    struct deferred chores; /* calls `finished` and `refused`, drops members, saves addresses */
    unsigned leaving;       /* members */
    bool addresses_changed;
    struct timer saving; /* of what has changed: not more often than every few seconds */
    instant save_next;
    struct timer stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/** The member of an id, or NULL. */
struct member *member_find(struct node *n, const struct peer_id *id);
/** The same, made if need be; NULL: no memory. */
struct member *member_get(struct node *n, const struct peer_id *id);
/** Is there a place for a session that this peer has opened, over this path? Others may have to go
 *  for it. */
bool member_may_come(struct node *n, const struct peer_id *id, const struct path *path);
/** Ends the sessions of those who have to go. */
void member_make_room(struct node *n);
/** Where a peer may answer over TCP; `node` is a struct node. */
size_t member_tcp_places(void *node, const struct peer_id *id, struct tcp_place *out, size_t max);
/** For struct tcp_roads (ways.c). */
extern const struct tcp_roads_events TCP_ROADS_EVENTS;
/** Ends it: its requests fail with -ECANCELED. */
void member_free(struct member *m);
/** Answers those who wait; a request that one of them makes anew waits for the next time. */
void member_answer(struct list *waits, int err, const char *why);
/** Takes over the addresses that the registry blocks. */
void node_block_addresses(struct node *n);
/** Calls the watches. */
void node_tell(struct node *n, const struct peer_id *peer);

/** Offences (offences.c): of a caller that nobody knows; of one that is refused, and why; and of a
 *  peer, on a connection of its. */
void offence_of_caller(struct node *n, enum quic_offence what, const struct path *path, bool there);
void offence_refused(struct node *n, const struct peer_id *id, const struct path *path,
                     const char *why);
void offence_of_peer(struct node *n, struct peer *p, struct quic_conn *conn,
                     enum peer_offence what);
/** Blocks the peers that have done too much, and ends sessions with addresses that were shut. */
void offences_settle(struct node *n);
/** Begins to count. */
void offences_start(struct node *n);
/** STUN servers to ask, over UDP or TCP, those first of which we know that they answer there;
 * `node` is a struct node. */
size_t node_stun_servers(void *node, bool tcp, struct addr *out, size_t max);

/** Starts what finds out how we are reached, port mappings aside (ways.c). Returns 0 or -ENOMEM. */
MUST_USE int ways_start(struct node *n);
/** Asks routers, once the rest has started. */
void ways_start_portmap(struct node *n);

/** Starts the desks (desks.c); they stop in node_free(), also those that were not started. */
MUST_USE int node_start_desks(struct node *n);
/** Starts the DHT and what is published there (whereabouts.c). On error a line for people is in
 *  `why`. */
MUST_USE int node_start_dht(struct node *n, char *why, size_t why_len);
/** Starts LAN discovery, if it is wanted (lan_finds.c). The sockets are open. */
MUST_USE int node_start_lan(struct node *n);

/** Events of peers, with a struct node as their argument (members.c). */
extern const struct peer_events MEMBER_EVENTS;

/** What a peer wants of us (serve.c): checks its rights and hands it to the server adapter. */
void serve_stream(struct node *n, const struct peer_id *id, const struct preamble *what,
                  struct pipe *pipe);
void serve_flow(struct node *n, const struct peer_id *id, const struct preamble *what,
                struct flow *flow);
/** The services a peer may use now. */
void serve_list(struct node *n, const struct peer_id *id, struct service_list *out);
