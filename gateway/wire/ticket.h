/**
 * The long form of an invite, for mail, paste and QR code: everything that a guest needs to reach
 * its host and to prove that it was invited, in one line that stands alone.
 *
 *     "overlay:" z-base-32 of:
 *     u8 version 1, 32 peer id, 16 secret, 4 checksum, hints (gateway/wire/hints.h)
 *
 * The checksum (BLAKE2b over all but itself) finds typing errors; it proves nothing. Letter case
 * does not matter, so that a QR code can use its short alphabet.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/hints.h"

#define TICKET_SCHEME     "overlay:"
#define TICKET_SECRET_LEN 16
#define TICKET_TEXT_MAX   768 /* with its NUL */

struct ticket {
    uint8_t id[HINTS_ID_LEN]; /* of the host */
    uint8_t secret[TICKET_SECRET_LEN];
    struct hints hints;
};

/** Writes the line and a NUL. Returns its length. */
size_t ticket_print(const struct ticket *t, char out[static TICKET_TEXT_MAX]);
/**
 * Reads a line of `len` characters. Returns 0; -EINVAL if it is no ticket or was mistyped; -ENOTSUP
 * for a version that is not ours. What it names is hostile until authenticated.
 */
MUST_USE int ticket_parse(struct ticket *out, const char *text, size_t len);
