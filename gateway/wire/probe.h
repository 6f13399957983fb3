/**
 * Path probes: authenticated pings and pongs below a session, one datagram each.
 *
 *     u8 DEMUX_PROBE, u8 type, 8 token, be32 sequence, 8 challenge, u8 flags,
 *     u8 family (0, 4, 6), be16 port, 16 address, zeros to the wanted length, 16 MAC
 *
 * The token names the session at the receiver; the address is where the receiver was seen from.
 * The MAC is keyed BLAKE2b over all that comes before it, with a key for each direction. A pong
 * repeats the challenge of its ping and is never longer than PROBE_MIN, so never longer than the
 * question.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define PROBE_MIN       58   /* bytes */
#define PROBE_FULL      1200 /* a ping of this size proves that full-size packets pass */
#define PROBE_MAX       8952 /* what a link of 9000 bytes carries over IPv6 */
#define PROBE_KEY_LEN   32
#define PROBE_TOKEN_LEN 8

enum probe_type {
    PROBE_PING = 1,
    PROBE_PONG = 2,
};

enum probe_flags {
    PROBE_USE = 1,  /* the sender decided to send the session's packets this way: follow */
    PROBE_DOWN = 2, /* ... and it gave up a better kind of path for this one */
};

struct probe {
    enum probe_type type;
    uint64_t token;
    uint32_t sequence; /* counts all probes of this direction, from 1 */
    uint64_t challenge;
    uint8_t flags;
    struct addr seen; /* the receiver's address as the sender knows it, or none */
};

/** Writes a probe of `len` bytes, PROBE_MIN to PROBE_MAX. */
void probe_write(const struct probe *p, const uint8_t key[static PROBE_KEY_LEN], uint8_t *out,
                 size_t len);

/** The token of what looks like a probe, to find the session by. Returns 0 or -EBADMSG. */
MUST_USE int probe_token(const uint8_t *data, size_t len, uint64_t *token);

/** Reads a probe and checks its MAC. Returns 0, or -EBADMSG (malformed or forged). */
MUST_USE int probe_read(struct probe *out, const uint8_t key[static PROBE_KEY_LEN],
                        const uint8_t *data, size_t len);
