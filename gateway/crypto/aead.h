/**
 * Sealing under a shared key: XChaCha20-Poly1305, whose nonce is long enough to be drawn at random.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define AEAD_KEY_LEN   32
#define AEAD_NONCE_LEN 24
#define AEAD_TAG_LEN   16

/** One message under one key: a nonce serves once for a key. */
struct aead {
    const uint8_t *key;   /* AEAD_KEY_LEN bytes */
    const uint8_t *nonce; /* AEAD_NONCE_LEN bytes */
    const void *extra;    /* authenticated beside the message, not sent; may be NULL */
    size_t extra_len;
};

/** Writes `len` + AEAD_TAG_LEN bytes to `out`, which may be `data`. Returns how many. */
size_t aead_seal(const struct aead *a, uint8_t *out, const uint8_t *data, size_t len);
/**
 * Opens `len` sealed bytes to `out`, which may be `data` and then holds `len` - AEAD_TAG_LEN bytes.
 * Returns 0, or -EBADMSG: not sealed so, and `out` holds nothing of use.
 */
MUST_USE int aead_open(const struct aead *a, uint8_t *out, const uint8_t *data, size_t len);
