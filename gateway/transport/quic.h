/**
 * Sessions: QUIC v1 (RFC 9000, 9001, 9002, 9221) between two identities, over virtual paths.
 *
 * One endpoint serves all sessions of a gateway. It is a sans-I/O machine: the owner feeds it the
 * datagrams that arrived, lets it tell what happened, takes away what is to be sent and calls again
 * at its deadline:
 *
 *     quic_input(ep, now, &path, data, len, segment)     for each received batch
 *     quic_dispatch(ep, now)                             after the batch: calls the handlers below
 *     while (quic_output(ep, now, &tx)) send(tx);        then writes
 *     timer at quic_deadline(ep)                         on expiry: quic_dispatch(), quic_output()
 *
 * Handlers and pipe events run inside quic_dispatch() only. They may open, write, close and reset
 * anything, but must not call quic_input(), quic_dispatch() or quic_output(). Whatever they (or
 * anyone, at any time) do that gives the endpoint something to send calls `wake` once, so that the
 * owner comes back with quic_dispatch() and quic_output() soon.
 *
 * Peers are identified by their Ed25519 keys (raw public keys, RFC 7250), checked both ways in
 * handshake_completed and said to be connected when the handshake is confirmed. See
 * transport/path_set.h for how the real path below a session changes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/path.h"
#include "gateway/base/pipe.h"
#include "gateway/identity/keys.h"
#include "gateway/identity/peer_id.h"
#include "gateway/transport/path_set.h"

#define QUIC_ALPN         "overlay/1"
#define QUIC_PAYLOAD      1200      /* bytes of UDP payload that fit every IPv6 path */
#define QUIC_PAYLOAD_MAX  PROBE_MAX /* likewise, on a path that has proved to carry them */
#define QUIC_DATAGRAM_MAX 1150      /* bytes of one application datagram that always fit */
#define QUIC_GUESS_LEN    PROBE_MIN

struct quic_endpoint;
struct quic_conn;

/** Why a connection ended. */
enum quic_end {
    QUIC_END_CLOSED,      /* we closed it */
    QUIC_END_PEER_CLOSED, /* the other side closed it: see code and reason */
    QUIC_END_IDLE,        /* nothing was heard for the idle time */
    QUIC_END_TIMED_OUT,   /* the handshake did not finish in time */
    QUIC_END_WRONG_ID,    /* another identity answered: "peer id mismatch" */
    QUIC_END_REFUSED,     /* the other side refused our identity or protocol */
    QUIC_END_RESET,       /* stateless reset: the other side has lost the session */
    QUIC_END_ERROR,       /* protocol or local error */
};

struct quic_ended {
    enum quic_end why;
    bool broken;      /* the other side did not keep to the protocol */
    bool proven;      /* the other side had proved to be whom we dialled, or who it is */
    uint64_t code;    /* the other side's QUIC error code where there is one */
    char reason[128]; /* for logs; printable ASCII only */
};

/** Application error codes of CONNECTION_CLOSE. */
enum quic_close_code {
    QUIC_CLOSE_DONE = 0,      /* shutting down */
    QUIC_CLOSE_DENIED = 1,    /* not one of ours, or blocked: the one uniform refusal */
    QUIC_CLOSE_DUPLICATE = 2, /* another connection to the same peer is kept */
    QUIC_CLOSE_NETWORK = 3,   /* each belongs to a network of its own */
};

/** What is wrong about somebody who is not known yet. */
enum quic_offence {
    QUIC_OFFENCE_AUTH,      /* the handshake failed: no key, a wrong one, or another protocol */
    QUIC_OFFENCE_MALFORMED, /* packets against the protocol */
    QUIC_OFFENCE_FLOOD,     /* more callers than are heard */
};

