/**
 * Makes the datagrams of LAN discovery.
 */
#pragma once

#include "gateway/discovery/lan_state.h"

/** One datagram that came in, and who asks to hear back. */
struct lan_caller {
    struct lan *l;
    instant now;
    int64_t wall_us;
    const struct addr *from;
    unsigned ifindex;
    const uint8_t *nonce; /* of the datagram, NULL: it has none */
    size_t len;
};

/** Makes the beacon of the sweep at hand, for a network that is reached by `to`. */
void lan_speak_beacon(struct lan *l, const struct addr *to, int64_t wall_us);
/** Makes a signed beacon. */
void lan_speak_signed(struct lan *l, const struct lan_place *place, int64_t wall_us);
/** Queues a beacon for one contact, at most once a second. */
void lan_speak_to(const struct lan_caller *who, struct lan_contact *c, uint8_t flags);
/** Queues a signed answer to somebody who knows no more than our id, at most once a second. */
void lan_speak_answer(const struct lan_caller *who);
/** The nonce of ours that an echo refers to, or NULL. */
const uint8_t *lan_speak_echoed(const struct lan *l, const uint8_t echo[static BEACON_ECHO_LEN]);
