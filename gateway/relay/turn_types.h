/**
 * The TURN client's state; see gateway/relay/turn_client.h for how to drive it.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"
#include "gateway/relay/turn_auth.h"
#include "gateway/wire/turn.h"

#define TURN_PEERS_MAX    32
#define TURN_CHANNELS     (TURN_CHANNEL_LAST - TURN_CHANNEL_FIRST + 1)
#define TURN_SEED_LEN     32
#define TURN_LIFETIME     600 /* seconds that we ask for, RFC 8656 §3.2 */
#define TURN_LIFETIME_MIN 30  /* a shorter one is taken for this, a longer one than the next ... */
#define TURN_LIFETIME_MAX 3600
#define TURN_REASON_MAX   128

enum turn_state {
    TURN_ALLOCATING,
    TURN_READY,
    TURN_MOVED,
    TURN_FAILED,
    TURN_CLOSING,
    TURN_CLOSED,
};

enum turn_failure {
    TURN_NO_FAILURE,
    TURN_SILENT,       /* no answer */
    TURN_UNAUTHORIZED, /* wrong user or password, or time-limited credentials too old */
    TURN_FORBIDDEN,    /* by the server's policy */
    TURN_QUOTA,        /* too many allocations of this user */
    TURN_CAPACITY,     /* the server is full */
    TURN_UNSUPPORTED,  /* transport or address family */
    TURN_MISMATCH,     /* our port has an allocation that is not ours: use another port */
    TURN_MISDIRECTED,  /* sent to other servers without end, or to a bad address */
    TURN_REFUSED,      /* anything else, see reason */
};

struct turn_options {
    struct addr server;
    bool stream;                 /* TCP or TLS to the server */
    enum turn_family family;     /* of the address we want; 0: that of the server */
    const char *user, *password; /* borrowed for the call; NULL: none */
    uint8_t seed[TURN_SEED_LEN]; /* random: transaction ids come from it */
};

/** A request with its repetitions. */
struct turn_ask {
    bool active;
    uint8_t id[STUN_ID_LEN];
    unsigned sent, stale; /* requests; nonces that were too old */
    instant due;
};

enum turn_peer_state {
    TURN_PEER_NONE, /* a free place */
    TURN_PEER_OPENING,
    TURN_PEER_OPEN,
    TURN_PEER_REFUSED, /* `code` says why, 0: no answer */
};

struct turn_peer {
    enum turn_peer_state state;
    struct addr addr;
    uint16_t channel;
    unsigned code;
    instant bind_at, permit_at; /* when to renew them */
    struct turn_ask bind, permit;
};

/** Read the fields freely. */
struct turn_client {
    enum turn_state state;
    enum turn_failure failure;
    char reason[TURN_REASON_MAX];
    struct addr server, relayed, mapped;
    bool stream;
    enum turn_family family;
    struct turn_auth auth;
    uint8_t seed[TURN_SEED_LEN];
    uint32_t ids;
    unsigned moves, restarts;
    struct turn_ask ask; /* Allocate or Refresh */
    instant refresh_at;
    uint16_t next_channel;
    instant lapse[TURN_CHANNELS]; /* of each number: until then the server may know its peer */
    struct turn_peer peer[TURN_PEERS_MAX];
};
