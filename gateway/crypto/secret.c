#include "gateway/crypto/secret.h"

#include <errno.h>

#include <sodium.h>

int crypto_start(void)
{
    return sodium_init() < 0 ? -ENOSYS : 0;
}

void secret_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}
