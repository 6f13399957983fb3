#include "gateway/identity/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "gateway/base/file_error.h"
#include "gateway/base/text.h"

static const char MAGIC[] = "overlay-identity-1 ";

#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define LINE_LEN  (MAGIC_LEN + TEXT_HEX_LEN(KEYS_SEED_LEN))

/* libsodium's form of a secret key is seed and public key, one after the other. */
static void expand(const struct keys *keys, uint8_t secret[static crypto_sign_SECRETKEYBYTES])
{
    memcpy(secret, keys->seed, KEYS_SEED_LEN);
    memcpy(secret + KEYS_SEED_LEN, keys->id.key, PEER_ID_LEN);
}

void keys_from_seed(struct keys *out, const uint8_t seed[static KEYS_SEED_LEN])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memmove(out->seed, seed, KEYS_SEED_LEN);
    (void)crypto_sign_seed_keypair(out->id.key, secret, out->seed);
    sodium_memzero(secret, sizeof(secret));
}

static int read_file(struct keys *out, const uint8_t *data, size_t len)
{
    uint8_t seed[KEYS_SEED_LEN];
    const char *line = (const char *)data;

    if (len == LINE_LEN + 1 && line[LINE_LEN] == '\n')
        len--;
    if (len != LINE_LEN || memcmp(line, MAGIC, MAGIC_LEN) != 0)
        return -EBADMSG;
    if (text_hex_decode(seed, sizeof(seed), line + MAGIC_LEN, len - MAGIC_LEN) < 0)
        return -EBADMSG;
    keys_from_seed(out, seed);
    sodium_memzero(seed, sizeof(seed));
    return 0;
}

static int make_file(struct keys *out, struct env *env)
{
    struct keys fresh;
    char line[LINE_LEN + 2];
    uint8_t seed[KEYS_SEED_LEN];

    env_random(env, seed, sizeof(seed));
    keys_from_seed(&fresh, seed);
    memcpy(line, MAGIC, MAGIC_LEN);
    (void)text_hex(line + MAGIC_LEN, seed, sizeof(seed));
    line[LINE_LEN] = '\n';
    int err = env_save(env, KEYS_FILE, (const uint8_t *)line, LINE_LEN + 1);
    if (err == 0)
        *out = fresh;
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(line, sizeof(line));
    keys_wipe(&fresh);
    return err;
}

static int explain(int err, char *why, size_t why_len)
{
    if (err == -EBADMSG)
        (void)snprintf(why, why_len, "%s:1: not a line \"%s\" and %d hex digits", KEYS_FILE, MAGIC,
                       TEXT_HEX_LEN(KEYS_SEED_LEN));
    else if (err < 0)
        (void)snprintf(why, why_len, "%s: %s", KEYS_FILE, file_error_text(err));
    return err;
}

int keys_load_or_make(struct keys *out, struct env *env, char *why, size_t why_len)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = env_load(env, KEYS_FILE, &data, &len);
    if (err == -ENOENT)
        return explain(make_file(out, env), why, why_len);
    if (err < 0)
        return explain(err, why, why_len);
    err = read_file(out, data, len);
    sodium_memzero(data, len);
    free(data);
    return explain(err, why, why_len);
}

void keys_sign(const struct keys *keys, const uint8_t *msg, size_t len, uint8_t sig[static 64])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    expand(keys, secret);
    (void)crypto_sign_detached(sig, NULL, msg, len, secret);
    sodium_memzero(secret, sizeof(secret));
}

bool peer_id_verify(const struct peer_id *id, const uint8_t *msg, size_t len,
                    const uint8_t sig[static 64])
{
    return crypto_sign_verify_detached(sig, msg, len, id->key) == 0;
}

int keys_shared_secret(const struct keys *keys, const struct peer_id *other, uint8_t out[static 32])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t scalar[crypto_scalarmult_SCALARBYTES];
    uint8_t point[crypto_scalarmult_BYTES];

    if (crypto_sign_ed25519_pk_to_curve25519(point, other->key) != 0)
        return -EINVAL;
    expand(keys, secret);
    (void)crypto_sign_ed25519_sk_to_curve25519(scalar, secret);
    int err = crypto_scalarmult(out, scalar, point) == 0 ? 0 : -EINVAL;
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(scalar, sizeof(scalar));
    return err;
}

void keys_wipe(struct keys *keys)
{
    sodium_memzero(keys, sizeof(*keys));
}
