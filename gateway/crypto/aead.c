#include "gateway/crypto/aead.h"

#include <errno.h>

#include <sodium.h>

size_t aead_seal(const struct aead *a, uint8_t *out, const uint8_t *data, size_t len)
{
    unsigned long long sealed_len;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out, &sealed_len, data, len, a->extra,
                                                     a->extra_len, NULL, a->nonce, a->key);
    return (size_t)sealed_len;
}

int aead_open(const struct aead *a, uint8_t *out, const uint8_t *data, size_t len)
{
    int err = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, data, len, a->extra,
                                                         a->extra_len, a->nonce, a->key);
    return err == 0 ? 0 : -EBADMSG;
}
