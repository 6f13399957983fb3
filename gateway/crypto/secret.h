/**
 * Secrets in memory, and the cryptographic library's start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/attr.h"

/** Call once before anything of gateway/crypto or gateway/identity; again is harmless. Returns 0,
 *  or -ENOSYS when the machine offers no randomness. */
MUST_USE int crypto_start(void);

/** Overwrites a secret in a way that the compiler may not leave out. */
void secret_wipe(void *secret, size_t len);
/** Compares in a time that depends on `len` only. */
bool secret_equal(const void *a, const void *b, size_t len);
