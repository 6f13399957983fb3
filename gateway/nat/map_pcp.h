/**
 * Asks a router for a port with PCP (RFC 6887): MAP for UDP, over IPv4 or, where a port of a
 * firewall is opened, over IPv6.
 *
 * One request at a time: map_pcp_ask() begins it (for a new mapping, to renew it, to delete it), an
 * exchange (gateway/base/exchange.h) with the router's port MAP_PCP_PORT brings it to an end. Hand
 * over datagrams from that router only. It owns no memory.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/exchange.h"
#include "gateway/nat/mapping.h"

#define MAP_PCP_PORT      5351
#define MAP_PCP_NONCE_LEN 12

/* Results of RFC 6887 §7.4 that somebody looks at. */
enum { MAP_PCP_UNSUPPORTED_VERSION = 1, MAP_PCP_NOT_AUTHORIZED = 2, MAP_PCP_ADDRESS_MISMATCH = 12 };

/** Read the fields freely. */
struct map_pcp {
    struct mapping mapping;
    struct map_epoch epoch;
    struct addr local; /* where the mapping leads: our address, as the router sees it */
    uint8_t nonce[MAP_PCP_NONCE_LEN]; /* whose mapping it is: the same for its whole life */
    uint32_t lifetime_s;              /* asked for; 0: delete */
    unsigned sent;
    instant due; /* INSTANT_NEVER unless asking */
};

extern const struct exchange_ops map_pcp_ops;

/** Idle. `nonce` must be random, and is best kept from one run to the next. */
void map_pcp_init(struct map_pcp *p, const struct addr *local,
                  const uint8_t nonce[static MAP_PCP_NONCE_LEN]);
/** Begins a request, due at `now`. The address of the last grant is asked for again. */
void map_pcp_ask(struct map_pcp *p, instant now, uint32_t lifetime_s);
/**
 * Takes what the router announced to everybody (RFC 6887 §14.1). Returns true if it has forgotten
 * its mappings, false for that and for all that is no announcement.
 */
bool map_pcp_announced(struct map_pcp *p, instant now, const uint8_t *pkt, size_t len);
