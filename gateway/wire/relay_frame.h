/**
 * Relay frames: a session's own datagram behind 16 bytes that say which circuit it belongs to.
 *
 *     u8 DEMUX_RELAY, u8 0, be16 0, be32 circuit, 8 tag, then the datagram, sealed end to end
 *
 * A circuit joins two peers at one relay; both know it by the same number. The tag is the relay's
 * MAC over the circuit, the side and the address that this side is registered at. A frame to the
 * relay carries the sender's tag; the relay puts the receiver's in its place, so that neither side
 * learns the other's and each can tell the relay's frames from a stranger's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/demux.h"

#define RELAY_FRAME_HEADER  DEMUX_RELAY_HEADER
#define RELAY_FRAME_TAG_LEN 8

struct relay_frame {
    uint32_t circuit;
    uint8_t tag[RELAY_FRAME_TAG_LEN];
};

/** Writes the header of a frame. */
void relay_frame_write(const struct relay_frame *f, uint8_t out[static RELAY_FRAME_HEADER]);

/** Reads the header at the start of a datagram of `len` bytes. Returns 0, or -EBADMSG: malformed,
 *  or nothing behind the header. */
MUST_USE int relay_frame_read(struct relay_frame *out, const uint8_t *data, size_t len);
