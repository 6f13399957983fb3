/**
 * Datagrams on a byte stream: what two gateways say over a TCP or TLS connection.
 *
 *     "overlay", u8 1          once at the beginning, each way: whoever says something else is a
 *                              stranger, and shows it with the first byte
 *     be16 length, datagram    again and again; 1 to STREAM_DATAGRAM_MAX bytes
 *
 * struct stream_frames takes a stream apart again. It is fed by whoever reads the stream:
 *
 *     uint8_t *area = stream_frames_area(&f, &room);       read at most `room` bytes there, then
 *     stream_frames_added(&f, n);
 *     while ((err = stream_frames_next(&f, &run)) > 0)
 *         ...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define STREAM_HELLO_LEN    8    /* bytes */
#define STREAM_FRAME_HEADER 2    /* bytes before each datagram */
#define STREAM_DATAGRAM_MAX 2048 /* bytes of a datagram */
#define STREAM_RUN_MAX      64   /* datagrams handed out together */
#define STREAM_FRAMES_ROOM  65536

/** Datagrams back to back, each `segment` bytes long but for the last, which may be shorter. */
struct stream_run {
    uint8_t *data;
    size_t len, segment;
};

/** Zeroed it is at the beginning of a stream. */
struct stream_frames {
    size_t at, len; /* what is not handed out yet: data[at..len) */
    bool greeted;   /* the hello was read */
    uint8_t data[STREAM_FRAMES_ROOM];
};

void stream_hello_write(uint8_t out[static STREAM_HELLO_LEN]);
/** The header of a datagram of `len` bytes, at most STREAM_DATAGRAM_MAX. */
void stream_frame_write(uint8_t out[static STREAM_FRAME_HEADER], size_t len);

/** Where to put the next bytes; the room is never 0 after stream_frames_next() said 0. Invalidates
 *  the run that was handed out. */
uint8_t *stream_frames_area(struct stream_frames *f, size_t *room);
void stream_frames_added(struct stream_frames *f, size_t n);
/** Returns 1 and datagrams, which may be scribbled on until the next call; 0: none yet; -EBADMSG:
 *  this is no stream of ours, and stays so. */
MUST_USE int stream_frames_next(struct stream_frames *f, struct stream_run *run);
