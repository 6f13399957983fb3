/**
 * Meeting contacts through slots of the DHT (gateway/discovery/dht_mailbox.h): for two gateways
 * behind NATs that have no relay, and no server of anybody's between them.
 *
 * A contact that is not reached within seconds gets a call; contacts' slots are read while there is
 * no relay through which we are reached, and where an answer is waited for. Before anything is
 * written, nodes of the DHT are asked where they see us (mirror_desk.h). What a contact says leads
 * to a meeting, as if it had come by mail (mail_desk.h).
 */
#pragma once

#include <stdbool.h>

#include "gateway/discovery/dht_mailbox.h"
#include "gateway/node/desk.h"
#include "gateway/node/dht_desk.h"
#include "gateway/node/mail_desk.h"
#include "gateway/node/mirror_desk.h"
#include "gateway/node/relay_desk.h"

struct mailbox_desk_options {
    const struct keys *keys;
    const uint8_t *network; /* message_network() */
    struct gather *gather;
    struct dht_desk *dht;
    struct mail_desk *mail; /* for its meetings */
    const struct relay_desk *relay;
};

struct mailbox_desk {
    const struct desk *node;             /* borrowed; NULL: not started, or switched off */
    struct mailbox_desk_options options; /* borrowed, all of them */
    struct dht_mailbox slots;
    struct mailbox box;
    struct mirror_desk mirror;
    struct dht_ready ready;
    bool entered; /* it makes sense to ask the DHT */
    bool known;   /* the contacts of the start are */
    struct mailbox_look {
        struct mailbox_desk *desk;
        struct dht_call call;
        struct peer_id from;
    } look[DHT_MAILBOX_READS];
    struct mailbox_draft draft; /* that is being written: */
    enum { MAILBOX_DESK_IDLE, MAILBOX_DESK_LOOKS, MAILBOX_DESK_PUTS } writing;
    struct dht_call put;
    bool put_again; /* our clock was ahead once: with a higher number */
    struct mailbox_wanted {
        struct peer_id id;
        instant until;              /* 0: free */
    } wanted[DHT_MAILBOX_CONTACTS]; /* whom somebody waits for, here or there */
    struct timer timer;
};

/** Begins, if the DHT runs and it is not switched off. */
void mailbox_desk_start(struct mailbox_desk *d, const struct desk *node,
                        const struct mailbox_desk_options *options);
/** Fine on a zeroed struct. */
void mailbox_desk_stop(struct mailbox_desk *d);
/** The registry changed. */
void mailbox_desk_contacts(struct mailbox_desk *d);
void mailbox_desk_network_changed(struct mailbox_desk *d);

/** A peer is being dialled. */
void mailbox_desk_find(struct mailbox_desk *d, struct peer *p);
/** From the peers' events. */
void mailbox_desk_on_ready(struct mailbox_desk *d, const struct peer *p);
void mailbox_desk_on_conn(struct mailbox_desk *d, bool ended);

/** As node_mailbox(). */
void mailbox_desk_view(const struct mailbox_desk *d, struct node_mailbox_view *out);
