#include "gateway/crypto/seal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <sodium.h>

void seal(uint8_t *out, const uint8_t key[static SEAL_KEY_LEN],
          const uint8_t nonce[static SEAL_NONCE_LEN], const void *data, size_t len)
{
    memcpy(out, nonce, SEAL_NONCE_LEN);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + SEAL_NONCE_LEN, NULL, data, len, NULL, 0,
                                                     NULL, nonce, key);
}

int seal_open(uint8_t *out, const uint8_t key[static SEAL_KEY_LEN], const uint8_t *data, size_t len)
{
    if (len < SEAL_OVERHEAD || len - SEAL_OVERHEAD > INT_MAX ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, data + SEAL_NONCE_LEN,
                                                   len - SEAL_NONCE_LEN, NULL, 0, data, key) < 0)
        return -EBADMSG;
    return (int)(len - SEAL_OVERHEAD);
}
