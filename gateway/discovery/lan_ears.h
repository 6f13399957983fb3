/**
 * Which datagrams of a local network are worth looking at: not our own, none twice, few of each
 * source and not too many altogether.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"

#define LAN_EARS_MARK                                                                              \
    8 /* last bytes of a datagram: parts of MACs and signatures, all different                     \
       */

enum { LAN_EARS_SEEN = 128, LAN_EARS_SOURCES = 64 };

struct lan_source {
    struct addr addr; /* none: free */
    struct bucket bucket;
    instant heard;
};

struct lan_ears {
    uint8_t seen[LAN_EARS_SEEN][LAN_EARS_MARK];
    unsigned next; /* place in `seen` */
    struct lan_source source[LAN_EARS_SOURCES];
    struct bucket near, far; /* of our networks, and from elsewhere */
};

void lan_ears_init(struct lan_ears *e);
/** Remembers a datagram that we send, because multicast brings it back. */
void lan_ears_note(struct lan_ears *e, const uint8_t *data, size_t len);
/** True if this one should be looked at. `near`: it comes from one of our networks. Whoever fills
 *  the main port from elsewhere does not use up the neighbours' share. */
bool lan_ears_admit(struct lan_ears *e, instant now, const struct addr *from, bool near,
                    const uint8_t *data, size_t len);
