/**
 * Datagrams of UDP flows inside QUIC DATAGRAM frames, in pieces where one frame is too small.
 *
 *     varint flow * 2 + pieces            1 byte for the first 32 flow ids, 2 up to 8191
 *     if pieces: be16 number, u8 index * 8 + count - 1
 *     bytes
 *
 * A flow's id is its stream's. `number` tells the datagrams of a flow apart. Every piece but the
 * last of a datagram is as long as fits, so their lengths need not be known beforehand. A lost
 * piece loses its datagram, as on any network.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"

#define FRAGMENT_FRAME_MAX    1150 /* bytes of one frame, header included */
#define FRAGMENT_DATAGRAM_MAX 9000 /* bytes; larger ones are not sent */
#define FRAGMENT_PIECES_MAX   8
#define FRAGMENT_PARTIAL_MAX  16 /* unfinished datagrams kept for a session */
#define FRAGMENT_LIFE         SEC(1)
#define FRAGMENT_FLOW_MAX     ((UINT64_C(1) << 61) - 1)

/** Cuts one datagram. */
struct fragmenter {
    uint64_t flow;
    const uint8_t *data;
    size_t len;
    size_t at;    /* bytes already given out */
    size_t piece; /* bytes of a piece */
    uint16_t number;
    uint8_t index, count;
};

/** Begins to cut `data`, which is borrowed until the last frame. Returns 0, or -EMSGSIZE for more
 *  than FRAGMENT_DATAGRAM_MAX bytes. Count `number` up for each datagram of a flow. */
MUST_USE int fragmenter_init(struct fragmenter *f, uint64_t flow, uint16_t number,
                             const uint8_t *data, size_t len);
/** Writes the next frame. Returns its length, or 0 after the last. */
size_t fragmenter_next(struct fragmenter *f, uint8_t out[static FRAGMENT_FRAME_MAX]);

/** A frame as it came; `data` is borrowed from it. */
struct fragment {
    uint64_t flow;
    uint16_t number;
    uint8_t index, count; /* 0 and 1: whole */
    const uint8_t *data;
    size_t len;
};

/** Reads a frame. Returns 0 or -EBADMSG. */
MUST_USE int fragment_read(struct fragment *out, const uint8_t *data, size_t len);

struct fragment_partial {
    uint8_t *data; /* count * FRAGMENT_FRAME_MAX bytes, NULL: free place */
    uint64_t flow;
    uint16_t number;
    uint8_t count;
    uint8_t have; /* bit n: piece n is here */
    uint16_t len[FRAGMENT_PIECES_MAX];
    instant began;
};

/** The unfinished datagrams of one session. Zeroed it is empty. */
struct reassembly {
    struct fragment_partial partial[FRAGMENT_PARTIAL_MAX];
    uint8_t *done;    /* the last one given out */
    uint64_t dropped; /* datagrams given up unfinished */
};

/** A whole datagram, borrowed from the frame or until the next call on the reassembly. */
struct fragment_datagram {
    uint64_t flow;
    const uint8_t *data;
    size_t len;
};

/** Takes a frame. Returns 1 and a datagram, 0 when more pieces are needed or this one came before,
 *  -EBADMSG, or -ENOMEM. */
MUST_USE int reassembly_input(struct reassembly *r, instant now, const uint8_t *frame, size_t len,
                              struct fragment_datagram *out);
/** Gives up what is older than FRAGMENT_LIFE, and the memory of it. Call it at the deadline. */
void reassembly_expire(struct reassembly *r, instant now);
instant reassembly_deadline(const struct reassembly *r);
void reassembly_deinit(struct reassembly *r);
