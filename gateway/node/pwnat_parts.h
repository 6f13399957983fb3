/**
 * The parts of struct pwnat_desk, for the files that make it up (pwnat_calls.c, pwnat_rings.c).
 */
#pragma once

#include "gateway/node/pwnat_desk.h"

/* pwnat_rings.c */

/** What a key is for that two gateways share, and what a callee's identifier is made with. */
struct pair_key_use pwnat_notice_use(const struct pwnat_desk *d);
/** The identifier of the Echo Requests of the gateway with this id. */
uint16_t pwnat_echo_id(const struct pwnat_desk *d, const struct peer_id *id);
/** Our own addresses, of whatever port, as punch_may_probe() wants them. Returns how many. */
size_t pwnat_own(const struct pwnat_desk *d, struct addr out[static CANDIDATES_MAX]);
/** The IPv4 addresses that we know of a peer ourselves. Returns how many. */
size_t pwnat_known(const struct pwnat_desk *d, const struct peer_id *id,
                   struct addr out[static PWNAT_KNOWN_MAX]);

/** Begins one for an attempt to connect. Returns when there is something to do for it, or
 *  INSTANT_NEVER: the peer cannot be called. */
instant pwnat_rings_begin(struct pwnat_desk *d, const struct peer_id *id, instant now);
/** The attempt is over. Its sockets are let go by pwnat_rings_run(), which is then due. */
void pwnat_rings_settled(struct pwnat_desk *d, const struct peer_id *id);
/** Does what is due, never while a socket is read. Returns when there is more to do. */
instant pwnat_rings_run(struct pwnat_desk *d, instant now);
/** Ends all. */
void pwnat_rings_end(struct pwnat_desk *d);
