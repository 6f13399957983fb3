#include "gateway/node/uplink.h"

/* What leaves at once after a silence: the largest batch, or what flows in 20 ms. */
#define BURST_MIN (128u << 10)
#define BURST_MAX (1u << 30)
#define BURST_OF  50

/* What a packet has beside its payload: IPv4 and UDP. */
#define HEADERS 28

/* One more packet must fit. */
#define PACKET 1500

/* A piece takes 2 ms of the line, and is two packets at least. */
#define PIECE_OF  500
#define PIECE_MIN (2 * PACKET)

static struct bucket bucket_for(uint64_t rate)
{
    uint64_t burst = rate / BURST_OF;

    burst = burst < BURST_MIN ? BURST_MIN : burst > BURST_MAX ? BURST_MAX : burst;
    return rate > 0 ? bucket_of(rate, burst) : (struct bucket){0};
}

void uplink_init(struct uplink *u, uint64_t rate)
{
    u->all = bucket_for(rate);
    u->spared = bucket_for(rate / UPLINK_SPARED);
}

size_t uplink_piece(uint64_t rate)
{
    uint64_t piece = rate / PIECE_OF;

    if (rate == 0)
        return 0;
    return piece < PIECE_MIN ? PIECE_MIN : (size_t)piece;
}

bool uplink_is_full(struct uplink *u, instant now)
{
    return uplink_is_limited(u) && bucket_level(&u->all, now) < PACKET;
}

instant uplink_ready(struct uplink *u, instant now)
{
    return bucket_ready(&u->all, now, PACKET);
}

bool uplink_spares(struct uplink *u, instant now)
{
    return u->spared.rate > 0 && bucket_level(&u->spared, now) >= PACKET;
}

void uplink_sent(struct uplink *u, instant now, size_t len, size_t segment)
{
    size_t count = segment > 0 ? (len + segment - 1) / segment : 1;

    bucket_charge(&u->all, now, len + count * HEADERS);
}

void uplink_sent_spared(struct uplink *u, instant now, size_t len)
{
    if (u->spared.rate > 0)
        bucket_charge(&u->spared, now, len);
}
