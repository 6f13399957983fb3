/**
 * What two gateways say to one another, on the control stream of a session that already works, to
 * find a direct path (gateway/wire/message.h, types 32 to 47).
 *
 *     PUNCH       be16 round, u8 flags, facts, candidates      begins a round, or (ACK) joins it
 *     CANDIDATES  be16 round, candidates                       more of them, in the same round
 *     END         be16 round, u8 result                        the sender has stopped
 *
 * Facts and candidates are as gateway/wire/candidate.h has them. The probes themselves need no
 * credentials beside these: they are keyed by the session (gateway/wire/probe.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/candidate.h"
#include "gateway/wire/message.h"

#define PUNCH_MESSAGE_MAX (2 + 1 + NAT_FACTS_LEN + CANDIDATES_LEN) /* bytes of a body */

enum punch_message_type {
    PUNCH_PUNCH = 32,
    PUNCH_CANDIDATES = 33,
    PUNCH_END = 34,
};

enum punch_flags {
    PUNCH_ACK = 1,      /* answers a PUNCH of the same round */
    PUNCH_GUESSING = 2, /* the sender agrees to a birthday search in this round */
};

enum punch_result {
    PUNCH_DIRECT = 0, /* a direct path is in use */
    PUNCH_FAILED = 1, /* nothing got through */
    PUNCH_BUSY = 2,   /* not now: too many rounds at a time, or too soon after the last */
    PUNCH_OFF = 3,    /* switched off */
    PUNCH_RESULTS,
};

struct punch_message {
    enum punch_message_type type;
    uint16_t round;
    uint8_t flags;
    enum punch_result result;
    struct nat_facts facts;
    struct candidate candidate[CANDIDATES_MAX];
    size_t candidates;
};

/** Writes the body of a message and returns it as a part for session_tell_part(). */
struct message_part punch_message_write(const struct punch_message *m,
                                        uint8_t out[static PUNCH_MESSAGE_MAX]);

/** Is it one of these messages, well-formed or not? */
static inline bool punch_message_is(const struct message_part *part)
{
    return part->type >= PUNCH_PUNCH && part->type <= PUNCH_END;
}

/** Reads one. Returns 0, or -EBADMSG: malformed, or none of these. Addresses are as the other side
 *  wrote them: whoever sends to one asks punch_may_probe() first. */
MUST_USE int punch_message_read(struct punch_message *out, const struct message_part *part);
