/**
 * One router that translates addresses, as the routers of the world do it (RFC 4787, RFC 5382, and
 * Linux's own rule). Pure: time, chance and packets come from the caller; tests/sim and
 * tests/natlab/natlab.c drive it.
 *
 * Show every packet that leaves the inside network to nat_out(), every one that comes to the router
 * from outside to nat_in(). Each answers what becomes of the packet and rewrites its addresses and
 * hop limit. A packet whose hop limit is used up makes no mapping; it refreshes one that it meets
 * on its way in. Two routers in a row are two structs, called one after the other.
 *
 * The same seed and the same calls give the same ports.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "tests/natlab/nat_types.h"

/** Starts with an empty table. `public` is the IPv4 address outside, none for NAT_MAP_NONE. Returns
 *  0 or -ENOMEM. */
MUST_USE int nat_init(struct nat *n, const struct nat_config *config, const struct addr *public,
                      uint64_t seed);
void nat_deinit(struct nat *n);

/** A packet from the inside network that is for somewhere else. */
MUST_USE enum nat_verdict nat_out(struct nat *n, instant now, struct nat_packet *p);
/** A packet that comes from outside to the router's address, or to one behind it that is not
 *  translated. */
MUST_USE enum nat_verdict nat_in(struct nat *n, instant now, struct nat_packet *p);

/**
 * An ICMP error. `about` is the packet that it complains about, as the network where the error
 * comes from saw it: nat_error_in(): what we sent from a public port; nat_error_out(): what came to
 * an inside host. Rewrites the addresses of `about` to what the other network saw. Refreshes
 * nothing.
 */
MUST_USE enum nat_verdict nat_error_in(struct nat *n, instant now, struct nat_packet *about);
MUST_USE enum nat_verdict nat_error_out(struct nat *n, instant now, struct nat_packet *about);

/** The router starts anew: everything is forgotten. `public` is its new address, or NULL: as
 * before. */
void nat_reboot(struct nat *n, const struct addr *public);

/** Live mappings. */
size_t nat_mapping_count(struct nat *n, instant now);

#define NAT_PRESET_DEPTH 2

/** A kind of access line by name: one router, or two in a row (the first is the nearer one). */
struct nat_preset {
    const char *name;
    unsigned depth;
    struct nat_config router[NAT_PRESET_DEPTH];
};

/** public, full_cone, address_restricted, port_restricted, poisonable, sym_seq, sym_random,
 *  sym_block512 (the eight of the grid, in this order), then linux, cgnat, udp_blocked. Index from
 *  0; NULL past the end. */
const struct nat_preset *nat_preset_at(size_t index);
/** NULL: no such preset. */
const struct nat_preset *nat_preset_find(const char *name);
/** How many of the presets, from the first, are the grid's. */
#define NAT_GRID 8
