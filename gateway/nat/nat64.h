/**
 * NAT64: a network of IPv6 alone whose router translates to IPv4. An IPv4 address is reached there
 * at an IPv6 one that has it inside, behind a prefix of the network's (RFC 6052 §2.2), which the
 * name ipv4only.arpa betrays (RFC 7050): it has only IPv4 addresses, so whatever IPv6 ones a name
 * server tells were made.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define NAT64_NAME     "ipv4only.arpa"
#define NAT64_TEXT_MAX (ADDR_TEXT_MAX + 4)

struct nat64 {
    uint8_t prefix[16]; /* zero behind its bits */
    unsigned bits;      /* 32, 40, 48, 56, 64 or 96; 0: there is no NAT64 */
};

/** Finds the prefix in the addresses of NAT64_NAME. Returns 0, or -ENOENT: none of them was made,
 *  or by a prefix that is none of the internet's or of a site's. */
MUST_USE int nat64_find(struct nat64 *out, const struct addr *list, size_t count);
/** Is it an IPv4 address that is reached through the translator, because it is out in the internet?
 */
bool nat64_covers(const struct nat64 *n, const struct addr *v4);
/** Where an IPv4 address is reached. The port stays. */
struct addr nat64_wrap(const struct nat64 *n, const struct addr *v4);
/** Is it an IPv4 address, whichever, behind this prefix? */
bool nat64_holds(const struct nat64 *n, const struct addr *v6);
/** The IPv4 address inside one; false: it has none of this prefix. The port stays. */
MUST_USE bool nat64_unwrap(const struct nat64 *n, const struct addr *v6, struct addr *out);
/** "64:ff9b::/96". Returns `out`. */
const char *nat64_print(const struct nat64 *n, char out[static NAT64_TEXT_MAX]);
