#include "adapters/proxy_header.h"

#include <string.h>

/* Section 2.2 of the specification: signature, version 2 with the command PROXY, TCP over IPv4, and
 * how many bytes follow: two addresses and ports, and one TLV. */
static const uint8_t START[16] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x43";
static const uint8_t UNIQUE_ID[3] = {0x05, 0, PEER_ID_TEXT_LEN};

enum { AT_FROM = 16, AT_TO = 20, AT_FROM_PORT = 24, AT_TO_PORT = 26, AT_TLV = 28, AT_ID = 31 };

static void put_ip(uint8_t *at, const struct addr *a)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    memcpy(at, len == sizeof(loopback) ? ip : loopback, sizeof(loopback));
}

static void put_port(uint8_t *at, const struct addr *a)
{
    uint16_t port = addr_port(a);
    at[0] = (uint8_t)(port >> 8);
    at[1] = (uint8_t)port;
}

size_t proxy_header_write(const struct peer_id *peer, const struct addr *from,
                          const struct addr *to, uint8_t out[static PROXY_HEADER_LEN])
{
    char id[PEER_ID_TEXT_MAX];
    memcpy(out, START, sizeof(START));
    put_ip(out + AT_FROM, from);
    put_ip(out + AT_TO, to);
    put_port(out + AT_FROM_PORT, from);
    put_port(out + AT_TO_PORT, to);
    memcpy(out + AT_TLV, UNIQUE_ID, sizeof(UNIQUE_ID));
    memcpy(out + AT_ID, peer_id_print(peer, id), PEER_ID_TEXT_LEN);
    return PROXY_HEADER_LEN;
}
