/**
 * Keys out of what can be guessed: Argon2id (RFC 9106), at a price that a gateway hardly notices
 * and whoever tries them all does.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define STRETCH_LEN      32
#define STRETCH_SALT_LEN 16

/** Stretches `len` bytes with one pass over 8 MiB: some 5 ms. Returns 0 or -ENOMEM. */
MUST_USE int stretch(uint8_t out[static STRETCH_LEN], const void *secret, size_t len,
                     const uint8_t salt[static STRETCH_SALT_LEN]);
