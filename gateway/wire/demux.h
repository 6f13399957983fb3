/**
 * What a datagram on the gateway's main UDP port is, by its first bytes (RFC 9443).
 *
 *     0..3        with the magic cookie: STUN (RFC 8489)
 *     4           path probe (gateway/wire/probe.h)
 *     5           relay frame: 16-byte header, then a sealed datagram
 *     7           invite (gateway/wire/invite_message.h); 6 is a signed beacon (wire/beacon.h)
 *     bit 0x40    QUIC (RFC 9000 §17; the fixed bit is never greased)
 *     the rest    unknown: handed to LAN discovery, whose datagrams look random on purpose
 *
 * TURN ChannelData (0x40..0x4f) looks like QUIC here: tell it by its server's address first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DEMUX_PROBE        0x04 /* first byte; RFC 9443 leaves 4..15 to nobody */
#define DEMUX_RELAY        0x05
#define DEMUX_INVITE       0x07
#define DEMUX_QUIC_BIT     0x40
#define DEMUX_RELAY_HEADER 16 /* bytes */

enum demux_kind {
    DEMUX_KIND_UNKNOWN,
    DEMUX_KIND_QUIC,
    DEMUX_KIND_STUN,
    DEMUX_KIND_PROBE,
    DEMUX_KIND_RELAY,
    DEMUX_KIND_INVITE,
};

/** Looks at the first bytes only; whether the datagram is well-formed is its reader's question. */
enum demux_kind demux(const uint8_t *data, size_t len);
