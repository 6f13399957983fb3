#include "gateway/crypto/cpace.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "gateway/crypto/secret.h"

#define DSI        "CPaceRistretto255"
#define DSI_KEY    DSI "_ISK"
#define DSI_MAC    "CPaceMac"
#define BLOCK_LEN  128 /* of SHA-512: H.s_in_bytes */
#define LENGTH_MAX 10  /* bytes of a size_t in LEB128 */
#define LITERAL(s) ((struct cpace_text){s, sizeof(s) - 1})
#define KEY_LEN    sizeof(((struct cpace *)0)->mac_key)

/* prepend_len()'s first part, appendix A.1: the length in LEB128. Returns its own length. */
static size_t write_length(uint8_t out[static LENGTH_MAX], size_t len)
{
    size_t n = 0;

    do {
        out[n] = (uint8_t)(len & 0x7f);
        len >>= 7;
        if (len > 0)
            out[n] |= 0x80;
        n++;
    } while (len > 0);
    return n;
}

static size_t with_length(struct cpace_text text)
{
    uint8_t length[LENGTH_MAX];
    return write_length(length, text.len) + text.len;
}

/* One element of lv_cat(), appendix A.1, hashed as it is made. */
static void hash_lv(crypto_hash_sha512_state *hash, struct cpace_text text)
{
    uint8_t length[LENGTH_MAX];

    crypto_hash_sha512_update(hash, length, write_length(length, text.len));
    if (text.len > 0)
        crypto_hash_sha512_update(hash, text.data, text.len);
}

/* generator_string() and its hash, section 7.2: the password and its padding fill one block. */
static void find_generator(uint8_t out[static CPACE_SHARE_LEN], const struct cpace_input *in)
{
    static const uint8_t zeros[BLOCK_LEN];
    crypto_hash_sha512_state hash;
    uint8_t wide[crypto_hash_sha512_BYTES];
    size_t used = 1 + with_length(in->password) + with_length(LITERAL(DSI));
    size_t pad = used < BLOCK_LEN ? BLOCK_LEN - used : 0;

    crypto_hash_sha512_init(&hash);
    hash_lv(&hash, LITERAL(DSI));
    hash_lv(&hash, in->password);
    hash_lv(&hash, (struct cpace_text){zeros, pad});
    hash_lv(&hash, in->channel);
    hash_lv(&hash, in->session);
    crypto_hash_sha512_final(&hash, wide);
    crypto_core_ristretto255_from_hash(out, wide);
    secret_wipe(wide, sizeof(wide));
    secret_wipe(&hash, sizeof(hash));
}

void cpace_scalar(uint8_t out[static CPACE_SCALAR_LEN], const uint8_t random[static 64])
{
    crypto_core_ristretto255_scalar_reduce(out, random);
}

int cpace_start(struct cpace *c, const struct cpace_input *in,
                const uint8_t scalar[static CPACE_SCALAR_LEN])
{
    uint8_t generator[CPACE_SHARE_LEN];

    memset(c, 0, sizeof(*c));
    memcpy(c->scalar, scalar, sizeof(c->scalar));
    find_generator(generator, in);
    int err = crypto_scalarmult_ristretto255(c->share, c->scalar, generator) ? -EINVAL : 0;
    secret_wipe(generator, sizeof(generator));
    return err;
}

static void hash_message(crypto_hash_sha512_state *hash, const struct cpace_message *m)
{
    hash_lv(hash, (struct cpace_text){m->share, CPACE_SHARE_LEN});
    hash_lv(hash, m->ad);
}

static void derive_mac_key(struct cpace *c, struct cpace_text session)
{
    crypto_hash_sha512_state hash;

    crypto_hash_sha512_init(&hash);
    crypto_hash_sha512_update(&hash, (const uint8_t *)DSI_MAC, sizeof(DSI_MAC) - 1);
    if (session.len > 0)
        crypto_hash_sha512_update(&hash, session.data, session.len);
    crypto_hash_sha512_update(&hash, c->isk, sizeof(c->isk));
    crypto_hash_sha512_final(&hash, c->mac_key);
    secret_wipe(&hash, sizeof(hash));
}

int cpace_finish(struct cpace *c, const struct cpace_input *in, bool initiator,
                 const struct cpace_message *from_initiator,
                 const struct cpace_message *from_responder)
{
    const uint8_t *theirs = initiator ? from_responder->share : from_initiator->share;
    crypto_hash_sha512_state hash;
    uint8_t point[CPACE_SHARE_LEN];

    if (from_initiator->ad.len > CPACE_AD_MAX || from_responder->ad.len > CPACE_AD_MAX)
        return -EMSGSIZE;
    if (crypto_scalarmult_ristretto255(point, c->scalar, theirs))
        return -EPROTO; /* invalid, or the neutral element */
    crypto_hash_sha512_init(&hash);
    hash_lv(&hash, LITERAL(DSI_KEY));
    hash_lv(&hash, in->session);
    hash_lv(&hash, (struct cpace_text){point, sizeof(point)});
    hash_message(&hash, from_initiator);
    hash_message(&hash, from_responder);
    crypto_hash_sha512_final(&hash, c->isk);
    derive_mac_key(c, in->session);
    secret_wipe(c->scalar, sizeof(c->scalar));
    secret_wipe(point, sizeof(point));
    secret_wipe(&hash, sizeof(hash));
    return 0;
}

void cpace_tag(const struct cpace *c, const struct cpace_message *message,
               uint8_t tag[static CPACE_TAG_LEN])
{
    crypto_auth_hmacsha512_state mac;
    uint8_t length[LENGTH_MAX];

    crypto_auth_hmacsha512_init(&mac, c->mac_key, KEY_LEN);
    crypto_auth_hmacsha512_update(&mac, length, write_length(length, CPACE_SHARE_LEN));
    crypto_auth_hmacsha512_update(&mac, message->share, CPACE_SHARE_LEN);
    crypto_auth_hmacsha512_update(&mac, length, write_length(length, message->ad.len));
    if (message->ad.len > 0)
        crypto_auth_hmacsha512_update(&mac, message->ad.data, message->ad.len);
    crypto_auth_hmacsha512_final(&mac, tag);
    secret_wipe(&mac, sizeof(mac));
}

bool cpace_confirms(const struct cpace *c, const struct cpace_message *message,
                    const uint8_t tag[static CPACE_TAG_LEN])
{
    uint8_t right[CPACE_TAG_LEN];

    cpace_tag(c, message, right);
    bool same = secret_equal(right, tag, sizeof(right));
    secret_wipe(right, sizeof(right));
    return same;
}

void cpace_wipe(struct cpace *c)
{
    secret_wipe(c, sizeof(*c));
}
