/**
 * What the two halves of the TURN client share: turn_client.c asks, turn_answer.c hears.
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/relay/turn_types.h"

#define TURN_PERMISSION_HALF SEC(150) /* RFC 8656 §9: permissions last 300 s */
#define TURN_CHANNEL_HALF    SEC(300) /* RFC 8656 §12: channels last 600 s ... */
#define TURN_CHANNEL_LAPSE   SEC(900) /* ... and get no other peer for 300 s more */

/** Starts a request anew, with a fresh id, due at `now`. */
void turn_ask_start(struct turn_client *c, struct turn_ask *ask, instant now);
/** Ends in failure. */
void turn_fail(struct turn_client *c, enum turn_failure failure, const char *reason);
/** Allocates (again), and then opens all peers (again). */
void turn_allocate(struct turn_client *c, instant now);
struct turn_peer *turn_find_peer(struct turn_client *c, const struct addr *addr);

/** Takes a success or an error. 0 or -EBADMSG. */
MUST_USE int turn_take_answer(struct turn_client *c, instant now, const struct stun_message *m);
