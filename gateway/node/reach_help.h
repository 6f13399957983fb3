/**
 * Dials back for peers that want to know whether they are reached from outside
 * (gateway/wire/reach_message.h): a datagram of 20 bytes from another port, and another one from
 * another address of this machine if it has one.
 *
 * It goes to nobody but the address that the request's session comes from, at a port that is no
 * system's, six times a minute for a peer.
 */
#pragma once

#include "gateway/base/bucket.h"
#include "gateway/node/desk.h"
#include "gateway/wire/reach_message.h"

#define REACH_HELP_PEERS 256 /* places for peers, by hash: some share one */

struct reach_help {
    const struct desk *node; /* borrowed */
    uint64_t secret[2];
    struct bucket total;
    struct bucket peer[REACH_HELP_PEERS];
};

void reach_help_init(struct reach_help *h, const struct desk *node);
/** Does what DIAL_BACK asks for, if it may. Returns what to answer. */
enum reach_status reach_help_dial(struct reach_help *h, struct quic_conn *conn,
                                  const struct reach_message *m);
