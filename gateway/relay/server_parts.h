/**
 * The parts of struct relay_server, for the files that make it up (server_control.c, server_data.c,
 * server_account.c, server_invites.c).
 */
#pragma once

#include "gateway/base/bucket.h"
#include "gateway/base/list.h"
#include "gateway/base/map.h"
#include "gateway/relay/server.h"

#define RELAY_QUEUE_MAX     (256 << 10) /* bytes that wait for one receiver */
#define RELAY_QUEUE_ALL_MAX (8 << 20)   /* for all of them */
#define RELAY_STREETS       32          /* where those live who call one client */

/** What one peer may still have relayed. It outlives the peer's connections, so that nobody gets
 *  another day by coming anew. */
struct relay_account {
    struct list link; /* in server->accounts, the oldest first */
    struct peer_id id;
    unsigned users;     /* clients */
    struct bucket rate; /* bytes; unused when its rate is 0 */
    uint64_t day_bytes; /* since `day` */
    instant day;
};

/** One connection that has to do with the relay. */
struct relay_client {
    struct list link; /* in server->clients */
    void *conn;
    struct peer_id id;
    struct path path;
    bool registered;
    struct list sides; /* of struct relay_side */
    unsigned circuits;
    struct relay_account *account;       /* of who pays; NULL unless it has been registered */
    struct bucket asks;                  /* messages that cost us something */
    struct bucket calls;                 /* of others, by circuits that we tell it of */
    struct bucket street[RELAY_STREETS]; /* of that, by the callers' addresses; some share one */
    struct list queue;                   /* of struct relay_batch, oldest first */
    size_t queued;                       /* bytes */
    struct list invites;                 /* of struct relay_invite: its own */
    unsigned asked, answered;            /* talks that it is the guest and the host of */
    struct bucket notes, heard;          /* about invites: that it sends, that it gets */
};

/** All that registered an invite of one handle. */
struct relay_handle {
    uint8_t handle[RELAY_MESSAGE_HANDLE];
    struct list hosts; /* of struct relay_invite, the first to come first */
    unsigned count;
};

struct relay_invite {
    struct list link; /* in client->invites */
    struct list same; /* in handle->hosts */
    struct relay_handle *handle;
    struct relay_client *client;
};

/** A guest and a host of an invite that exchange notes. */
struct relay_talk {
    struct list link; /* in server->talks, the one longest unused first */
    uint32_t token;
    struct relay_client *guest, *host;
    uint8_t handle[RELAY_MESSAGE_HANDLE];
    instant used;
};

/** One end of a circuit. */
struct relay_side {
    struct list link; /* in client->sides */
    struct relay_circuit *circuit;
    struct relay_client *client;
    uint8_t tag[RELAY_FRAME_TAG_LEN];
};

struct relay_circuit {
    struct list link; /* in server->circuits, the one longest unused first */
    uint32_t number;
    struct relay_side side[2]; /* the caller, and the called, which pays */
    instant used;
};

/** Datagrams that a full socket did not take. */
struct relay_batch {
    struct list link;
    size_t len, segment;
    uint8_t data[];
};

struct relay_server {
    struct relay_server_options options;
    struct list clients, circuits;
    struct map by_conn;   /* of clients, by conn */
    struct map by_id;     /* of those that are registered */
    struct map by_number; /* of circuits */
    struct list accounts;
    struct map by_payer;  /* of accounts */
    struct map by_handle; /* of struct relay_handle */
    struct list talks;
    struct map by_token; /* of talks */
    uint32_t last_number;
    uint64_t streets[2]; /* secret: who shares one with whom */
    uint8_t secret[32];
    size_t queued; /* bytes, of all clients */
    struct relay_server_counters counters;
};

/** The client of a connection, or NULL. */
struct relay_client *relay_client_of(const struct relay_server *s, const void *conn);

/** Forgets what waits for a client. */
void relay_queue_drop(struct relay_server *s, struct relay_client *c);

/* server_account.c */

/** The account of a peer, made if need be, with one user more; NULL: no memory. */
struct relay_account *relay_account_open(struct relay_server *s, instant now,
                                         const struct peer_id *id);
/** One user less. It stays for the rest of its day. Nothing for NULL. */
void relay_account_close(struct relay_account *a);
/** Takes what is relayed from the account, or nothing and returns false. */
bool relay_account_pay(struct relay_server *s, struct relay_account *a, instant now,
                       uint64_t bytes);
/** Frees them all. */
void relay_account_end(struct relay_server *s);

/* server_invites.c */

void relay_invites_init(struct relay_server *s);
/** Frees it all; the clients have left. */
void relay_invites_end(struct relay_server *s);
void relay_invites_add_client(struct relay_client *c);
/** Its invites and its talks end. */
void relay_invites_drop_client(struct relay_server *s, struct relay_client *c);
/** A message for which relay_message_of_invites(). */
void relay_invites_message(struct relay_server *s, instant now, struct relay_client *c,
                           const struct relay_message *m);
/** Ends talks that nobody has used for a minute. */
void relay_invites_tick(struct relay_server *s, instant now);
instant relay_invites_deadline(const struct relay_server *s);
