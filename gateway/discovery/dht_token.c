#include "gateway/discovery/dht_token.h"

#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

#define ROTATE_EVERY SEC(300) /* BEP 5: the secret changes every five minutes */

void dht_tokens_init(struct dht_tokens *t, const uint8_t secrets[static 2 * DHT_SECRET_LEN],
                     instant now)
{
    memcpy(t->secret, secrets, sizeof(t->secret));
    t->rotate = now + ROTATE_EVERY;
}

bool dht_tokens_due(const struct dht_tokens *t, instant now)
{
    return now >= t->rotate;
}

void dht_tokens_rotate(struct dht_tokens *t, const uint8_t secret[static DHT_SECRET_LEN],
                       instant now)
{
    memcpy(t->secret[1], t->secret[0], DHT_SECRET_LEN);
    memcpy(t->secret[0], secret, DHT_SECRET_LEN);
    /* After a long rest the one before is too old as well: still due. */
    t->rotate = now < t->rotate + ROTATE_EVERY ? now + ROTATE_EVERY : now;
}

/* The address without its port: NATs change that between two packets. */
static void make(const uint8_t secret[static DHT_SECRET_LEN], const struct addr *a,
                 const struct dht_id *target, uint8_t out[static DHT_TOKEN_LEN])
{
    uint8_t text[16 + DHT_ID_LEN], hash[HASH_BLAKE2B_MIN];
    struct writer w = writer_over(text, sizeof(text));
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);

    write_bytes(&w, ip, len);
    write_bytes(&w, target->b, DHT_ID_LEN);
    hash_blake2b(hash, sizeof(hash), secret, DHT_SECRET_LEN, text, writer_len(&w, text));
    memcpy(out, hash, DHT_TOKEN_LEN);
}

void dht_tokens_make(const struct dht_tokens *t, const struct addr *to, const struct dht_id *target,
                     uint8_t out[static DHT_TOKEN_LEN])
{
    make(t->secret[0], to, target, out);
}

bool dht_tokens_check(const struct dht_tokens *t, const struct addr *from,
                      const struct dht_id *target, const uint8_t *token, size_t len)
{
    uint8_t want[DHT_TOKEN_LEN];

    for (unsigned i = 0; len == DHT_TOKEN_LEN && i < 2; i++) {
        make(t->secret[i], from, target, want);
        if (secret_equal(want, token, DHT_TOKEN_LEN))
            return true;
    }
    return false;
}
