/**
 * A peer id: an Ed25519 public key, written in z-base-32 (52 characters, a legal DNS label).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define PEER_ID_LEN      32
#define PEER_ID_TEXT_LEN 52
#define PEER_ID_TEXT_MAX (PEER_ID_TEXT_LEN + 1) /* with its NUL */

struct peer_id {
    uint8_t key[PEER_ID_LEN];
};

/**
 * Reads exactly `len` characters of z-base-32, any letter case. Only the canonical spelling counts
 * (unused bits zero), and only keys that can be somebody's: on the curve, not of small order.
 * Returns 0 or -EINVAL.
 */
MUST_USE int peer_id_parse(struct peer_id *out, const char *text, size_t len);

/** Writes the 52 lower-case characters and a NUL. Returns `out`. */
const char *peer_id_print(const struct peer_id *id, char out[static PEER_ID_TEXT_MAX]);

/** The first 8 characters, for logs. Returns `out`. */
const char *peer_id_short(const struct peer_id *id, char out[static 9]);

bool peer_id_equal(const struct peer_id *a, const struct peer_id *b);
/** memcmp() order of the keys: the tie breaker of simultaneous dialling. */
int peer_id_compare(const struct peer_id *a, const struct peer_id *b);
bool peer_id_is_zero(const struct peer_id *id);
/** False for keys off the curve or of small order, which anyone could use. */
bool peer_id_is_valid(const struct peer_id *id);
