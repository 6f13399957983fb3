/**
 * The inside of LAN discovery, shared by its parts: lan.c keeps the schedule, lan_speak.c makes
 * datagrams, lan_hear.c takes them apart. Others use gateway/discovery/lan.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/discovery/dnssd.h"
#include "gateway/discovery/lan_contacts.h"
#include "gateway/discovery/lan_ears.h"
#include "gateway/discovery/lan_places.h"
#include "gateway/discovery/lan_types.h"
#include "gateway/wire/beacon.h"

enum {
    LAN_ASKS_MAX = 8,
    LAN_REPLIES_MAX = 16,
    LAN_EVENTS_MAX = 64,
    LAN_NONCES_MAX = 64,
};

/** A question of ours. */
struct lan_ask_state {
    struct peer_id id;
    instant began; /* 0: free */
    instant due;   /* INSTANT_NEVER: all asked, or answered */
    unsigned asked;
};

/** A unicast datagram that waits to be sent. */
struct lan_reply {
    struct addr to;
    unsigned ifindex;
    size_t len;
    uint8_t data[BEACON_MIN];
};

/** Going over all places with one kind of datagram. */
enum lan_sweep { LAN_SWEEP_NONE, LAN_SWEEP_BEACON, LAN_SWEEP_SIGNED, LAN_SWEEP_ASK };

struct lan {
    struct lan_options options;
    struct lan_contacts contacts;
    struct lan_places places;
    struct lan_ears ears;
    struct dnssd dnssd;
    uint8_t instance[BEACON_INSTANCE_LEN];
    uint8_t ask_key[BEACON_KEY_LEN], answer_key[BEACON_KEY_LEN]; /* for our own id */
    uint8_t nonce[LAN_NONCES_MAX][BEACON_NONCE_LEN];             /* of what we sent lately */
    unsigned next_nonce;
    size_t next_join;
    instant beacon_due;
    unsigned burst_left;
    bool sign_next, bursting; /* of the round at hand */
    instant signed_at;        /* last round of signed beacons */
    struct lan_ask_state ask[LAN_ASKS_MAX];
    enum lan_sweep sweep; /* going over the places with one kind of datagram */
    size_t place;
    uint8_t keys[BEACON_ENTRIES_MAX][BEACON_KEY_LEN];
    size_t key_count;
    struct lan_reply reply[LAN_REPLIES_MAX];
    size_t reply_count;
    instant answered_at;
    struct lan_event event[LAN_EVENTS_MAX];
    size_t first_event, event_count;
    uint8_t out[BEACON_MAX];
    size_t out_len;
};
