/**
 * UDP of local programs to a service of a peer: one flow of datagrams for each sender's address.
 *
 * Datagrams keep their boundaries. Nothing is queued but the one datagram a sender may send before
 * there is a session; the rest is dropped, as the network would. A flow ends when it was idle (the
 * node's udp_idle_s) or makes room, longest unused first, for a new sender.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapters/local_users.h"
#include "gateway/node/node.h"

#define FLOWS_SENDERS_MAX 1024 /* senders at a time on one local port */

struct flows;

struct flows_options {
    struct node *node;
    const struct local_users *users; /* borrowed */
    struct peer_id peer;
    struct preamble what;
    bool loopback_only;          /* bound to the loopback device: the address is none of its own */
    uint64_t *to_far, *from_far; /* byte counters, borrowed */
};

/** Opens the UDP port. -EADDRINUSE, -EACCES, -ENOMEM. */
MUST_USE int flows_open(struct flows **out, const struct addr *local,
                        const struct flows_options *options);
void flows_close(struct flows *f);
