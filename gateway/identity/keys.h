/**
 * A gateway's identity: its Ed25519 key pair, made once and kept in the home as `identity.key`.
 *
 * The file is text: one line "overlay-identity-1 " + 64 hex digits of the seed. Anything else is an
 * error that names file and line; it is never replaced silently. The secret is wiped by
 * keys_wipe(), which the owner calls before the memory goes away.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/identity/peer_id.h"

#define KEYS_FILE     "identity.key"
#define KEYS_SEED_LEN 32

struct keys {
    struct peer_id id;
    uint8_t seed[KEYS_SEED_LEN]; /* the Ed25519 secret, RFC 8032 */
};

/** Derives the pair from a seed. */
void keys_from_seed(struct keys *out, const uint8_t seed[static KEYS_SEED_LEN]);

/**
 * Loads the pair from the home, making (and saving) a fresh one when there is no file yet.
 * On error (-EBADMSG malformed, -EACCES readable by others, or what reading said) writes a line
 * for people to `why` and changes nothing.
 */
MUST_USE int keys_load_or_make(struct keys *out, struct env *env, char *why, size_t why_len);

/** Signs with Ed25519 (RFC 8032). */
void keys_sign(const struct keys *keys, const uint8_t *msg, size_t len, uint8_t sig[static 64]);
/** True if `sig` is `id`'s signature of `msg`. */
MUST_USE bool peer_id_verify(const struct peer_id *id, const uint8_t *msg, size_t len,
                             const uint8_t sig[static 64]);

/**
 * The X25519 secret that only `keys` and `other` can compute (Ed25519 keys mapped to Curve25519).
 * Returns 0, or -EINVAL for a key of small order.
 */
MUST_USE int keys_shared_secret(const struct keys *keys, const struct peer_id *other,
                                uint8_t out[static 32]);

/** Makes them zeros. */
void keys_wipe(struct keys *keys);
