/**
 * One hole in the making. For gateway/node/hole_*.c alone: hole_guests.c (who may have one),
 * hole_look.c (which port our NAT gives next), hole_life.c (its stages), hole_say.c (what is said
 * of it), hole_udp.c and hole_tcp.c (its sockets).
 *
 * The stages:
 *     GATHERING  our sockets are open, and servers are asked where they see them
 *     ASKED      the peer has until `due` to agree
 *     RUNNING    both punch
 *     CHOSEN     the side that asked has picked a way, and says no more than answers there; the
 *                peer has until `due` to be ready
 *     SETTLING   the other side: waits, silent too, for what is under way to arrive
 */
#pragma once

#include "gateway/nat/stun_query.h"
#include "gateway/node/hole_desk.h"
#include "gateway/node/tcp_stun.h"
#include "gateway/punch/attempt.h"
#include "gateway/punch/tcp_open.h"
#include "gateway/wire/hole_message.h"
#include "gateway/wire/probe.h"

#define HOLE_TAG_LEN     32
#define HOLE_SEEN_LEN    19                             /* u8 family, be16 port, 16 address */
#define HOLE_WORD_LEN    (HOLE_SEEN_LEN + HOLE_TAG_LEN) /* bytes of a word on a TCP connection */
#define HOLE_WAYS_MAX    16
#define HOLE_SENT_MAX    512
#define HOLE_SERVERS_MAX 2 /* asked for each family */
#define HOLE_CONNS_MAX   16

enum hole_stage { HOLE_GATHERING, HOLE_ASKED, HOLE_RUNNING, HOLE_CHOSEN, HOLE_SETTLING };

/** A peer that asks. */
struct hole_guest {
    struct list link;
    struct peer_id id;
    struct bucket requests;
    struct punch_budget budget;
};

struct hole_socket {
    struct hole *hole;
    struct udp_socket *udp; /* NULL: not open */
    struct addr local;
    uint16_t number; /* that the peer knows it by: 0, HOLE_V6, or that of the round's */
    struct stun_query query[HOLE_SERVERS_MAX];
    unsigned queries;
};

#define HOLE_V6      0x8000
#define HOLE_NOWHERE 0xffff

/** A pair of sockets that the peer was heard over, from `remote`. */
struct hole_way {
    uint16_t ours, theirs;
    struct addr remote, inner, outer;
    bool works;       /* both ways */
    unsigned answers; /* of ours to its probes */
    instant rtt;
};

/** A probe that may be answered. */
struct hole_sent {
    struct addr to;
    uint64_t challenge;
    instant at;
};

/** A connection that may become it. */
struct hole_conn {
    struct list link;
    struct hole *hole;
    struct sock *sock;
    struct addr remote;
    bool dialled, connected;
    bool greeted; /* by us */
    bool proven;  /* the peer has greeted */
    bool chosen;  /* the side that asked has picked it, */
    bool ready;   /* and the other has agreed: it is the program's */
    bool broken;
    struct addr seen; /* how the peer sees us */
    size_t len;
    uint8_t in[HOLE_WORD_LEN];
};

struct hole {
    struct list link;
    struct hole_desk *desk;
    struct hole_guest *guest;
    struct quic_conn *conn; /* over which it is talked about */
    struct peer_id id;
    struct node_hole_wait *wait; /* NULL: the peer asked, or who asked here is gone */
    bool asker, tcp, guessing;
    enum hole_stage stage;
    uint32_t number;
    instant due, trickle;
    uint32_t sequence;
    uint8_t nonce[HOLE_NONCE_LEN];
    uint8_t secret[NODE_HOLE_SECRET], key_out[PROBE_KEY_LEN], key_in[PROBE_KEY_LEN];
    struct hole_message asked; /* the peer's, which is to be answered when we have gathered */
    struct candidate told[CANDIDATES_MAX];
    size_t told_count;
    struct candidate named[CANDIDATES_MAX]; /* by the peer */
    size_t named_count;
    struct nat_facts said; /* of our NAT */
    bool looks, looked;    /* for the port that it gives next */
    struct stun_refresh refresh;
    uint16_t last_port;

    struct punch *core; /* UDP, once it runs */
    struct hole_socket main[2];
    struct hole_socket *extra[PUNCH_SOCKETS_MAX]; /* the core's socket n + 1; or NULL */
    unsigned extras;
    unsigned fresh; /* the core's, whose address outside the peer is to be told */
    struct hole_way way[HOLE_WAYS_MAX];
    unsigned ways;
    struct hole_sent sent[HOLE_SENT_MAX]; /* a ring */
    unsigned sent_next;
    unsigned chosen; /* way, from CHOSEN or `used` on */
    bool used;       /* the peer has picked it, which we have not proven yet */

