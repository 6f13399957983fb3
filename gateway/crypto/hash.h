/**
 * Hashes and MACs over one buffer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_LEN  32
#define HASH_BLAKE2B_MIN 16
#define HASH_BLAKE2B_MAX 64

/**
 * BLAKE2b (RFC 7693) of HASH_BLAKE2B_MIN to HASH_BLAKE2B_MAX bytes, as a MAC when `key` is not
 * NULL; a key has 16 to 64 bytes. The length is part of the hash: a short one is no prefix of a
 * long one.
 */
void hash_blake2b(uint8_t *out, size_t out_len, const uint8_t *key, size_t key_len,
                  const void *data, size_t len);

void hash_sha256(uint8_t out[static HASH_SHA256_LEN], const void *data, size_t len);
