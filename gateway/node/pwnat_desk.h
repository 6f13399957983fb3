/**
 * Calls by ICMP (gateway/punch/pwnat.h): being called by peers that know no more than our public
 * address, and calling them, with a raw socket.
 *
 * Off unless options->pwnat. As callee it keeps the mapping in our NAT and, when a contact calls,
 * opens our NAT towards it and dials it. As caller it stands by each attempt to connect to a peer
 * with known addresses: when nothing has answered there for a while it tells the peer, which then
 * lets a fresh socket of ours in. Without the privilege for raw sockets neither works, which is
 * said once; the gateway runs on.
 *
 * What a caller names gets packets without a hop limit within PUNCH_BUDGET_PROBES alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/list.h"
#include "gateway/identity/pair_key.h"
#include "gateway/node/bootstrap_desk.h"
#include "gateway/node/desk.h"
#include "gateway/node/gather.h"
#include "gateway/node/punch_budget.h"
#include "gateway/punch/pwnat.h"

#define PWNAT_CALLS_MAX 16 /* at a time */
#define PWNAT_RINGS_MAX 16
#define PWNAT_KNOWN_MAX 4 /* addresses of a peer that is called */

struct pwnat_desk_options {
    const struct keys *keys;
    const uint8_t *network; /* message_network() */
    const struct gather *gather;
    const struct bootstrap_desk *bootstrap;
    struct punch_common *common; /* what is spent on others' addresses */
};

struct pwnat_desk {
    const struct desk *node;           /* borrowed; NULL: not started */
    struct pwnat_desk_options options; /* borrowed, all of them */
    struct icmp_socket *socket;        /* NULL: off, or not to be had */
    struct pwnat_ear ear;
    struct list calls; /* of struct pwnat_caller: who calls us */
    unsigned call_count;
    struct list rings; /* of struct pwnat_callee: whom we call */
    unsigned ring_count;
    struct list kept; /* of struct kept_socket: fresh ones that carry a session */
    struct punch_budget budget;
    instant echo_due;
    instant next; /* when the timer is set to */
    struct timer timer;
    char state[96];
};

/** Opens the raw socket if the option is on. The sockets of the hub are open. */
void pwnat_desk_start(struct pwnat_desk *d, const struct desk *node,
                      const struct pwnat_desk_options *options);
/** Fine on a zeroed struct. */
void pwnat_desk_stop(struct pwnat_desk *d);
/** The registry changed: other contacts may call. */
void pwnat_desk_contacts(struct pwnat_desk *d);
/** The addresses of this machine changed: another NAT needs its mapping. */
void pwnat_desk_network_changed(struct pwnat_desk *d);

/** A peer is being dialled. */
void pwnat_desk_find(struct pwnat_desk *d, const struct peer *p);
/** It was reached, or not. */
void pwnat_desk_on_settled(struct pwnat_desk *d, const struct peer *p);
/** From the peers' events. */
void pwnat_desk_on_conn(struct pwnat_desk *d, struct quic_conn *conn, bool ended);

/** For `status`: "off", "on", or why it does not work. */
const char *pwnat_desk_state(const struct pwnat_desk *d);
