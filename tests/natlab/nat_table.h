/**
 * What a router remembers: mappings of inside sockets to public ports, and who was sent to from
 * each. For tests/natlab/nat.c alone, which decides; this finds, adds and forgets.
 */
#pragma once

#include "gateway/base/list.h"
#include "tests/natlab/nat_types.h"

/** One remote that an inside socket sent to through a mapping. */
struct nat_permit {
    struct nat_permit *next;
    struct addr remote;
    instant until;
    bool replied;
    uint8_t closing; /* TCP: 1 our FIN, 2 theirs, 3 both or a reset */
};

struct nat_flow {
    struct list by_inside, by_public;
    enum nat_proto proto;
    bool local; /* the router's own, not ours: inside is none, key who sent to it */
    struct addr inside, public;
    struct addr key; /* NAT_MAP_AD: one address, port 0; NAT_MAP_APD: one remote; else none */
    struct nat_permit *permits;
    instant until;
};

/** A run of ports that belongs to an inside address until the router reboots. */
struct nat_block {
    struct nat_block *next;
    struct addr inside; /* port 0 */
    uint16_t start;
};

struct nat_table {
    struct list by_inside[NAT_BUCKETS], by_public[NAT_BUCKETS];
    struct nat_block *blocks;
    size_t count; /* flows and permits */
};

/** NULL: no memory. */
struct nat_table *nat_table_new(void);
void nat_table_free(struct nat_table *t);
/** Forgets everything, blocks too. */
void nat_table_clear(struct nat_table *t);
/** Forgets what is over. */
void nat_table_sweep(struct nat_table *t, instant now);

/** The flows whose inside socket may be this one, newest last. */
struct list *nat_table_inside(struct nat_table *t, enum nat_proto proto, const struct addr *inside);
/** The flows whose public port may be this one. */
struct list *nat_table_public(struct nat_table *t, uint16_t port);

static inline struct nat_flow *nat_flow_by_inside(struct list *node)
{
    return list_entry(node, struct nat_flow, by_inside);
}

static inline struct nat_flow *nat_flow_by_public(struct list *node)
{
    return list_entry(node, struct nat_flow, by_public);
}

/** Adds a copy of `flow`, which is in no list. NULL: no memory. */
struct nat_flow *nat_table_add(struct nat_table *t, const struct nat_flow *flow);
/** Finds the permit for a remote, or with `ip_only` one for its address; a live one. NULL: none. */
struct nat_permit *nat_flow_permit(const struct nat_flow *f, instant now, const struct addr *remote,
                                   bool ip_only);
/** Adds one that lives until `until`. NULL: no memory. */
struct nat_permit *nat_table_permit(struct nat_table *t, struct nat_flow *f,
                                    const struct addr *remote);