struct quic_handler {
    /** Somebody who called did this, from there, unless another sent it in his name: he is `there`
     *  if he has shown to receive at that address. Called from quic_input(), so only to be noted.
     *  May be NULL. */
    void (*on_offence)(void *arg, enum quic_offence what, const struct path *path, bool there);
    /**
     * The other side has proved to be `id`. Only for connections that it dialled. False refuses it
     * with QUIC_CLOSE_DENIED. Called before any stream; may be called from quic_input().
     */
    bool (*on_identity)(void *arg, const struct peer_id *id, const struct path *path);
    /** Handshake confirmed: streams may be opened. For dialled and accepted connections. */
    void (*on_connected)(void *arg, struct quic_conn *conn);
    /** The other side opened a stream, readable now. It is yours to close or reset. */
    void (*on_stream)(void *arg, struct quic_conn *conn, struct pipe *pipe);
    /** An application datagram, borrowed for the call. */
    void (*on_datagram)(void *arg, struct quic_conn *conn, const uint8_t *data, size_t len);
    /** The real path changed (roaming, later also upgrade and fall-back). */
    void (*on_path)(void *arg, struct quic_conn *conn, const struct path *path);
    /** An authentic probe of the other side came over `path`, which `works` both ways or is not
     *  known to. Called from quic_input(), so only to be noted: call nothing of the endpoint. May
     *  be NULL. */
    void (*on_probe)(void *arg, struct quic_conn *conn, const struct path *path, bool works);
    /** Nothing is heard although an answer is due, for 3 s. Comes once each time. */
    void (*on_doubt)(void *arg, struct quic_conn *conn);
    /** A session that was idle for so long that it gave up its straight path for a relay's has data
     *  again: it may be time to punch. Those paths are tried again anyway. May be NULL. */
    void (*on_wake)(void *arg, struct quic_conn *conn);
    /** The connection is over; it is freed after this returns. Pipes that were not given back got
     *  on_reset (PIPE_RESET_SESSION_LOST) before. Comes exactly once for each connection that was
     *  dialled or got on_connected. */
    void (*on_ended)(void *arg, struct quic_conn *conn, const struct quic_ended *ended);
};

struct quic_options {
    const struct keys *keys; /* borrowed for the endpoint's life */
    uint8_t reset_key[32];   /* kept across restarts (RFC 9000 §10.3) */
    void (*random)(void *arg, void *out, size_t len);
    const struct quic_handler *handler;
    void (*wake)(void *arg);
    void *arg;                  /* of random, handler and wake */
    instant idle_timeout;       /* SEC(30) when 0 */
    instant keep_alive;         /* while there is data, and a minute after: SEC(10) when 0. Later,
                                   25 to 28 s. */
    instant handshake_timeout;  /* SEC(10) when 0 */
    uint64_t streams_per_peer;  /* 16384 when 0 */
    uint64_t stream_window;     /* bytes a stream may have unread here; 4 MiB when 0 */
    uint64_t connection_window; /* bytes a peer may have unread here; 32 MiB when 0 */
    size_t send_buffer;         /* bytes a stream may have unacknowledged; 2 MiB when 0 */
    unsigned max_connections;   /* of all peers; 1024 when 0 */
    uint64_t rate; /* bytes a second of streams and datagrams that a connection may carry, each way
                      by itself; 0: no limit */
    size_t piece;  /* bytes of a connection that may leave before it is another one's turn; 0: as
                      many as its pace allows */
    bool chacha20; /* prefer it to AES; always so on a CPU without AES */
};

/** Datagrams to be sent: as struct udp_tx. Valid until the next quic_output(). */
struct quic_tx {
    struct path path;
    const uint8_t *data;
    size_t len;
    size_t segment;
};

MUST_USE int quic_endpoint_new(struct quic_endpoint **out, const struct quic_options *options);
/** Sends nothing; call quic_close() and drain quic_output() before for a clean good-bye. */
void quic_endpoint_free(struct quic_endpoint *ep);

/** Takes received datagrams: QUIC packets and path probes; others are dropped. `data` may be
 *  overwritten. `len` bytes hold datagrams of `segment` bytes, the last maybe shorter. */
void quic_input(struct quic_endpoint *ep, instant now, const struct path *path, uint8_t *data,
                size_t len, size_t segment);
void quic_dispatch(struct quic_endpoint *ep, instant now);
/** Returns true and fills `tx`, or false: nothing to send now. */
MUST_USE bool quic_output(struct quic_endpoint *ep, instant now, struct quic_tx *tx);
/** When to call quic_dispatch() again, INSTANT_NEVER, or in the past: events wait, at once. Ask
 * after quic_output() has returned false; while a full socket keeps it from that, do not wait for
 * it. */
instant quic_deadline(const struct quic_endpoint *ep);

/**
 * Dials `id` over `path`. `app` is for quic_conn_app(). Returns 0, or -ENOMEM, or -EMFILE when
 * max_connections is reached.
 */
MUST_USE int quic_dial(struct quic_endpoint *ep, instant now, struct quic_conn **out,
                       const struct peer_id *id, const struct path *path, void *app);

/** Starts to close: pipes are reset, on_ended (QUIC_END_CLOSED) follows from quic_dispatch(). */
void quic_close(struct quic_conn *conn, enum quic_close_code code);

/**
 * The local network changed, or this path may have died: probe it now and, on a fresh path, send
 * something at once so that the other side learns where we are.
 */
