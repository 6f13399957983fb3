/**
 * How packets get from host to host in a simulated world: uplink, networks with routers between
 * them, downlink. For tests/sim alone.
 */
#pragma once

#include "tests/natlab/nat_types.h"
#include "tests/sim/sim_env.h"

struct sim_router;

/** On the heap; owned by whoever has it. The sender fills it in from `host` on. */
struct sim_packet {
    struct list link;      /* in world->flying; the receiver's */
    struct timer timer;    /* its next stage */
    struct sim_host *host; /* where it is: the sender, then the receiver */
    struct sim_world *world;
    struct sim_router *router; /* in whose line it is, or NULL: in the host's */
    unsigned network;
    bool many; /* multicast or broadcast */
    /* The receiver's host takes it. */
    void (*arrived)(struct sim_packet *p);
    enum nat_proto proto;
    bool icmp_error; /* about a NAT_PING packet, which it quotes */
    uint8_t ttl;
    struct {
        uint8_t flags;
        uint64_t seq, ack, window;
    } tcp; /* as in the header, but that bytes are counted from 0 and never wrap */
    struct addr from, to;
    size_t len;
    uint8_t data[];
};

/** Sends a packet from its host into its network (the sender found out which), and takes it. */
void sim_wire_send(struct sim_packet *p);
/** The same, to the host itself. */
void sim_wire_send_here(struct sim_packet *p);
/** Frees a packet that its host counts as lost. */
void sim_wire_lose(struct sim_packet *p);
/** On the heap, in no list. */
struct sim_packet *sim_wire_copy(const struct sim_packet *p);

/** From tests/sim/sim_icmp.c: shows an error that a host has sent to a router. Linux lets one out
 * as it is when it does not know what it is about, and so do ours. */
enum nat_verdict sim_icmp_cross(struct sim_packet *p, struct nat *n, bool from_outside);
/** From tests/sim/sim_udp.c: the interface by which something leaves, or NULL. */
const struct sim_interface *sim_udp_route(const struct sim_host *h, const struct udp_tx *tx);
