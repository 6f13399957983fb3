#include "gateway/crypto/hash.h"

#include <assert.h>

#include <sodium.h>

void hash_blake2b(uint8_t *out, size_t out_len, const uint8_t *key, size_t key_len,
                  const void *data, size_t len)
{
    assert(out_len >= HASH_BLAKE2B_MIN && out_len <= HASH_BLAKE2B_MAX);
    assert(!key || (key_len >= 16 && key_len <= 64));
    /* Fails for lengths out of range only. */
    (void)crypto_generichash_blake2b(out, out_len, data, len, key, key ? key_len : 0);
}

void hash_sha256(uint8_t out[static HASH_SHA256_LEN], const void *data, size_t len)
{
    (void)crypto_hash_sha256(out, data, len);
}
