/**
 * The long form of an invite, for mail, paste and QR code: everything that a guest needs to reach
 * its host and to prove that it was invited, in one line that stands alone.
 *
 *     "overlay:" z-base-32 of:
 *     u8 version 1, 32 peer id, 16 secret, 4 checksum,
 *     then until the end: u8 kind, u8 length, content
 *
 * Kinds: 1 address (be16 port, 4 or 16 bytes), 2 relay (32 peer id, HOST:PORT), 3 the service's
 * name. Other kinds are skipped: later versions may add some. The checksum (BLAKE2b over all but
 * itself) finds typing errors; it proves nothing. Letter case does not matter, so that a QR code
 * can use its short alphabet.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define TICKET_SCHEME      "overlay:"
#define TICKET_ID_LEN      32
#define TICKET_SECRET_LEN  16
#define TICKET_ADDRS_MAX   4
#define TICKET_RELAYS_MAX  2
#define TICKET_HOST_MAX    64 /* characters of HOST:PORT */
#define TICKET_SERVICE_MAX 63
#define TICKET_TEXT_MAX    768 /* with its NUL */

struct ticket_relay {
    uint8_t id[TICKET_ID_LEN];
    char host[TICKET_HOST_MAX + 1]; /* HOST:PORT */
};

struct ticket {
    uint8_t id[TICKET_ID_LEN]; /* of the host */
    uint8_t secret[TICKET_SECRET_LEN];
    size_t addrs, relays;
    struct addr addr[TICKET_ADDRS_MAX];
    struct ticket_relay relay[TICKET_RELAYS_MAX];
    char service[TICKET_SERVICE_MAX + 1]; /* empty: not said */
};

/** Writes the line and a NUL. Returns its length. */
size_t ticket_print(const struct ticket *t, char out[static TICKET_TEXT_MAX]);
/**
 * Reads a line of `len` characters. Of more addresses or relays than there is room for, the first
 * ones count. Returns 0; -EINVAL if it is no ticket or was mistyped; -ENOTSUP for a version that is
 * not ours. What it names is hostile until authenticated.
 */
MUST_USE int ticket_parse(struct ticket *out, const char *text, size_t len);
