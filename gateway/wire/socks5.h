/**
 * SOCKS version 5 (RFC 1928), the server's side, without authentication.
 *
 * Client: greeting (version, methods); server: chosen method; client: request (command, address);
 * server: reply. Then bytes. The client may send its request right behind its greeting.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define SOCKS5_VERSION      5
#define SOCKS5_GREETING_MAX (2 + 255)
#define SOCKS5_REQUEST_MAX  (4 + 1 + 255 + 2)
#define SOCKS5_METHOD_LEN   2
#define SOCKS5_REPLY_LEN    10

enum socks5_command { SOCKS5_CONNECT = 1, SOCKS5_BIND = 2, SOCKS5_UDP_ASSOCIATE = 3 };

enum socks5_reply {
    SOCKS5_OK = 0,
    SOCKS5_FAILED = 1,
    SOCKS5_NOT_ALLOWED = 2,
    SOCKS5_NETWORK_UNREACHABLE = 3,
    SOCKS5_HOST_UNREACHABLE = 4,
    SOCKS5_REFUSED = 5,
    SOCKS5_TTL_EXPIRED = 6,
    SOCKS5_NO_COMMAND = 7,
    SOCKS5_NO_ADDRESS_TYPE = 8,
};

struct socks5_request {
    uint8_t command;    /* enum socks5_command, or something else */
    bool known_address; /* false: of a type that nobody knows; the rest is empty */
    char name[256];     /* remote name, printable ASCII; empty for an IP address */
    struct addr ip;     /* none for a name */
    uint16_t port;
};

/**
 * Reads a greeting. Returns its length and sets `*no_auth` (the client offers to go without
 * authentication), or -EAGAIN, or -EBADMSG.
 */
MUST_USE int socks5_read_greeting(bool *no_auth, const uint8_t *data, size_t len);
/** Writes the choice of a method: none needed, or, with `accept` false, none acceptable. */
void socks5_write_method(bool accept, uint8_t out[static SOCKS5_METHOD_LEN]);
/** Reads a request. Returns its length, or -EAGAIN, or -EBADMSG. An address of unknown type ends
 *  the reading there: whatever follows must be dropped. */
MUST_USE int socks5_read_request(struct socks5_request *out, const uint8_t *data, size_t len);
/** Writes a reply; its address is 0.0.0.0:0, which says nothing. */
void socks5_write_reply(enum socks5_reply reply, uint8_t out[static SOCKS5_REPLY_LEN]);
