/**
 * TURN's own framing (RFC 8656): ChannelData, and telling its frames apart on a byte stream. Its
 * messages are STUN's: gateway/wire/stun.h.
 *
 *     be16 channel, 0x4000 to 0x4fff; be16 length; that many bytes; on streams zeros up to a
 *     multiple of four, which the length does not count
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define TURN_CHANNEL_FIRST  0x4000 /* RFC 8656 §12 */
#define TURN_CHANNEL_LAST   0x4fff
#define TURN_CHANNEL_HEADER 4    /* bytes */
#define TURN_DATA_MAX       2048 /* bytes of one datagram that we carry; larger ones are dropped */
#define TURN_FRAME_MAX      4096 /* bytes of a frame on a stream, STUN message or ChannelData */

enum turn_transport { TURN_UDP = 17, TURN_TCP = 6 };         /* REQUESTED-TRANSPORT, first byte */
enum turn_family { TURN_FAMILY_V4 = 1, TURN_FAMILY_V6 = 2 }; /* REQUESTED-ADDRESS-FAMILY */

static inline bool turn_is_channel(uint16_t channel)
{
    return channel >= TURN_CHANNEL_FIRST && channel <= TURN_CHANNEL_LAST;
}

/** Writes the header of `len` bytes of data, at most TURN_DATA_MAX. */
void turn_channel_header(uint8_t out[static TURN_CHANNEL_HEADER], uint16_t channel, size_t len);
/** Bytes of padding behind `len` bytes of data on a stream. */
static inline size_t turn_padding(size_t len)
{
    return (4 - len % 4) % 4;
}

/** Reads a frame; bytes behind its data are allowed (RFC 8656 §12.6). Returns 0 or -EBADMSG;
 *  `*data` borrows. */
MUST_USE int turn_channel_read(const uint8_t *frame, size_t len, uint16_t *channel,
                               const uint8_t **data, size_t *data_len);

/**
 * How long the frame is, padding included, whose first bytes these are on a stream: 0 while that
 * cannot be told yet, -EBADMSG if it is neither STUN nor ChannelData or longer than
 * TURN_FRAME_MAX; then the stream is of no more use.
 */
MUST_USE int turn_frame_len(const uint8_t *data, size_t len);

/**
 * Collects the bytes of a stream into frames (STUN messages and ChannelData). Zeroed it is empty.
 *
 *     uint8_t *area = turn_frames_area(&f, &room);       read at most `room` bytes there, then
 *     turn_frames_added(&f, n);
 *     while ((err = turn_frames_next(&f, &frame, &len)) > 0)
 *         ...
 */
struct turn_frames {
    uint8_t data[TURN_FRAME_MAX];
    size_t len;
    size_t told; /* bytes at the front that the caller has been handed */
};

/** Where to put the next bytes; the room is never 0 after turn_frames_next() said 0. Invalidates
 *  the frame that was handed out. */
uint8_t *turn_frames_area(struct turn_frames *f, size_t *room);
void turn_frames_added(struct turn_frames *f, size_t n);
/** Returns 1 and the next frame, borrowed until the next call; 0: none yet; -EBADMSG: the stream is
 *  of no more use. */
MUST_USE int turn_frames_next(struct turn_frames *f, const uint8_t **frame, size_t *len);
