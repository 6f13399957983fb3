/**
 * What gateways tell their contacts about others (`[gateway] peer_exchange`), on the control stream
 * of a session (gateway/wire/message.h, types 56 to 58).
 *
 *     RECORD  32 key, 64 signature, be64 seq, packet   a record (gateway/wire/pkarr.h) as its owner
 *                                                      signed it; of the sender's own key: it takes
 *                                                      part
 *     ASK     u8 flags, 32 key                         whose record is this? RECORD or NONE answers
 *     NONE    32 key                                   not known here
 *
 * Nothing in them is to be believed before the signature was checked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/message.h"
#include "gateway/wire/pkarr.h"

#define EXCHANGE_MESSAGE_MAX (PKARR_KEY_LEN + PKARR_BODY_MAX)

enum exchange_type {
    EXCHANGE_RECORD = 56,
    EXCHANGE_ASK = 57,
    EXCHANGE_NONE = 58,
};

enum exchange_flags {
    EXCHANGE_ASK_ON = 1, /* the receiver may ask its contacts in turn */
};

struct exchange_message {
    enum exchange_type type;
    uint8_t key[PKARR_KEY_LEN];
    uint8_t flags;          /* ASK */
    struct pkarr_body body; /* RECORD; borrowed */
};

/** Writes the body of a message and returns it as a part for peer_tell_part(). */
struct message_part exchange_message_write(const struct exchange_message *m,
                                           uint8_t out[static EXCHANGE_MESSAGE_MAX]);

/** Is it one of these messages, well-formed or not? */
static inline bool exchange_message_is(const struct message_part *part)
{
    return part->type >= EXCHANGE_RECORD && part->type <= EXCHANGE_NONE;
}

/** Reads one. Returns 0, or -EBADMSG: malformed, or none of these. */
MUST_USE int exchange_message_read(struct exchange_message *out, const struct message_part *part);
