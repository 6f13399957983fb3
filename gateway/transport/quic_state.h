/**
 * The parts of an endpoint, for the quic_*.c files only: they are one machine, cut by event.
 *
 *     quic_endpoint   what comes in, whom to tell, what goes out, when
 *     quic_door       what is decided before there is a connection: Retry, versions, resets, limits
 *     quic_street     callers by where they come from
 *     quic_conn       a connection's birth and life
 *     quic_end        its end and afterlife
 *     quic_callbacks  what ngtcp2 tells us
 *     quic_tls        TLS sessions              quic_keys      packet protection
 *     quic_packet     what goes into the next packets
 *     quic_route      the real path below a connection
 *     quic_afresh     what a new one makes ngtcp2 forget
 *     quic_stream     streams                   quic_pipe      what their owners do with them
 *     quic_chunk      pieces of stream data     quic_datagram  application datagrams
 *     quic_table      finding a connection      quic_work      who has something to do
 *     quic_rate       the limit on a connection's rate
 *     quic_memory     the limit on what ngtcp2 keeps for it
 *
 * A connection is "live" while `quic` is set. After its end it stays until its owner was told, and
 * until late packets have died out (RFC 9000 §10.2), as a shell with nothing but ids.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ngtcp2/ngtcp2.h>

#include "gateway/base/bucket.h"
#include "gateway/base/heap.h"
#include "gateway/base/list.h"
#include "gateway/base/map.h"
#include "gateway/transport/path_set.h"
#include "gateway/transport/quic.h"
#include "gateway/transport/quic_chunk.h"
#include "gateway/transport/quic_tls.h"

#define QUIC_CID_LEN     8     /* of the ids that we issue */
#define QUIC_IDS_MAX     16    /* ids of one connection at a time; ngtcp2 keeps to 8 */
#define QUIC_BATCH_ROOM  65507 /* largest UDP payload over IPv4 */
#define QUIC_BATCH_COUNT 64    /* UDP_SEGMENT's limit */
#define QUIC_REPLIES     32    /* stateless answers that may wait */
#define QUIC_REPLY_ROOM  640
#define QUIC_STREETS     256

#define QUIC_ADDRESS_KEY_MAX 22 /* an IPv6 address, port and scope */

/* ---- streams ---- */

enum quic_stream_event {
    QUIC_STREAM_OPENED = 1,
    QUIC_STREAM_READABLE = 2,
    QUIC_STREAM_WRITABLE = 4,
    QUIC_STREAM_RESET = 8,
};

struct quic_stream {
    struct pipe pipe;
    struct quic_endpoint *ep; /* NULL, and so conn, once the connection is freed */
    struct quic_conn *conn;
    int64_t id;
    struct list all;    /* conn->streams */
    struct list posted; /* ep->posted_streams, while it has events */
    struct list send;   /* conn->send_new or send_old, while it has something to send */

    struct quic_chain tx;        /* written and not acknowledged */
    struct quic_chunk *next;     /* of tx: where the bytes begin that were never sent, or NULL */
    uint32_t next_at;            /* offset in next->data */
    uint64_t acked, sent, ended; /* of the send side: acked <= sent <= ended */

    struct quic_chain rx;     /* received and not consumed */
    size_t rx_held;           /* bytes in it */
    uint32_t rx_run, rx_bulk; /* bytes since rx was last empty, and how many that usually are */

    unsigned burst;                /* bytes sent since its turn came */
    uint8_t events;                /* enum quic_stream_event */
    uint8_t reset_why;             /* enum pipe_reset */
    bool owned;                    /* the pipe was not given back yet */
    bool held;                     /* a handler is running: do not free */
    bool bulk;                     /* in send_old */
    bool quiet;                    /* its data is no sign that the session is used */
    bool open;                     /* ngtcp2 knows it */
    bool announce;                 /* nothing was sent, so the other side does not know of it */
    bool wants_room;               /* reserve() returned 0 */
    bool hungry;                   /* all room that reserve() named was filled: it has much */
    bool blocked;                  /* by the other side's window */
    bool finish, fin_sent;         /* our end of data: wanted, sent */
    bool fin_alone, fin_acked;     /* it went in a frame of its own; that was acknowledged */
    bool tx_shut;                  /* sending was aborted by either side */
    bool rx_fin;                   /* everything was received, or nothing will be */
    bool rx_lost;                  /* what was received has been thrown away */
    bool reset_seen, reset_unread; /* on_reset was given; waits for rx to be consumed */
};

/* ---- connections ---- */

enum quic_conn_event {
    QUIC_CONN_CONNECTED = 1,
    QUIC_CONN_PATH = 2,
    QUIC_CONN_ENDED = 4,
    QUIC_CONN_DOUBT = 8,
    QUIC_CONN_WAKE = 16,
};

struct quic_id {
    uint8_t len; /* 0: free */
    uint8_t data[NGTCP2_MAX_CIDLEN];
};

/** For quic_rate only; unused without a limit. */
struct quic_rate {
    struct bucket out, in, datagrams_in;
    uint64_t step;            /* bytes that `out` must hold to go on after it was empty */
    uint64_t lump;            /* bytes of credit worth telling */
    uint64_t granted;         /* stream data that the other side may send, of all time; */
    uint64_t received;        /* that it has sent; */
    uint64_t room;            /* that we have memory for */
    bool held;                /* `out` was empty, since */
    instant held_at, free_at; /* then, and until then at most */
    instant throttled;        /* how long that was, of all time */
};

