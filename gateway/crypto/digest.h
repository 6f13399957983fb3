/**
 * The hashes that other people's protocols (STUN, TURN) still ask for, and HMACs over a message in
 * pieces. Nothing of ours rests on MD5 or SHA-1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_MD5_LEN    16
#define DIGEST_SHA1_LEN   20
#define DIGEST_SHA256_LEN 32
#define DIGEST_MAX        32 /* bytes of the longest */

enum digest_kind {
    DIGEST_MD5,
    DIGEST_SHA1,
    DIGEST_SHA256,
};

/** A piece of what is hashed, borrowed. */
struct digest_part {
    const void *data;
    size_t len;
};

/** Bytes that a digest of this kind has. */
size_t digest_len(enum digest_kind kind);
/** Hashes the pieces one after another; `out` has room for digest_len(kind) bytes. */
void digest(enum digest_kind kind, uint8_t *out, const struct digest_part *parts, size_t count);
/** HMAC (RFC 2104) of the pieces, with a key of any length. */
void digest_hmac(enum digest_kind kind, uint8_t *out, const uint8_t *key, size_t key_len,
                 const struct digest_part *parts, size_t count);
