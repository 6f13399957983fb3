/**
 * Asks a router for a UDP port with NAT-PMP (RFC 6886): first which address it has outside
 * (natpmp_probe.h), as requests are to come one after another, then for the port.
 *
 * Driven as map_pcp.h is, with the router's port NATPMP_PORT. It owns no memory.
 */
#pragma once

#include "gateway/base/exchange.h"
#include "gateway/nat/mapping.h"
#include "gateway/nat/natpmp_probe.h"

/** Read the fields freely. */
struct map_natpmp {
    struct mapping mapping;
    struct map_epoch epoch;
    struct natpmp_probe probe;
    uint16_t port;       /* inside */
    uint32_t lifetime_s; /* asked for; 0: delete */
    unsigned sent;
    instant due; /* of the request for the port */
};

extern const struct exchange_ops map_natpmp_ops;

void map_natpmp_init(struct map_natpmp *m, uint16_t port);
/** Begins, due at `now`: for a new mapping, to renew it, or (lifetime 0) to delete it. */
void map_natpmp_ask(struct map_natpmp *m, instant now, uint32_t lifetime_s);
/**
 * Takes what the router announced to everybody (RFC 6886 §3.2.1). Returns true if it has forgotten
 * its mappings or has another address; false for all else.
 */
bool map_natpmp_announced(struct map_natpmp *m, instant now, const uint8_t *pkt, size_t len);
