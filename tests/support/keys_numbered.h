/**
 * Identities for tests that only need to tell peers apart.
 */
#pragma once

#include "gateway/identity/keys.h"

/** The key pair whose seed is this number. */
static inline struct keys keys_numbered(uint8_t number)
{
    const uint8_t seed[KEYS_SEED_LEN] = {number};
    struct keys keys;
    keys_from_seed(&keys, seed);
    return keys;
}
