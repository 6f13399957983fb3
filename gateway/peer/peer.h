/**
 * One peer's life: dialled when somebody wants it, connected, kept, lost, dialled again.
 *
 * All known addresses are dialled at once and the first that confirms carries data. Several
 * confirmed connections may exist (both sides dialled, or one dialled two addresses): of those both
 * ends use the one whose dialler has the smaller id, the newest among those. Streams on another
 * finish there before its dialler closes it.
 *
 * A peer that was restarted, or whose good-bye got lost, has sessions no more that we still believe
 * in: each new session asks it about the others, and what it does not have is ended here. A session
 * that has gone silent makes us dial beside it, to have one to ask by.
 *
 * What the peer may do, and where it may be found, is asked of the owner through struct peer_host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/path.h"
#include "gateway/identity/peer_id.h"
#include "gateway/peer/session.h"
#include "gateway/transport/quic.h"

#define PEER_CANDIDATES_MAX 16
#define PEER_ADOPTED_MAX    8 /* connections that the peer dialled; the oldest makes way */

/* An attempt ends after this, so that a person is told within 10 s. */
#define PEER_CONNECT_WITHIN MSEC(9500)

struct peer;

/** What a peer should not do. */
enum peer_offence {
    PEER_MALFORMED,     /* messages, streams or packets against the protocol */
    PEER_OTHER_NETWORK, /* it belongs to another one */
    PEER_OVER_LIMIT,    /* more at a time than it may have */
};

struct peer_events {
    /** `p` did this on the connection `conn`. */
    void (*on_offence)(void *arg, struct peer *p, struct quic_conn *conn, enum peer_offence what);
    /** May this path lead to a peer? False: nothing comes in from there. NULL: any may. */
    bool (*may_use)(void *arg, const struct path *path);
    /** Where the peer may be found: writes at most `max` paths, best first. Returns how many. Sets
     *  `*more` if others may turn up in the next seconds (LAN): peer_add_candidate(). */
    size_t (*candidates)(void *arg, struct peer *p, struct path *out, size_t max, bool *more);
    /** The services that this peer may use now. */
    void (*list_services)(void *arg, struct peer *p, struct service_list *out);
    /** A session is ready to be used: peer_session(). */
    void (*on_ready)(void *arg, struct peer *p);
    /** The attempt to connect has failed: -EHOSTUNREACH, -ETIMEDOUT, -EACCES. */
    void (*on_failed)(void *arg, struct peer *p, int err, const char *why);
    /** State, path or services changed. */
    void (*on_changed)(void *arg, struct peer *p);
    /** As in struct session_events. */
    void (*on_pong)(void *arg, struct peer *p, uint32_t token);
    /** A message of another module came over `conn`, one of the peer's connections. */
    void (*on_part)(void *arg, struct peer *p, struct quic_conn *conn,
                    const struct message_part *part);
    /** One of the peer's connections is ready, changed its path, or (`ended`) is gone: for modules
     *  that have to do with connections and not with peers. */
    void (*on_conn)(void *arg, struct peer *p, struct quic_conn *conn, bool ended);
    void (*on_stream)(void *arg, struct peer *p, const struct preamble *what, struct pipe *pipe);
    void (*on_flow)(void *arg, struct peer *p, const struct preamble *what, struct flow *flow);
};

struct peer_host {
    struct env *env;
    struct quic_endpoint *quic;
    const struct peer_id *self;
    const struct message_hello *hello;
    instant udp_idle;
    const struct peer_events *events;
    void *arg;
};

struct peer {
    const struct peer_host *host;
    struct peer_id id;
    void *owner; /* the host's */

    struct list links; /* of struct link: dialling, connected, or on their way out */
    struct link *current;

