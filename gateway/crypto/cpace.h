/**
 * CPace, a balanced password-authenticated key exchange (draft-irtf-cfrg-cpace, cipher suite
 * CPACE-RISTR255-SHA512): two parties that know the same few words agree on a strong key; who does
 * not know them learns nothing but whether one guess was right, and one exchange tests one guess.
 *
 * Either side: cpace_start(), send `share` and own associated data, receive the other's,
 * cpace_finish(), exchange and check cpace_tag(). A key that no tag has confirmed may be known to
 * nobody; it must not be used. All secrets are wiped by cpace_wipe(), which the owner calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define CPACE_SHARE_LEN  32 /* an encoded ristretto255 element, RFC 9496 */
#define CPACE_SCALAR_LEN 32
#define CPACE_ISK_LEN    64
#define CPACE_TAG_LEN    64
#define CPACE_AD_MAX     512 /* associated data of one party, bytes */

/** A string of bytes, borrowed. */
struct cpace_text {
    const void *data;
    size_t len;
};

/** What both sides must hold alike. */
struct cpace_input {
    struct cpace_text password; /* PRS */
    struct cpace_text channel;  /* CI: who talks to whom over what */
    struct cpace_text session;  /* sid: fresh for every exchange */
};

struct cpace {
    uint8_t scalar[CPACE_SCALAR_LEN];
    uint8_t share[CPACE_SHARE_LEN]; /* to be sent */
    uint8_t isk[CPACE_ISK_LEN];     /* the agreed key, after cpace_finish() */
    uint8_t mac_key[64];
};

/** One party's message as both sides saw it: its share and its associated data. */
struct cpace_message {
    const uint8_t *share; /* CPACE_SHARE_LEN bytes */
    struct cpace_text ad; /* at most CPACE_AD_MAX bytes */
};

/** Makes a secret scalar from 64 random bytes. */
void cpace_scalar(uint8_t out[static CPACE_SCALAR_LEN], const uint8_t random[static 64]);

/** Begins an exchange: own share from the inputs and a secret scalar of cpace_scalar(), never one
 *  that served before. Section 6.2. Returns 0, or -EINVAL if the scalar is zero. */
MUST_USE int cpace_start(struct cpace *c, const struct cpace_input *in,
                         const uint8_t scalar[static CPACE_SCALAR_LEN]);

/**
 * Computes the key from both messages in the order initiator, responder; `initiator` tells which is
 * ours, and its share must be `c->share`. Returns 0; -EPROTO if the other's share is no valid
 * element or gives the neutral one (section 6.2: abort); -EMSGSIZE for long associated data.
 */
MUST_USE int cpace_finish(struct cpace *c, const struct cpace_input *in, bool initiator,
                          const struct cpace_message *from_initiator,
                          const struct cpace_message *from_responder);

/** The tag by which the sender of `message` proves that it has the key (HMAC-SHA-512 under
 *  H("CPaceMac" || sid || ISK)). Each side sends the tag of its own message. */
void cpace_tag(const struct cpace *c, const struct cpace_message *message,
               uint8_t tag[static CPACE_TAG_LEN]);

/** True if `tag` is the tag of `message`; takes the same time either way. */
MUST_USE bool cpace_confirms(const struct cpace *c, const struct cpace_message *message,
                             const uint8_t tag[static CPACE_TAG_LEN]);

/** Makes all of it zeros. */
void cpace_wipe(struct cpace *c);