/** What a server's ngtcp2 is shown, so that it forgets its path's round trip and window. */
enum quic_detour {
    QUIC_DETOUR_NONE,
    QUIC_DETOUR_AWAY, /* the next packet comes from elsewhere */
    QUIC_DETOUR_BACK, /* it did, and the next comes from the usual place */
};

struct quic_conn {
    struct quic_endpoint *ep;
    ngtcp2_conn *quic; /* NULL: ended */
    ngtcp2_mem allocator;
    size_t memory; /* bytes taken through it */
    gnutls_session_t tls;
    struct quic_tls_link link;
    void *app;

    struct peer_id id;
    bool dialled;
    bool half_open; /* counted as such */
    uint8_t street; /* and by address, here */
    bool identified;
    bool there;   /* it has shown to receive at its path's address */
    bool refused; /* on_identity said no */
    bool connected;
    bool told_connected; /* on_connected was given */
    bool told_ended;
    bool got_reset; /* stateless */
    bool kick;      /* send something ack-eliciting at once */
    bool in_doubt;  /* its path is silent, and the owner was told */
    bool foreign;   /* ngtcp2 was told the real addresses of late */
    bool blocked;   /* by the connection's window, in the packet under way */
    bool counted;   /* in ep->connections */
    bool used;      /* by data of an application, and the path set was not told */

    instant keep_alive; /* QUIC's own, now */

    struct path path;           /* real */
    struct addr virtual_local;  /* what ngtcp2 believes */
    struct addr virtual_remote; /* likewise */
    struct path_set *paths;     /* NULL before the handshake is complete */
    uint64_t token;             /* paths' */
    uint8_t *last;              /* packet with data that was sent, of last_len bytes, or NULL */
    size_t last_len;
    bool again;  /* it is to be sent once more */
    bool afresh; /* a client's ngtcp2 is to forget its path */
    enum quic_detour detour;

    struct list all;        /* ep->conns */
    struct list active;     /* ep->active or ep->parked, while it may have something to send */
    struct list posted;     /* ep->posted_conns, while it has events */
    struct list neighbours; /* others whose path's remote is the same */
    uint8_t address_key[QUIC_ADDRESS_KEY_MAX]; /* of ep->by_address */
    uint8_t address_key_len;
    struct quic_id ids[QUIC_IDS_MAX];
    struct timer timer;
    uint8_t events; /* enum quic_conn_event */

    struct list streams, send_new, send_old;
    size_t stream_count;
    size_t lead;    /* bytes that send_new had before its turn while send_old waits */
    size_t tx_held; /* bytes in all streams' tx */

    struct quic_chain datagrams;     /* one a chunk */
    struct quic_chunk *datagram_new; /* of them: came since the last turn, and all behind it */
    unsigned datagram_count;
    bool datagram_turn;
    uint64_t datagram_id;

    unsigned rounds;    /* of this turn */
    size_t round_bytes; /* written in this round */
    size_t round_limit; /* 0: no round under way */
    bool turn_over;     /* the pacer or the lack of data says so */
    uint64_t rx_bytes, tx_bytes;
    uint64_t told_bytes; /* tx_bytes, when the path set was last told of as many, */
    instant told_at;     /* and when that was */
    instant since, heard;

    struct quic_ended ended;
    bool is_shell;      /* counted in ep->shells */
    instant shell_time; /* how long it stays one after its farewell */
    uint8_t *farewell;  /* a shell's: CONNECTION_CLOSE, to be repeated */
    size_t farewell_len;
    bool farewell_due;
    unsigned farewell_heard, farewell_next; /* packets since, and when to repeat: 1, 2, 4... */

    struct quic_dropped dropped;
    struct quic_rate rate;
};

/* ---- the endpoint ---- */

struct quic_reply {
    struct path path;
    size_t len;
    uint8_t data[QUIC_REPLY_ROOM];
};

struct quic_datagram_in {
    struct quic_conn *conn;
    uint32_t at, len;
};

struct quic_endpoint {
    struct quic_options options; /* with defaults filled in */
    struct quic_tls tls;
    struct packet_engine *engine; /* NULL before the first session */
    instant now;                  /* ours: never goes back */
    instant raw;                  /* the last one that we were given */
    bool busy;                    /* in one of the four driving calls: no need to wake anyone */
    bool woken;

    struct map ids;        /* connection ids */
    struct map tokens;     /* of probes */
    struct map by_address; /* real remote addresses, one of the connections there */
    struct heap timers;
    struct list conns, active, parked;
    struct list posted_conns, posted_streams, ended;
    unsigned connections, half_open, shells;
    size_t memory;                       /* of all conns */
    uint16_t half_open_of[QUIC_STREETS]; /* of half_open, by address */

    struct quic_pool pool;
    struct quic_chunk *spare[QUIC_SIZES]; /* what reserve() names */
    struct quic_stream *reserved;         /* by whom, */
    enum quic_size reserved_size;         /* of the second area */
    size_t reserved_room;                 /* and how many bytes */

    struct quic_datagram_in *datagrams; /* arrived, not dispatched */
    uint8_t *datagram_bytes;
    unsigned datagram_count;
    size_t datagram_used;

    uint8_t token_key[32]; /* of Retry tokens */
    struct bucket resets;  /* stateless */
    struct bucket rates[QUIC_STREETS];
    struct quic_reply *replies; /* ring of QUIC_REPLIES */
    unsigned reply_first, reply_count;

    uint8_t single[QUIC_PAYLOAD_MAX]; /* a datagram that is not part of a batch */
    uint8_t *batch;                   /* QUIC_BATCH_ROOM and the largest packet */
    struct quic_conn *carry_conn;     /* wrote a packet that did not fit the batch before it */
    size_t carry_at, carry_len;
    struct path carry_path;
};
