/**
 * Port mappings: our main UDP port, opened on the routers of this machine (gateway/nat/portmap.h),
 * one for each address family that has a router.
 *
 * Asks nobody where nothing is to be won: without a router, with a public IPv4 address of our own,
 * or with [portmap] mode = off.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/attr.h"
#include "gateway/nat/portmap.h"
#include "gateway/node/desk.h"
#include "gateway/node/gather.h"
#include "gateway/node/reach_desk.h"

#define PORTMAP_DESK_MAX NODE_PORT_MAPS_MAX

struct portmap_desk_options {
    struct gather *gather;    /* told the addresses that lead to us */
    struct reach_desk *reach; /* tries them from outside; NULL: nothing is ever verified */
    /** The addresses, or what is known of them, changed. From the loop. */
    void (*changed)(void *arg);
    void *arg;
};

/** One family's. */
struct portmap_place {
    struct portmap_desk *desk;
    struct portmap map;
    struct addr told; /* what the gatherer knows; or none */
    struct reach_check check;
};

struct portmap_desk {
    const struct desk *node; /* borrowed; NULL: not started, or turned off */
    struct portmap_desk_options options;
    struct portmap_place place[PORTMAP_DESK_MAX];
    struct timer timer; /* until the next try from outside */
};

/** Begins. What `options` points to is borrowed for the desk's life. */
void portmap_desk_start(struct portmap_desk *d, const struct desk *node,
                        const struct portmap_desk_options *options);
/** The interfaces, addresses or routes of this machine changed, or it slept. */
void portmap_desk_network_changed(struct portmap_desk *d);
/** From the peers' events: there is a session with somebody who may help to try them. */
void portmap_desk_on_conn(struct portmap_desk *d);
/** Deletes the mappings. Returns how long routers may need for that, before portmap_desk_stop(). */
instant portmap_desk_end(struct portmap_desk *d);
void portmap_desk_stop(struct portmap_desk *d);

/** Has somebody outside come in by one of them? */
bool portmap_desk_is_reached(const struct portmap_desk *d);
/** The ports that our routers lead to us. Returns how many. */
size_t portmap_desk_list(const struct portmap_desk *d,
                         struct node_port_map out[static NODE_PORT_MAPS_MAX]);
/** For `status`: true and "pcp 203.0.113.7:4433, 3412 s left, not verified"; or false and why there
 *  is no mapping: "the router refuses (code 2)". */
bool portmap_desk_print(const struct portmap_desk *d, char out[static NODE_TEXT_MAX]);
