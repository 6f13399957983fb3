/**
 * The bootstrap cache: where relays, DHT nodes and peers last answered, to be tried first at the
 * next start, before any name is looked up.
 *
 * A value of bounded size, written as lines of text (newest first) into one file of the home:
 *
 *     relay PEER_ID IP:PORT MICROSECONDS
 *     peer PEER_ID IP:PORT MICROSECONDS
 *     dht - IP:PORT MICROSECONDS
 *
 * The time is when it answered, by the wall clock, since 1970. What cannot be read is left out:
 * the file is a convenience, and losing it costs no more than a look-up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/identity/peer_id.h"

#define BOOTSTRAP_FILE     "bootstrap"
#define BOOTSTRAP_MAX      64 /* entries of each kind */
#define BOOTSTRAP_LINE_MAX 160
#define BOOTSTRAP_TEXT_MAX (BOOTSTRAP_KINDS * BOOTSTRAP_MAX * BOOTSTRAP_LINE_MAX)

enum bootstrap_kind { BOOTSTRAP_RELAY, BOOTSTRAP_PEER, BOOTSTRAP_DHT, BOOTSTRAP_KINDS };

struct bootstrap_entry {
    struct peer_id id; /* zero for BOOTSTRAP_DHT */
    struct addr addr;
    int64_t answered_us;
    uint8_t failures; /* in a row since; not kept in the file */
};

/** Zeroed it is empty. */
struct bootstrap {
    struct bootstrap_entry entry[BOOTSTRAP_KINDS][BOOTSTRAP_MAX]; /* newest first */
    size_t count[BOOTSTRAP_KINDS];
};

/** It answered at `wall_us`: goes to the front; beyond BOOTSTRAP_MAX the last one goes. Returns
 *  false if nothing but the time is new. `id` is NULL for BOOTSTRAP_DHT. */
bool bootstrap_good(struct bootstrap *b, enum bootstrap_kind kind, const struct peer_id *id,
                    const struct addr *addr, int64_t wall_us);
/** It did not answer: behind those that did, and forgotten after the third time in a row. Returns
 *  true if it was forgotten. */
bool bootstrap_bad(struct bootstrap *b, enum bootstrap_kind kind, const struct peer_id *id,
                   const struct addr *addr);

/** The addresses of a kind, of one id (or NULL: of all), the best first. Returns how many. */
size_t bootstrap_find(const struct bootstrap *b, enum bootstrap_kind kind, const struct peer_id *id,
                      struct addr *out, size_t max);

/** Writes the file's text, of at most BOOTSTRAP_TEXT_MAX bytes, without a NUL. Returns its length.
 */
size_t bootstrap_write(const struct bootstrap *b, char out[static BOOTSTRAP_TEXT_MAX]);
/** Adds the entries of a file. Returns how many lines could not be read. */
size_t bootstrap_read(struct bootstrap *b, const char *text, size_t len);
