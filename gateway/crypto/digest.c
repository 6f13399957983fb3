#include "gateway/crypto/digest.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <sodium.h>

#include "gateway/crypto/secret.h"

#define BLOCK_LEN 64 /* of all three, RFC 2104 §2 */

static gnutls_digest_algorithm_t algorithm(enum digest_kind kind)
{
    switch (kind) {
    case DIGEST_MD5:
        return GNUTLS_DIG_MD5;
    case DIGEST_SHA1:
        return GNUTLS_DIG_SHA1;
    case DIGEST_SHA256:
        return GNUTLS_DIG_SHA256;
    }
    return GNUTLS_DIG_UNKNOWN;
}

size_t digest_len(enum digest_kind kind)
{
    return gnutls_hash_get_len(algorithm(kind));
}

static void hash_after(enum digest_kind kind, uint8_t *out, const uint8_t *pad,
                       const struct digest_part *parts, size_t count)
{
    gnutls_hash_hd_t hash;

    /* These fail for want of memory only, or where a system policy forbids the algorithm (MD5 under
     * FIPS). Then a digest that nobody can know is the safe outcome: no MAC matches it. */
    if (gnutls_hash_init(&hash, algorithm(kind)) < 0) {
        randombytes_buf(out, digest_len(kind));
        return;
    }
    if (pad)
        (void)gnutls_hash(hash, pad, BLOCK_LEN);
    for (size_t i = 0; i < count; i++)
        if (parts[i].len > 0)
            (void)gnutls_hash(hash, parts[i].data, parts[i].len);
    gnutls_hash_deinit(hash, out);
}

void digest(enum digest_kind kind, uint8_t *out, const struct digest_part *parts, size_t count)
{
    hash_after(kind, out, NULL, parts, count);
}

/* Built from the hash: GnuTLS refuses short HMAC keys in some of its modes, and STUN has them. */
void digest_hmac(enum digest_kind kind, uint8_t *out, const uint8_t *key, size_t key_len,
                 const struct digest_part *parts, size_t count)
{
    uint8_t pad[BLOCK_LEN] = {0}, inner[DIGEST_MAX];

    if (key_len > BLOCK_LEN)
        digest(kind, pad, &(struct digest_part){key, key_len}, 1);
    else if (key_len > 0)
        memcpy(pad, key, key_len);
    for (size_t i = 0; i < BLOCK_LEN; i++)
        pad[i] ^= 0x36;
    hash_after(kind, inner, pad, parts, count);
    for (size_t i = 0; i < BLOCK_LEN; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash_after(kind, out, pad, &(struct digest_part){inner, digest_len(kind)}, 1);
    secret_wipe(pad, sizeof(pad));
}
