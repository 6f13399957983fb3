#include "gateway/crypto/stretch.h"

#include <errno.h>

#include <sodium.h>

#define PASSES 1
#define MEMORY ((size_t)8 << 20)

_Static_assert(STRETCH_SALT_LEN == crypto_pwhash_argon2id_SALTBYTES, "libsodium's salt");

int stretch(uint8_t out[static STRETCH_LEN], const void *secret, size_t len,
            const uint8_t salt[static STRETCH_SALT_LEN])
{
    return crypto_pwhash(out, STRETCH_LEN, secret, len, salt, PASSES, MEMORY,
                         crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : -ENOMEM;
}
