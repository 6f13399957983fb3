#include "config/control/rtt_history.h"

#include <string.h>

static bool is_alive(const struct rtt_history *h, const struct rtt_row *row)
{
    return row->seen != 0 && row->seen + RTT_SAMPLES > h->turn;
}

static struct rtt_row *find(struct rtt_history *h, const struct peer_id *peer)
{
    for (size_t i = 0; i < RTT_PEERS_MAX; i++) {
        if (is_alive(h, &h->row[i]) && peer_id_equal(&h->row[i].peer, peer))
            return &h->row[i];
    }
    return NULL;
}

/* The row that was not used for the longest time; NULL: all of them were in this very sample. */
static struct rtt_row *spare(struct rtt_history *h)
{
    struct rtt_row *oldest = &h->row[0];
    for (size_t i = 1; i < RTT_PEERS_MAX; i++) {
        if (h->row[i].seen < oldest->seen)
            oldest = &h->row[i];
    }
    return oldest->seen < h->turn ? oldest : NULL;
}

void rtt_history_turn(struct rtt_history *h)
{
    h->turn++;
    for (size_t i = 0; i < RTT_PEERS_MAX; i++)
        h->row[i].at[h->turn % RTT_SAMPLES] = 0;
}

void rtt_history_add(struct rtt_history *h, const struct peer_id *peer, instant rtt)
{
    struct rtt_row *row = find(h, peer);
    instant us = rtt / 1000;
    if (!row) {
        row = spare(h);
        if (!row)
            return;
        *row = (struct rtt_row){.peer = *peer};
    }
    row->seen = h->turn;
    row->at[h->turn % RTT_SAMPLES] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

size_t rtt_history_read(const struct rtt_history *h, const struct peer_id *peer,
                        uint32_t out[static RTT_SAMPLES])
{
    const struct rtt_row *row = find((struct rtt_history *)h, peer);
    uint64_t first = h->turn >= RTT_SAMPLES ? h->turn - RTT_SAMPLES + 1 : 1;
    size_t count = 0;
    for (uint64_t turn = first; row && turn <= h->turn; turn++)
        out[count++] = row->at[turn % RTT_SAMPLES];
    return count;
}

bool rtt_history_is_empty(const struct rtt_history *h)
{
    for (size_t i = 0; i < RTT_PEERS_MAX; i++) {
        if (is_alive(h, &h->row[i]))
            return false;
    }
    return true;
}
