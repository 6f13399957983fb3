/**
 * Takes apart what comes from a local network.
 */
#pragma once

#include "gateway/discovery/lan_speak.h"

/** Takes one datagram of any origin. */
void lan_hear(struct lan_caller *who, const uint8_t *data, size_t len);