    bool dialling;
    bool waiting_for_more;  /* candidates may still turn up */
    unsigned awaited;       /* ... and these tell when that is over: peer_await() */
    bool wanted;            /* redial when the session is lost */
    bool failed;            /* the last attempt did */
    bool denied;            /* by the peer itself, or here: asking again is of no use */
    unsigned failures;      /* in a row */
    instant began, give_up; /* this attempt */
    instant stop_waiting;   /* for candidates, when there is none left to try */
    instant redial;         /* INSTANT_NEVER: not planned */
    instant ask;            /* about silent sessions once more; INSTANT_NEVER: none */
    instant beside;         /* dial beside a silent session then; INSTANT_NEVER: none */
    struct path tried[PEER_CANDIDATES_MAX];
    size_t tried_count;
    int error;     /* worst of this attempt so far, 0: none */
    char why[512]; /* for people: what was tried and how it went */
    struct timer timer;

    uint64_t rx_bytes, tx_bytes; /* of connections that are gone; */
    uint64_t dropped;            /* datagrams that they dropped */
    instant throttled;           /* how long they had to wait for the limit on the rate */
};

void peer_init(struct peer *p, const struct peer_host *host, const struct peer_id *id);
/** Closes what is open. */
void peer_deinit(struct peer *p);

/** Begins to connect, unless connected or connecting; on_ready or on_failed follows. */
void peer_connect(struct peer *p);
/** As peer_connect(), and the attempt ends after `span`: for a peer that another one is waiting
 * for. */
void peer_connect_within(struct peer *p, instant span);
/** Keeps a session alive from now on: redials with growing pauses when it is lost. */
void peer_want(struct peer *p, bool wanted);
/** One more place where the peer may be. */
void peer_add_candidate(struct peer *p, const struct path *path);
/** A path leads nowhere any more: what is being dialled over it has failed. */
void peer_path_failed(struct peer *p, const struct path *path);
/** Who may still be looking for paths to a peer. */
enum peer_await {
    PEER_AWAIT_RELAY = 1,
    PEER_AWAIT_RECORD = 2,
    PEER_AWAIT_MAILBOX = 4,
};
/** While this attempt lasts, `who` is still looking for paths (`more`), or does not any longer. An
 *  attempt with nothing else left to try waits for that. */
void peer_await(struct peer *p, enum peer_await who, bool more);
/** Adds to what a person is told if this attempt to connect fails. */
void peer_note(struct peer *p, const char *format, ...) PRINTF_LIKE(2, 3);
/** The peer dialled us and is connected. Returns 0 or -ENOMEM; then close the connection. */
MUST_USE int peer_adopt(struct peer *p, struct quic_conn *conn);
/** Ends all its sessions at once, and the attempt to connect (on_failed with -EACCES). */
void peer_drop(struct peer *p, enum quic_close_code code);
/** Ends those of its sessions, and attempts to connect, that go over paths which may not be used
 * any more, and forgets such paths of the others. */
void peer_drop_shut(struct peer *p);
/** This machine slept so long that the peer has given all sessions up: they end, and it is dialled
 *  again soon if it is wanted. */
void peer_slept(struct peer *p);
/** Our own network changed: says so to the peer on every session, and redials soon. */
void peer_probe(struct peer *p);
/** Its grants changed. */
void peer_tell_services(struct peer *p);

/** The session to use, or NULL while there is none that is ready. */
struct session *peer_session(const struct peer *p);
/** The connection in use, or NULL. */
struct quic_conn *peer_conn(const struct peer *p);
bool peer_is_dialling(const struct peer *p);
/** How many connections there are, ready or not. */
size_t peer_connections(const struct peer *p);
/** Has it any connection, ready or not? */
bool peer_is_connected(const struct peer *p);

/** Sends a message of another module over one of the peer's connections. */
void peer_tell_part(struct quic_conn *conn, const struct message_part *part);

/* From the endpoint's handler, for connections whose quic_conn_app() is a struct link. */
void link_on_connected(struct link *link);
void link_on_ended(struct link *link, const struct quic_ended *ended);
void link_on_stream(struct link *link, struct pipe *pipe);
void link_on_datagram(struct link *link, instant now, const uint8_t *data, size_t len);
void link_on_path(struct link *link);
void link_on_doubt(struct link *link);
