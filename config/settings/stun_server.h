/**
 * A STUN server as people write it: HOST, HOST:PORT, [IPv6]:PORT, or with what to speak in front:
 * stun: and udp: (UDP), tcp:, stuns: and tls: (TLS over TCP), and stun:..?transport=tcp (RFC 7064).
 * TURN servers, which speak STUN too, are written turn: and turns: (RFC 7065).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define STUN_SERVER_TEXT_MAX 127 /* characters */
#define STUN_SERVER_FORMS    "HOST, HOST:PORT, stun:HOST:PORT, tcp:HOST:PORT or stuns:HOST:PORT"
#define STUN_PORT            3478 /* RFC 8489 §18.6 */
#define STUN_TLS_PORT        5349

enum stun_transport { STUN_OVER_UDP, STUN_OVER_TCP, STUN_OVER_TLS };

struct stun_server {
    char text[STUN_SERVER_TEXT_MAX + 1]; /* as it was written */
    char host[STUN_SERVER_TEXT_MAX + 1]; /* a name, or an address without brackets */
    uint16_t port;
    enum stun_transport transport;
    bool transport_said; /* it was written; else the transport is UDP */
};

/** Returns 0 or -EINVAL. */
MUST_USE int stun_server_parse(struct stun_server *out, const char *text);