    struct sock_listener *listener[2]; /* TCP */
    uint16_t port[2];
    struct tcp_stun stun;
    struct tcp_open open;
    struct list conns; /* of struct hole_conn */
    unsigned conn_count;

    struct timer timer;
};

/* ---- hole_life.c ---- */

/** Begins. `asked` NULL: we ask. Returns 0 or an errno; then there is nothing to end. */
MUST_USE int hole_new(struct hole **out, struct hole_desk *d, struct hole_guest *guest,
                      struct quic_conn *conn, const struct hole_message *asked, bool tcp);
/** Closes all of it, and tells nobody. */
void hole_free(struct hole *h);
/** It has come to nothing: tells who waits for it, and frees it. */
void hole_fail(struct hole *h, int err, const char *why);
/** Takes what the peer says about it. */
void hole_message(struct hole *h, const struct hole_message *m);
/** Something has happened to it: it is looked at when the loop comes round. */
void hole_wake(struct hole *h);

/* ---- hole_guests.c ---- */

/** Is somebody there to take a hole of this peer? */
struct node_hole_taker *hole_taker(struct hole_desk *d, const struct peer_id *id, bool tcp);

/* ---- hole_look.c ---- */

/** Before our NAT is described: true when there is nothing (more) to find out. */
bool hole_look(struct hole *h);
/** While the round runs. */
void hole_look_on(struct hole *h, instant now);
void hole_look_end(struct hole *h);

/* ---- hole_say.c ---- */

/** Derives the secret and the keys from the session and both nonces. Returns 0 or -ENOTCONN. */
MUST_USE int hole_derive(struct hole *h, const uint8_t theirs[static HOLE_NONCE_LEN]);
/** Says ASK or AGREE, with all that was gathered. */
void hole_tell_all(struct hole *h);
/** Says what turned up since. */
void hole_tell_more(struct hole *h);
/** Says USE, READY or, by `reason`, END. */
void hole_tell(struct hole *h, enum hole_message_type type, enum hole_reason reason);
/** Refuses what a peer asked for. */
void hole_refuse(struct quic_conn *conn, uint32_t number, enum hole_reason reason);
/** Takes the addresses that the peer names; those that may be probed go to `add`. */
void hole_take_candidates(struct hole *h, const struct hole_message *m,
                          void (*add)(struct hole *h, const struct candidate *c));

/* ---- hole_udp.c, and the same of hole_tcp.c ---- */

MUST_USE int hole_udp_open(struct hole *h);
void hole_udp_close(struct hole *h);
/** Have all servers answered? */
bool hole_udp_gathered(const struct hole *h);
/** Where a main socket is seen, or none. */
struct addr hole_udp_seen(const struct hole *h, bool v6);
/** Where the socket is seen that the peer has to know of, or none. */
struct addr hole_udp_fresh(const struct hole *h);
/** Both sides have agreed. Returns 0 or -ENOMEM. */
MUST_USE int hole_udp_begin(struct hole *h, const struct hole_message *m);
void hole_udp_add(struct hole *h, const struct candidate *c);
/** Does what is due. Returns when there is more to do. */
instant hole_udp_run(struct hole *h, instant now);
/** The best way that works, which is found when no better one is to be expected. */
bool hole_udp_choose(struct hole *h, unsigned *way);
/** The way that the peer has picked. False: it was not heard over it. */
bool hole_udp_find(const struct hole *h, const struct hole_message *use, unsigned *way);
/** One more probe over a way. */
void hole_udp_ping(struct hole *h, unsigned way, instant now);
/** May we take part in a search of ports? */
bool hole_udp_may_search(const struct hole *h);
/** Takes the socket of a way out of it. */
void hole_udp_take(struct hole *h, unsigned way, struct node_hole *out);

MUST_USE int hole_tcp_open(struct hole *h);
void hole_tcp_close(struct hole *h);
bool hole_tcp_gathered(const struct hole *h);
struct addr hole_tcp_seen(const struct hole *h, bool v6);
void hole_tcp_begin(struct hole *h);
void hole_tcp_add(struct hole *h, const struct candidate *c);
instant hole_tcp_run(struct hole *h, instant now);
/** Takes the connection that both sides have settled on. False: there is none yet. */
bool hole_tcp_take(struct hole *h, struct node_hole *out);
