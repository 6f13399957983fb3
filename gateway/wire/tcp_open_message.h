/**
 * What two gateways say, on the control stream of a session that goes through a relay, before both
 * connect to one another over TCP at the same moment (gateway/wire/message.h, type 56; RFC 9293
 * §3.5, simultaneous open).
 *
 *     TCP_OPEN    u8 family (4, 6), be16 port, 4 or 16 address of the sender, as it is seen outside
 *
 * Whoever gets one answers with its own, and begins. Bytes behind that are skipped.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/wire/message.h"

#define TCP_OPEN_MESSAGE     56
#define TCP_OPEN_MESSAGE_MAX 19 /* bytes of a body */

/** Writes the body and returns it as a part for peer_tell_part(). `at` is not none. */
struct message_part tcp_open_message_write(const struct addr *at,
                                           uint8_t out[static TCP_OPEN_MESSAGE_MAX]);
static inline bool tcp_open_message_is(const struct message_part *part)
{
    return part->type == TCP_OPEN_MESSAGE;
}
/** Reads one. Returns 0 or -EBADMSG. The address is as the other side wrote it: whoever dials it
 *  asks punch_may_probe() first. */
MUST_USE int tcp_open_message_read(struct addr *out, const struct message_part *part);
