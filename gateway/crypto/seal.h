/**
 * Sealing one message for whoever has the same key: XChaCha20-Poly1305 under a random nonce, which
 * stands in front. For small things outside a session: invites, mail, the DHT mailbox.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define SEAL_KEY_LEN   32
#define SEAL_NONCE_LEN 24
#define SEAL_OVERHEAD  (SEAL_NONCE_LEN + 16) /* bytes that sealing adds */

/** Writes len + SEAL_OVERHEAD bytes. `nonce` is fresh random. */
void seal(uint8_t *out, const uint8_t key[static SEAL_KEY_LEN],
          const uint8_t nonce[static SEAL_NONCE_LEN], const void *data, size_t len);
/** Opens `len` bytes into `out`, which has room for len - SEAL_OVERHEAD. Returns how many those
 *  are, or -EBADMSG: another key, or changed on the way. */
MUST_USE int seal_open(uint8_t *out, const uint8_t key[static SEAL_KEY_LEN], const uint8_t *data,
                       size_t len);
