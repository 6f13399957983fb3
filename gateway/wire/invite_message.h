/**
 * What a guest and a host of an invite say to one another, wherever they meet: by datagram on a LAN
 * or to an address of a ticket, through a relay, in slots of the DHT.
 *
 *     ASK      16 handle, padding                       is there an invite of this handle?
 *     OFFER    16 handle, 16 session, 32 share          the host's side of CPace
 *     CLAIM    16 handle, 16 session, 32 share, 64 tag, sealed welcome   the guest's, with proof
 *     WELCOME  16 handle, 16 session, 64 tag, sealed welcome
 *     REFUSE   16 handle, 16 session, u8 reason         reasons of enum invite_refusal
 *
 * Each begins with u8 DEMUX_INVITE, u8 type. What is sealed (gateway/crypto/seal.h): 32 peer id,
 * then hints. ASK is as long as the longest answer that an unproven asker gets, so that nobody is
 * flooded by answers to questions in his name.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/crypto/cpace.h"
#include "gateway/crypto/seal.h"
#include "gateway/wire/demux.h"
#include "gateway/wire/hints.h"

#define INVITE_HANDLE_LEN  16
#define INVITE_SESSION_LEN 16
#define INVITE_SEALED_MAX  (SEAL_OVERHEAD + HINTS_ID_LEN + HINTS_LEN_MAX)
#define INVITE_ASK_LEN     (2 + INVITE_HANDLE_LEN + INVITE_SESSION_LEN + CPACE_SHARE_LEN)
#define INVITE_MESSAGE_MAX                                                                         \
    (2 + INVITE_HANDLE_LEN + INVITE_SESSION_LEN + CPACE_SHARE_LEN + CPACE_TAG_LEN +                \
     INVITE_SEALED_MAX) /* bytes: CLAIM */

enum invite_message_type {
    INVITE_ASK = 1,
    INVITE_OFFER = 2,
    INVITE_CLAIM = 3,
    INVITE_WELCOME = 4,
    INVITE_REFUSE = 5,
};

enum invite_refusal {
    INVITE_WRONG = 1, /* other words: one try is gone */
    INVITE_STALE = 2, /* the offer has been used: ask again */
    INVITE_SLOW = 3,  /* a try too soon after a wrong one: ask again later */
    INVITE_BURNT = 4, /* too many wrong tries */
    INVITE_GONE = 5,  /* used up, revoked or too old */
    INVITE_REFUSALS,
};

/** All of it borrowed: from the datagram when read, from the caller when written. */
struct invite_message {
    enum invite_message_type type;
    const uint8_t *handle;
    const uint8_t *session; /* all but ASK */
    const uint8_t *share;   /* OFFER, CLAIM */
    const uint8_t *tag;     /* CLAIM, WELCOME */
    const uint8_t *sealed;  /* CLAIM, WELCOME */
    size_t sealed_len;
    enum invite_refusal refusal; /* REFUSE; one that we do not know reads as INVITE_GONE */
};

/** Returns the length. */
size_t invite_message_write(const struct invite_message *m, uint8_t out[static INVITE_MESSAGE_MAX]);
/** Returns 0 or -EBADMSG. Nothing in it is proven. */
MUST_USE int invite_message_read(struct invite_message *out, const uint8_t *data, size_t len);
