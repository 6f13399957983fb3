#include "gateway/node/runs.h"

#include "gateway/wire/demux.h"

static enum taker taker_of(const uint8_t *data, size_t len)
{
    switch (demux(data, len)) {
    case DEMUX_KIND_QUIC:
    case DEMUX_KIND_PROBE:
        return TAKE_QUIC;
    case DEMUX_KIND_RELAY:
        return TAKE_RELAY;
    case DEMUX_KIND_STUN:
        return TAKE_STUN;
    case DEMUX_KIND_INVITE:
    case DEMUX_KIND_UNKNOWN:
        break;
    }
    return TAKE_OTHER;
}

static size_t datagram_at(const struct udp_rx *rx, size_t at)
{
    return rx->len - at < rx->segment ? rx->len - at : rx->segment;
}

/* The end of the run of datagrams from `at` on that go to one taker together. */
static size_t run_end(const struct udp_rx *rx, size_t at, enum taker taker)
{
    size_t end = at + datagram_at(rx, at);

    if (taker != TAKE_QUIC && taker != TAKE_RELAY)
        return end;
    while (end < rx->len && taker_of(rx->data + end, datagram_at(rx, end)) == taker)
        end += datagram_at(rx, end);
    return end;
}

enum taker run_at(const struct udp_rx *rx, size_t at, struct udp_rx *run)
{
    enum taker taker = taker_of(rx->data + at, datagram_at(rx, at));

    *run = *rx;
    run->data = rx->data + at;
    run->len = run_end(rx, at, taker) - at;
    if (run->segment > run->len)
        run->segment = run->len;
    return taker;
}

bool run_is_stun_answer(enum taker taker, const struct udp_rx *run)
{
    return taker == TAKE_STUN && (run->data[0] & 1); /* RFC 8489 §5: the class's higher bit */
}
