/**
 * A BEP 44 item: a value that its hash names (immutable), or that a key signs under a number that
 * only grows (mutable).
 *
 * One function checks all that makes an item true to its target, for what others want us to keep
 * and for what they answer us with alike.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/discovery/dht_id.h"
#include "gateway/identity/keys.h"
#include "gateway/wire/krpc.h"

/** A value. */
struct dht_item {
    bool mutable; /* key, sig, seq and salt count */
    uint8_t key[KRPC_KEY_LEN];
    uint8_t sig[KRPC_SIG_LEN];
    int64_t seq;
    uint8_t salt[KRPC_SALT_MAX];
    size_t salt_len;
    uint8_t value[KRPC_VALUE_MAX]; /* bencoded */
    size_t value_len;
};

/** The target of a key's items with that salt: SHA1(key, salt). */
struct dht_id dht_item_target_of(const uint8_t key[static KRPC_KEY_LEN], const uint8_t *salt,
                                 size_t salt_len);
/** An item's target. */
struct dht_id dht_item_target(const struct dht_item *item);

/** Makes the value a byte string. Returns 0, or -EMSGSIZE: with its length in front it has more
 *  than 1000 bytes (so at most 996 fit). */
MUST_USE int dht_item_set_bytes(struct dht_item *item, const void *data, size_t len);
/** The value as a byte string; `at` is NULL if it is something else. Borrowed. */
struct krpc_bytes dht_item_bytes(const struct dht_item *item);
/** Makes it mutable, as `keys`' own, over its value, salt and seq. */
void dht_item_sign(struct dht_item *item, const struct keys *keys);

/**
 * Reads and checks the item in a get's reply or a put's query: sizes, one spelling, the hash that
 * `target` is, the signature. `target` may be NULL, in a put that names none. The salt of a reply
 * is the asker's: in `salt`. Returns 0 or the KRPC error (203, 205, 206, 207).
 */
MUST_USE int dht_item_read(struct dht_item *out, const struct krpc *m, struct krpc_bytes salt,
                           const struct dht_id *target);
/** Which of two is newer: by seq, then by the larger value, as pkarr has it. > 0: `a`. */
int dht_item_compare(const struct dht_item *a, const struct dht_item *b);
