/**
 * The last round-trip times of each peer, for pictures of them: a sample every few seconds, of a
 * bounded number of peers. Who was seen last stays.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/identity/peer_id.h"

#define RTT_SAMPLES     60
#define RTT_PEERS_MAX   128
#define RTT_SAMPLE_WAIT SEC(5) /* so five minutes are kept */

/** Zeroed it is empty. */
struct rtt_history {
    uint64_t turn; /* how many samples were taken */
    struct rtt_row {
        struct peer_id peer;
        uint64_t seen;            /* the turn of its last sample, 0: free */
        uint32_t at[RTT_SAMPLES]; /* microseconds, 0: none; turn % RTT_SAMPLES */
    } row[RTT_PEERS_MAX];
};

/** Begins a sample: peers that are not added have none in it. */
void rtt_history_turn(struct rtt_history *h);
void rtt_history_add(struct rtt_history *h, const struct peer_id *peer, instant rtt);
/** Writes a peer's samples, the oldest first, microseconds or 0. Returns how many, 0: nothing is
 *  known of it. */
size_t rtt_history_read(const struct rtt_history *h, const struct peer_id *peer,
                        uint32_t out[static RTT_SAMPLES]);
/** Is any sample left? */
bool rtt_history_is_empty(const struct rtt_history *h);
