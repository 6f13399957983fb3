/**
 * A TURN client (RFC 8656): an address on a server that relays datagrams to our peers, and
 * ChannelData to and from them. UDP to the server, or a stream (TCP, TLS) with its frames.
 *
 *     turn_client_init(&c, &options, now);
 *     while ((len = turn_client_output(&c, now, out)) > 0) send it to c.server;
 *     turn_client_input() for each datagram or frame (struct turn_frames) from there;
 *     again at turn_client_deadline()
 *
 *     TURN_ALLOCATING -> TURN_READY   c.relayed is ours; turn_client_open() a peer, then
 *                                     turn_client_frame() puts a header before each datagram
 *                     -> TURN_MOVED   streams: connect to c.server, then turn_client_reconnected()
 *                     -> TURN_FAILED  c.failure and c.reason say why
 *     turn_client_close() -> TURN_CLOSING -> TURN_CLOSED
 *
 * A channel permits its peer too. Allocation, permissions and channels are renewed at half life. It
 * owns no memory but secrets: end with turn_client_wipe().
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/relay/turn_types.h"
#include "gateway/wire/stun.h"
#include "gateway/wire/turn.h"

/** Returns 0, or -EINVAL for credentials that are too long. */
MUST_USE int turn_client_init(struct turn_client *c, const struct turn_options *options,
                              instant now);
void turn_client_wipe(struct turn_client *c);

/** Writes the message that is due, if any. Returns its length or 0. */
size_t turn_client_output(struct turn_client *c, instant now, uint8_t out[static STUN_MAX]);
instant turn_client_deadline(const struct turn_client *c);

/** A datagram of a peer, in what was handed to turn_client_input(). */
struct turn_received {
    struct addr peer;
    const uint8_t *data;
    size_t len;
};

/** Takes a datagram or frame from the server. Returns 1 and a peer's datagram, 0 (taken), or
 *  -EBADMSG (none of ours, nothing changed). */
MUST_USE int turn_client_input(struct turn_client *c, instant now, const struct addr *from,
                               const uint8_t *pkt, size_t len, struct turn_received *received);

/** Opens the way to a peer, and from all ports of its IP to us; again is harmless, and a new try
 *  after a refusal. Returns 0, -EADDRNOTAVAIL (not of our family) or -ENOSPC. */
MUST_USE int turn_client_open(struct turn_client *c, instant now, const struct addr *peer);
/** Lets the way to it lapse. */
void turn_client_shut(struct turn_client *c, const struct addr *peer);
/** How it stands; TURN_PEER_NONE for a peer that was not opened. */
enum turn_peer_state turn_client_peer(const struct turn_client *c, const struct addr *peer);

/**
 * The header to put before a datagram of `len` bytes, at most TURN_DATA_MAX, to a peer, and how
 * many bytes of zeros behind it (streams). Returns 0, or -ENOTCONN: not open (yet).
 */
MUST_USE int turn_client_frame(const struct turn_client *c, const struct addr *peer, size_t len,
                               uint8_t header[static TURN_CHANNEL_HEADER], size_t *padding);

/** Connected to c->server anew, after TURN_MOVED or when a stream broke. */
void turn_client_reconnected(struct turn_client *c, instant now);
/** Gives the address back. */
void turn_client_close(struct turn_client *c, instant now);
