/**
 * How a gateway finds out whether it is reached from outside: it asks a peer, over their session,
 * to send one small datagram to it from elsewhere (gateway/wire/message.h, types 48 and 49).
 *
 *     DIAL_BACK     12 token, u8 family (4, 6), be16 port
 *     DIALLED_BACK  12 token, u8 status
 *
 * Only the port is named: the datagram goes to the IP address that the session itself comes from.
 * It is a STUN Binding indication (RFC 8489) whose transaction id is the token, which nobody else
 * knows. Its 20 bytes are fewer than the packet with the request has.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/message.h"
#include "gateway/wire/stun.h"

#define REACH_TOKEN_LEN    STUN_ID_LEN
#define REACH_MESSAGE_MAX  (REACH_TOKEN_LEN + 3) /* bytes of a body */
#define REACH_DATAGRAM_LEN STUN_HEADER_LEN

enum reach_message_type { REACH_DIAL_BACK = 48, REACH_DIALLED_BACK = 49 };

enum reach_status {
    REACH_SENT = 0,       /* from another port */
    REACH_REFUSED = 1,    /* such an address or port is not dialled */
    REACH_TOO_MANY = 2,   /* requests */
    REACH_CANNOT = 3,     /* the session comes by another way than UDP, or there is no socket */
    REACH_SENT_TWICE = 4, /* from another address too */
    REACH_STATUS_COUNT,
};

struct reach_message {
    enum reach_message_type type;
    uint8_t token[REACH_TOKEN_LEN];
    bool v6;       /* DIAL_BACK */
    uint16_t port; /* DIAL_BACK */
    enum reach_status status;
};

/** Writes the body of a message and returns it as a part for session_tell_part(). */
struct message_part reach_message_write(const struct reach_message *m,
                                        uint8_t out[static REACH_MESSAGE_MAX]);

/** Is it one of these messages, well-formed or not? */
static inline bool reach_message_is(const struct message_part *part)
{
    return part->type == REACH_DIAL_BACK || part->type == REACH_DIALLED_BACK;
}

/** Reads one. Returns 0, or -EBADMSG: malformed, or none of these. */
MUST_USE int reach_message_read(struct reach_message *out, const struct message_part *part);

/** Writes the datagram. */
void reach_datagram_write(const uint8_t token[static REACH_TOKEN_LEN],
                          uint8_t out[static REACH_DATAGRAM_LEN]);
/** Its token, in the datagram, or NULL: it is none. */
const uint8_t *reach_datagram_token(const uint8_t *data, size_t len);
