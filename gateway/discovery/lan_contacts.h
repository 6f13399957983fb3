/**
 * The peers that a gateway knows, as LAN discovery needs them: a key each way, and when they were
 * heard.
 *
 * The key that tags what A says to B comes from the X25519 secret that only A and B can compute,
 * A's id and the network. It is computed when first needed, which takes some 50 us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/lan_types.h"
#include "gateway/identity/keys.h"
#include "gateway/identity/peer_id.h"
#include "gateway/wire/beacon.h"

struct lan_contact {
    struct peer_id id;
    enum { LAN_KEYLESS, LAN_KEYED, LAN_UNUSABLE } state;
    uint8_t key_in[BEACON_KEY_LEN], key_out[BEACON_KEY_LEN];
    uint8_t instance[BEACON_INSTANCE_LEN]; /* of its last start that we heard of */
    instant heard;                         /* 0: never */
    instant spoken_to;                     /* last unicast of ours, 0: never */
};

struct lan_contacts {
    const struct keys *keys;
    uint8_t network[LAN_NETWORK_LEN];
    struct lan_contact *list; /* in the order of their ids */
    size_t count;
    size_t next; /* whose turn it is in the next beacon */
};

void lan_contacts_init(struct lan_contacts *c, const struct keys *keys,
                       const uint8_t network[static LAN_NETWORK_LEN]);
/** Wipes the keys. */
void lan_contacts_deinit(struct lan_contacts *c);

/** Replaces the list; what is known of those that stay is kept. Returns 1 if somebody is new, 0,
 *  or -ENOMEM (nothing changed). Our own id and double ones are left out. */
MUST_USE int lan_contacts_set(struct lan_contacts *c, const struct peer_id *ids, size_t count);
/** The contact with this id, with keys, or NULL. */
struct lan_contact *lan_contacts_find(struct lan_contacts *c, const struct peer_id *id);
/** Finds whose beacon this is, and opens its entry for us. NULL: nobody's that we know. */
struct lan_contact *lan_contacts_recognise(struct lan_contacts *c, const struct beacon *b,
                                           struct beacon_note *note);
/** Writes the keys for the next beacon, up to BEACON_ENTRIES_MAX, everybody in turn. Returns how
 *  many. */
size_t lan_contacts_next_keys(struct lan_contacts *c,
                              uint8_t keys[static BEACON_ENTRIES_MAX][BEACON_KEY_LEN]);

/** The key of questions for `id`, or of its answers: made of the id alone. */
void lan_contacts_ask_key(const struct lan_contacts *c, const struct peer_id *id, bool answer,
                          uint8_t key[static BEACON_KEY_LEN]);
