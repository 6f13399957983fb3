#include "gateway/relay/turn_auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/secret.h"

/* RFC 8489 §9.2: nonces that begin so carry 24 bits of features in the four characters behind. */
#define NONCE_COOKIE "obMatJos2"
#define COOKIE_LEN   (sizeof(NONCE_COOKIE) - 1)
/* Bit 0, password algorithms. The text counts from the left, its own example from the right. */
#define FEATURE_ALGORITHMS UINT32_C(0x800001)

static int copy(char *out, size_t room, const char *text)
{
    size_t len = strlen(text);
    if (len >= room)
        return -EINVAL;
    memcpy(out, text, len + 1);
    return 0;
}

int turn_auth_init(struct turn_auth *a, const char *user, const char *password)
{
    memset(a, 0, sizeof(*a));
    if (copy(a->user, sizeof(a->user), user) < 0)
        return -EINVAL;
    return copy(a->password, sizeof(a->password), password);
}

void turn_auth_wipe(struct turn_auth *a)
{
    secret_wipe(a, sizeof(*a));
}

void turn_auth_forget(struct turn_auth *a)
{
    a->key_len = 0;
    a->algorithms_len = 0;
    a->realm[0] = a->nonce[0] = '\0';
}

/* As the bytes are, for they are sent back. A NUL would end them early. */
static int copy_attribute(char out[static STUN_TEXT_MAX + 1], const struct stun_attribute *a)
{
    if (!a || a->len > STUN_TEXT_MAX || memchr(a->data, '\0', a->len))
        return -EBADMSG;
    memcpy(out, a->data, a->len);
    out[a->len] = '\0';
    return 0;
}

static bool nonce_promises_algorithms(const char *nonce)
{
    uint8_t bits[3];
    if (strncmp(nonce, NONCE_COOKIE, COOKIE_LEN) != 0 || strlen(nonce) < COOKIE_LEN + 4)
        return false;
    if (text_base64_decode(bits, sizeof(bits), TEXT_BASE64, nonce + COOKIE_LEN, 4) != 3)
        return false;
    return ((uint32_t)bits[0] << 16 | (uint32_t)bits[1] << 8 | bits[2]) & FEATURE_ALGORITHMS;
}

/* Chooses algorithm and MAC by what is offered (RFC 8489 §9.2.5). */
static int choose(struct turn_auth *a, const struct stun_message *m)
{
    const struct stun_attribute *offer = stun_find(m, STUN_PASSWORD_ALGORITHMS);

    a->algorithm = STUN_ALGORITHM_MD5;
    a->integrity = STUN_INTEGRITY_SHA1;
    a->algorithms_len = 0;
    if (!offer)
        return nonce_promises_algorithms(a->nonce) ? -EPERM : 0;
    if (offer->len > sizeof(a->algorithms))
        return -EPERM;
    if (stun_offers_algorithm(m, STUN_ALGORITHM_SHA256))
        a->algorithm = STUN_ALGORITHM_SHA256;
    else if (!stun_offers_algorithm(m, STUN_ALGORITHM_MD5))
        return -EPERM;
    a->integrity = STUN_INTEGRITY_SHA256;
    memcpy(a->algorithms, offer->data, offer->len);
    a->algorithms_len = offer->len;
    return 0;
}

int turn_auth_challenge(struct turn_auth *a, const struct stun_message *m)
{
    char realm[STUN_TEXT_MAX + 1], nonce[STUN_TEXT_MAX + 1];

    if (copy_attribute(realm, stun_find(m, STUN_REALM)) < 0 ||
        copy_attribute(nonce, stun_find(m, STUN_NONCE)) < 0)
        return -EBADMSG;
    memcpy(a->realm, realm, sizeof(realm));
    memcpy(a->nonce, nonce, sizeof(nonce));
    int err = choose(a, m);
    a->key_len =
        err < 0 ? 0 : stun_long_term_key(a->key, a->algorithm, a->user, a->realm, a->password);
    return err;
}

void turn_auth_sign(const struct turn_auth *a, struct stun_writer *w)
{
    const uint8_t algorithm[4] = {0, (uint8_t)a->algorithm};

    if (a->key_len == 0)
        return;
    stun_put_text(w, STUN_USERNAME, a->user);
    stun_put_text(w, STUN_REALM, a->realm);
    stun_put_text(w, STUN_NONCE, a->nonce);
    if (a->algorithms_len > 0) {
        stun_put(w, STUN_PASSWORD_ALGORITHMS, a->algorithms, a->algorithms_len);
        stun_put(w, STUN_PASSWORD_ALGORITHM, algorithm, sizeof(algorithm));
    }
    stun_put_integrity(w, a->integrity, a->key, a->key_len);
}

int turn_auth_check(const struct turn_auth *a, const struct stun_message *m)
{
    return a->key_len == 0 ? 0 : stun_check_integrity(m, a->integrity, a->key, a->key_len);
}

void turn_rest_credentials(const char *secret, int64_t expires, const char *name,
                           char user[static TURN_USER_MAX + 1],
                           char password[static TURN_PASSWORD_MAX + 1])
{
    uint8_t mac[DIGEST_SHA1_LEN];

    (void)snprintf(user, TURN_USER_MAX + 1, "%lld:%s", (long long)expires, name);
    digest_hmac(DIGEST_SHA1, mac, (const uint8_t *)secret, strlen(secret),
                &(struct digest_part){user, strlen(user)}, 1);
    (void)text_base64(password, TEXT_BASE64, mac, sizeof(mac));
}
