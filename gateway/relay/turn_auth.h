/**
 * Credentials of a TURN client: RFC 8489's long-term mechanism, by user and password or by those
 * that follow from a shared secret ("REST API", coturn's use-auth-secret).
 *
 * A server's challenge (401, 438) brings realm and nonce and says whether SHA-256 may replace MD5;
 * a challenge from which that offer has been struck is not taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/stun.h"

#define TURN_USER_MAX     256 /* bytes of user and of password */
#define TURN_PASSWORD_MAX 256
#define TURN_REST_USER    "overlay" /* a name behind the time, for the server's log */

struct turn_auth {
    char user[TURN_USER_MAX + 1], password[TURN_PASSWORD_MAX + 1];
    char realm[STUN_TEXT_MAX + 1], nonce[STUN_TEXT_MAX + 1];
    uint8_t algorithms[64]; /* PASSWORD-ALGORITHMS as the server sent it */
    size_t algorithms_len;
    enum stun_algorithm algorithm;
    enum stun_integrity integrity;
    uint8_t key[STUN_KEY_MAX];
    size_t key_len; /* 0: not challenged yet */
};

/** Returns 0, or -EINVAL if user or password is too long. */
MUST_USE int turn_auth_init(struct turn_auth *a, const char *user, const char *password);
/** Overwrites the secrets. */
void turn_auth_wipe(struct turn_auth *a);

/** Forgets what a server said, for another server. */
void turn_auth_forget(struct turn_auth *a);
/** Takes realm and nonce of an error. Returns 0, -EBADMSG (none there), or -EPERM: an offer that
 *  the nonce proves has been struck from it, or none that we know. */
MUST_USE int turn_auth_challenge(struct turn_auth *a, const struct stun_message *m);
/** Adds user, realm, nonce and MAC to a request; nothing before a challenge. */
void turn_auth_sign(const struct turn_auth *a, struct stun_writer *w);
/** 0, -ENOENT (no MAC) or -EACCES (a wrong one); 0 too before a challenge. */
MUST_USE int turn_auth_check(const struct turn_auth *a, const struct stun_message *m);

/**
 * User and password of a shared secret, good until `expires` (seconds since 1970): "EXPIRES:NAME",
 * and the base64 of its HMAC-SHA1 under the secret.
 */
void turn_rest_credentials(const char *secret, int64_t expires, const char *name,
                           char user[static TURN_USER_MAX + 1],
                           char password[static TURN_PASSWORD_MAX + 1]);
