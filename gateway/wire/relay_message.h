/**
 * What a gateway and its relay say to one another on the control stream of their session
 * (gateway/wire/message.h, types 16 to 31).
 *
 *     REGISTER    (nothing)                       let others reach me through you
 *     REGISTERED  u8 status, be32 bytes/s of each circuit, be16 circuits (0: no limit)
 *     OPEN        be32 request, 32 peer id, early a circuit to that peer, please
 *     OPENED      be32 request, u8 status, be32 circuit, 8 tag
 *     INCOMING    be32 circuit, 8 tag, 32 peer id of who opened it, early
 *     RETAG       be32 circuit, 8 tag             after your address changed
 *     CLOSE       be32 circuit, u8 status         the relay: it has ended
 *     HANG_UP     be32 circuit, u8 status         to the relay: end it, please
 *     RELAYS      u8 count, then for each: 32 peer id, u8 length + HOST:PORT
 *     INVITES     u8 count, then for each: 16 handle    the invites of mine that are open, all of
 * them SEEK        note                                to the relay: for whoever has that invite
 *     SAY         be32 token, note                    to the relay: for the other side of that
 * token SAID        be32 token, note                    the relay: from the other side of that
 * token
 *
 * RELAYS is what any two gateways tell one another: where else each can be reached. `early` is all
 * the rest, maybe nothing: the first datagram over the circuit, which so arrives as soon as the
 * circuit does. `note` is all the rest, too: a message of gateway/wire/invite_message.h, of which a
 * relay reads the handle. Of other messages, bytes behind what a reader knows are skipped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/message.h"
#include "gateway/wire/relay_frame.h"

#define RELAY_MESSAGE_ID_LEN   32
#define RELAY_MESSAGE_HOST_MAX 255 /* characters of HOST:PORT */
#define RELAY_MESSAGE_LIST_MAX 4   /* relays that a gateway names */
#define RELAY_MESSAGE_EARLY    1200
#define RELAY_MESSAGE_INVITES  32 /* handles that one gateway registers at most */
#define RELAY_MESSAGE_HANDLE   16 /* bytes of one */
/* Bytes of the longest body: INCOMING's. */
#define RELAY_MESSAGE_MAX (4 + RELAY_FRAME_TAG_LEN + RELAY_MESSAGE_ID_LEN + RELAY_MESSAGE_EARLY)

enum relay_message_type {
    RELAY_REGISTER = 16,
    RELAY_REGISTERED = 17,
    RELAY_OPEN = 18,
    RELAY_OPENED = 19,
    RELAY_INCOMING = 20,
    RELAY_RETAG = 21,
    RELAY_CLOSE = 22,
    RELAY_RELAYS = 23,
    RELAY_HANG_UP = 24,
    RELAY_INVITES = 25,
    RELAY_SEEK = 26,
    RELAY_SAY = 27,
    RELAY_SAID = 28,
};

enum relay_status {
    RELAY_OK = 0,
    RELAY_DENIED = 1,     /* it does not relay for us */
    RELAY_NO_PEER = 2,    /* the other peer is not registered here, or does not want it */
    RELAY_TOO_MANY = 3,   /* circuits, or clients */
    RELAY_OVER_QUOTA = 4, /* bytes */
    RELAY_GONE = 5,       /* a side has left, or the circuit was idle */
    RELAY_STATUS_COUNT,
};

/** One place where a gateway can be reached. */
struct relay_place {
    uint8_t id[RELAY_MESSAGE_ID_LEN];
    char host[RELAY_MESSAGE_HOST_MAX + 1]; /* HOST:PORT, printable ASCII without blanks */
};

struct relay_message {
    enum relay_message_type type;
    uint32_t request;
    enum relay_status status;
    uint32_t rate; /* bytes/s, 0: no limit */
    uint16_t circuits;
    struct relay_frame frame; /* circuit and tag */
    uint8_t id[RELAY_MESSAGE_ID_LEN];
    const uint8_t *early; /* borrowed; NULL: none. A note travels here as well */
    size_t early_len;     /* at most RELAY_MESSAGE_EARLY */
    uint32_t token;
    const uint8_t *handles; /* of INVITES, one behind the other, borrowed; NULL: none */
    size_t handle_count;    /* at most RELAY_MESSAGE_INVITES */
    struct relay_place place[RELAY_MESSAGE_LIST_MAX];
    size_t place_count;
};

/** The words for a status: "the relay is full". */
const char *relay_status_text(enum relay_status status);

/** Writes the body of a message and returns it as a part for session_tell_part(). */
struct message_part relay_message_write(const struct relay_message *m,
                                        uint8_t out[static RELAY_MESSAGE_MAX]);

/** Is it one of these messages, well-formed or not? */
static inline bool relay_message_is(const struct message_part *part)
{
    return part->type >= RELAY_REGISTER && part->type <= RELAY_SAID;
}

/** Is it said to a relay, and not by one? */
static inline bool relay_message_to_relay(const struct relay_message *m)
{
    return m->type == RELAY_REGISTER || m->type == RELAY_OPEN || m->type == RELAY_HANG_UP ||
           m->type == RELAY_INVITES || m->type == RELAY_SEEK || m->type == RELAY_SAY;
}

/** Is it about invites? */
static inline bool relay_message_of_invites(const struct relay_message *m)
{
    return m->type >= RELAY_INVITES && m->type <= RELAY_SAID;
}

/** Reads one. Returns 0, or -EBADMSG: malformed, or none of these. */
MUST_USE int relay_message_read(struct relay_message *out, const struct message_part *part);
