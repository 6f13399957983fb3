/**
 * Keys that two gateways share without having talked: what one of them says to the other, where
 * strangers can hear and send too, is made with them.
 *
 * Every use has a label of its own, so that no key serves for two things; and gateways of different
 * networks ([gateway] network) have different ones.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/identity/keys.h"
#include "gateway/identity/peer_id.h"

#define PAIR_KEY_LEN         32
#define PAIR_KEY_LABEL_LEN   16
#define PAIR_KEY_NETWORK_LEN 16

/** What a key is for: borrowed. */
struct pair_key_use {
    const char *label;      /* PAIR_KEY_LABEL_LEN characters */
    const uint8_t *network; /* PAIR_KEY_NETWORK_LEN bytes: message_network() */
};

/**
 * The keys of what `other` says to us and of what we say to it: made of the X25519 secret that only
 * the two can compute, which takes some 50 us. Returns 0, or -EINVAL for a key of small order.
 */
MUST_USE int pair_keys(const struct keys *keys, const struct peer_id *other,
                       const struct pair_key_use *use, uint8_t in[static PAIR_KEY_LEN],
                       uint8_t out[static PAIR_KEY_LEN]);
/** A key that everybody can make who knows an id, and nobody else. */
void pair_key_of_id(const struct peer_id *id, const struct pair_key_use *use,
                    uint8_t key[static PAIR_KEY_LEN]);