void quic_conn_probe(struct quic_conn *conn);
/** Adds a path worth trying for this session: it is probed, and used when it proves better. */
void quic_conn_add_path(struct quic_conn *conn, const struct path *path);

/** The session is used although no data says so. */
void quic_conn_use(struct quic_conn *conn);
/** What carries this path of a session has ended: if the session uses it, it goes elsewhere at
 * once. Does nothing for a path that the session does not know. */
void quic_conn_path_gone(struct quic_conn *conn, const struct path *path);
/** The same for all sessions. */
void quic_path_gone(struct quic_endpoint *ep, const struct path *path);
/** A datagram of `len` bytes from quic_output() was refused, being larger than the link carries. */
void quic_too_large(struct quic_endpoint *ep, instant now, const struct path *path, size_t len);

/**
 * Writes one ping of QUIC_GUESS_LEN bytes to send to a place where the peer may be
 * (path_set_guess()): hole punching. Returns 0, or -ENOTCONN: there are no keys yet.
 */
MUST_USE int quic_conn_guess(struct quic_conn *conn, const struct addr *remote,
                             uint8_t out[static QUIC_GUESS_LEN]);
/** The connection that a datagram is for, by its first bytes, or NULL. It need not be authentic. */
struct quic_conn *quic_conn_for(const struct quic_endpoint *ep, const uint8_t *data, size_t len);
/** Visits the paths of a kind that connected sessions have: when each was last `heard`, by an
 *  authentic packet or probe. */
void quic_each_path(struct quic_endpoint *ep, enum path_kind kind,
                    void (*visit)(void *arg, const struct path *path, instant heard), void *arg);
/** Describes the paths of a session, the current one first: how many there are, of which up to
 *  `max` are written. */
size_t quic_conn_paths(const struct quic_conn *conn, struct path_info *out, size_t max);

/** Opens a stream. Returns 0, -EAGAIN (the other side's limit of open streams), or -ENOTCONN. */
MUST_USE int quic_open_stream(struct quic_conn *conn, struct pipe **out);
/** The stream's QUIC id, which both sides know it by. */
int64_t quic_stream_id(const struct pipe *pipe);
/** Data of this stream is no sign that the session is used. */
void quic_stream_set_quiet(struct pipe *pipe);
/** The connection a pipe belongs to; valid until its on_reset with PIPE_RESET_SESSION_LOST. */
struct quic_conn *quic_stream_conn(const struct pipe *pipe);

/**
 * Queues one datagram, up to QUIC_DATAGRAM_MAX bytes and at least one. Returns 0, -EMSGSIZE (also
 * when the other side takes smaller ones only), -ENOBUFS (queue full: dropped and counted), or
 * -EOPNOTSUPP (the other side takes none). It is dropped too if it has to wait for 150 ms.
 */
MUST_USE int quic_send_datagram(struct quic_conn *conn, const uint8_t *data, size_t len);

/** Application datagrams that were dropped on this side. */
struct quic_dropped {
    uint64_t full;      /* to be sent: the queue was full */
    uint64_t late;      /* to be sent: it waited there for 150 ms */
    uint64_t unread;    /* arrived faster than they were dispatched */
    uint64_t over_rate; /* arrived faster than quic_options.rate */
};

static inline uint64_t quic_dropped_sum(const struct quic_dropped *d)
{
    return d->full + d->late + d->unread + d->over_rate;
}

struct quic_conn_info {
    struct peer_id id;
    bool dialled;       /* by us */
    bool connected;     /* handshake confirmed */
    bool in_doubt;      /* on_doubt was given, and nothing was heard since */
    bool resting;       /* idle for minutes: see on_wake */
    bool speaks_probes; /* the other side is a gateway; iroh is not */
    struct path path;
    size_t payload;              /* bytes of UDP payload that a packet may have on it now */
    instant rtt;                 /* smoothed, 0 until measured */
    uint64_t rx_bytes, tx_bytes; /* UDP payload */
    uint64_t streams;            /* open now */
    instant since;               /* when it was connected */
    instant heard;               /* when an authenticated packet last arrived */
    instant throttled;           /* for how long data to be sent has waited for `rate` */
    struct quic_dropped dropped;
};

void quic_conn_info(const struct quic_conn *conn, struct quic_conn_info *out);
void *quic_conn_app(const struct quic_conn *conn);
void quic_conn_set_app(struct quic_conn *conn, void *app);
/** Keying material of this session for the label (RFC 8446 §7.5), the same on both sides. -ENOTCONN
 *  before the handshake is complete. */
MUST_USE int quic_conn_export(const struct quic_conn *conn, const char *label, uint8_t *out,
                              size_t len);
