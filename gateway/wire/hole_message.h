/**
 * What two gateways say to one another to make a hole for a program (`overlay punch --exec`), on
 * the control stream of their session (gateway/wire/message.h, types 40 to 45).
 *
 *     ASK    be32 id, u8 flags, 32 nonce, facts, candidates   wants one
 *     AGREE  be32 id, u8 flags, 32 nonce, facts, candidates   a program waits for it
 *     MORE   be32 id, u8 flags, candidates                    more of them
 *     USE    be32 id, u8 flags, be16 from, be16 to,           that path, by the numbers of its
 *            candidates                                       sockets and where the sender is seen
 *     READY  be32 id, u8 flags                                nothing more is sent over it
 *     END    be32 id, u8 flags, u8 reason                     the sender has stopped
 *
 * Facts and candidates are as gateway/wire/candidate.h has them. The side that asked chose the id,
 * and HOLE_BY_ASKED marks what the other one says: each may ask at the same time. What keeps a hole
 * from others is keyed by the session and both nonces (gateway/node/hole.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/candidate.h"
#include "gateway/wire/message.h"

#define HOLE_NONCE_LEN   32
#define HOLE_MESSAGE_MAX (4 + 1 + HOLE_NONCE_LEN + NAT_FACTS_LEN + CANDIDATES_LEN)

enum hole_message_type {
    HOLE_ASK = 40,
    HOLE_AGREE = 41,
    HOLE_MORE = 42,
    HOLE_USE = 43,
    HOLE_READY = 44,
    HOLE_END = 45,
};

enum hole_flags {
    HOLE_BY_ASKED = 1, /* the receiver is who asked */
    HOLE_TCP = 2,      /* a TCP connection, in ASK and AGREE */
    HOLE_GUESSING = 4, /* the sender agrees to a search of ports */
};

enum hole_reason {
    HOLE_FAILED = 0, /* nothing got through */
    HOLE_NOBODY = 1, /* no program waits for it there */
    HOLE_DENIED = 2, /* not for this peer */
    HOLE_BUSY = 3,   /* too many at a time, or too soon after others */
    HOLE_OFF = 4,    /* punching is switched off */
    HOLE_LEFT = 5,   /* the program, or who wanted one, is gone */
    HOLE_REASONS,
};

struct hole_message {
    enum hole_message_type type;
    uint32_t id;
    uint8_t flags;
    enum hole_reason reason;
    uint16_t from, to;
    uint8_t nonce[HOLE_NONCE_LEN];
    struct nat_facts facts;
    struct candidate candidate[CANDIDATES_MAX];
    size_t candidates;
};

/** Writes the body of a message and returns it as a part for peer_tell_part(). */
struct message_part hole_message_write(const struct hole_message *m,
                                       uint8_t out[static HOLE_MESSAGE_MAX]);

/** Is it one of these messages, well-formed or not? */
static inline bool hole_message_is(const struct message_part *part)
{
    return part->type >= HOLE_ASK && part->type <= HOLE_END;
}

/** Reads one. Returns 0, or -EBADMSG: malformed, or none of these. Addresses are as the other side
 *  wrote them: whoever sends to one asks punch_may_probe() first. */
MUST_USE int hole_message_read(struct hole_message *out, const struct message_part *part);
