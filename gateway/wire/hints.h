/**
 * Where a gateway can be reached and what it offers, as invites and mail carry it: a list that ends
 * with what holds it.
 *
 *     u8 kind, u8 length, content
 *
 * Kinds: 1 address (be16 port, 4 or 16 bytes), 2 relay (32 peer id, HOST:PORT), 3 a service's name,
 * 4 the nickname that its owner proposes. Other kinds are skipped: later versions may add some.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/bytes.h"

#define HINTS_ID_LEN      32
#define HINTS_ADDRS_MAX   4
#define HINTS_RELAYS_MAX  2
#define HINTS_HOST_MAX    64 /* characters of HOST:PORT */
#define HINTS_SERVICE_MAX 63
#define HINTS_NICK_MAX    32
#define HINTS_LEN_MAX                                                                              \
    (HINTS_ADDRS_MAX * 20 + HINTS_RELAYS_MAX * (2 + HINTS_ID_LEN + HINTS_HOST_MAX) + 2 +           \
     HINTS_SERVICE_MAX + 2 + HINTS_NICK_MAX) /* bytes */

struct hints_relay {
    uint8_t id[HINTS_ID_LEN];
    char host[HINTS_HOST_MAX + 1]; /* HOST:PORT */
};

/** All text is visible ASCII; empty where it is not said. */
struct hints {
    size_t addrs, relays;
    struct addr addr[HINTS_ADDRS_MAX];
    struct hints_relay relay[HINTS_RELAYS_MAX];
    char service[HINTS_SERVICE_MAX + 1];
    char nick[HINTS_NICK_MAX + 1];
};

/** Writes at most HINTS_LEN_MAX bytes. */
void hints_write(struct writer *w, const struct hints *hints);
/**
 * Reads what is left. Of more addresses or relays than there is room for, the first ones count;
 * what is malformed inside its length is left out. Returns 0, or -EBADMSG if a length is wrong.
 * What it names is hostile: an address may be anybody's.
 */
MUST_USE int hints_read(struct hints *out, struct reader *r);
