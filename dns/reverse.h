/**
 * Names of IPv4 addresses, as DNS writes them backwards (RFC 1035 §3.5): 7.23.19.198.in-addr.arpa.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"

struct reverse {
    unsigned octets;     /* of the address that the name has; more than 4: it is below an address */
    uint8_t ip[4];       /* the first of them, the rest zero */
    const uint8_t *apex; /* where the zone's own name begins in the name */
    size_t apex_len;
};

/**
 * Reads an uncompressed name that has been checked. True if it is in one of the zones of a range: a
 * range that ends within an octet has several.
 */
bool reverse_read(struct reverse *out, const struct addr_prefix *range, const uint8_t *name,
                  size_t len);
