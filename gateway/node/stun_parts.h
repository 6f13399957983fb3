/**
 * What gateway/node/stun_life.c and stun_refresh.c, two parts of one desk, know of one another.
 */
#pragma once

#include "gateway/node/stun_desk.h"

/** Something may be due at another time than before. */
void stun_desk_set_timer(struct stun_desk *d);

/** When the next refresh has to be looked at. */
instant stun_refreshes_due(const struct stun_desk *d);
/** Does what is due; whoever has an answer, or waited in vain, is told. */
void stun_refreshes_step(struct stun_desk *d);
/** Takes a message that came over `via`, if it answers a refresh. Returns whether it does. */
bool stun_refreshes_input(struct stun_desk *d, const struct udp_rx *rx, uint32_t via);
/** Closes all; nobody is told. */
void stun_refreshes_stop(struct stun_desk *d);
