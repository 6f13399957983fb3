#include "gateway/identity/pair_key.h"

#include <string.h>

#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

/* Key of what `speaker` says, under a secret or an id. */
static void derive(uint8_t out[static PAIR_KEY_LEN], const uint8_t secret[static 32],
                   const struct pair_key_use *use, const struct peer_id *speaker)
{
    uint8_t text[PAIR_KEY_LABEL_LEN + PAIR_KEY_NETWORK_LEN + PEER_ID_LEN];

    memcpy(text, use->label, PAIR_KEY_LABEL_LEN);
    memcpy(text + PAIR_KEY_LABEL_LEN, use->network, PAIR_KEY_NETWORK_LEN);
    memcpy(text + PAIR_KEY_LABEL_LEN + PAIR_KEY_NETWORK_LEN, speaker->key, PEER_ID_LEN);
    hash_blake2b(out, PAIR_KEY_LEN, secret, 32, text, sizeof(text));
}

int pair_keys(const struct keys *keys, const struct peer_id *other, const struct pair_key_use *use,
              uint8_t in[static PAIR_KEY_LEN], uint8_t out[static PAIR_KEY_LEN])
{
    uint8_t secret[32];
    int err = keys_shared_secret(keys, other, secret);

    if (err < 0)
        return err;
    derive(in, secret, use, other);
    derive(out, secret, use, &keys->id);
    secret_wipe(secret, sizeof(secret));
    return 0;
}

void pair_key_of_id(const struct peer_id *id, const struct pair_key_use *use,
                    uint8_t key[static PAIR_KEY_LEN])
{
    derive(key, id->key, use, id);
}
