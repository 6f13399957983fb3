#include "gateway/wire/demux.h"

#include "gateway/base/bytes.h"

#define STUN_FIRST_MAX 3 /* RFC 8489 §5: the two highest bits of a message type are zero */
#define STUN_COOKIE    0x2112a442u
#define STUN_HEADER    20 /* bytes */

static bool has_stun_cookie(const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    (void)read_be32(&r); /* type and length */
    return len >= STUN_HEADER && read_be32(&r) == STUN_COOKIE;
}

enum demux_kind demux(const uint8_t *data, size_t len)
{
    if (len == 0)
        return DEMUX_KIND_UNKNOWN;
    if (data[0] & DEMUX_QUIC_BIT)
        return DEMUX_KIND_QUIC;
    if (data[0] == DEMUX_PROBE)
        return DEMUX_KIND_PROBE;
    if (data[0] == DEMUX_INVITE)
        return DEMUX_KIND_INVITE;
    if (data[0] == DEMUX_RELAY)
        return len >= DEMUX_RELAY_HEADER ? DEMUX_KIND_RELAY : DEMUX_KIND_UNKNOWN;
    if (data[0] <= STUN_FIRST_MAX && has_stun_cookie(data, len))
        return DEMUX_KIND_STUN;
    return DEMUX_KIND_UNKNOWN;
}
