/**
 * An IP address and port as a value: parse, print, compare, classify.
 *
 * Kept as the kernel wants it, so that sending to one costs no conversion. A zeroed one is "none"
 * (addr_is_none()). Scope ids of link-local IPv6 addresses are kept and compared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "gateway/base/attr.h"

struct addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

/** Room for "[ffff:...:255.255.255.255%4294967295]:65535" and its NUL. */
#define ADDR_TEXT_MAX 72

static inline bool addr_is_none(const struct addr *a)
{
    return a->sa.sa_family == AF_UNSPEC;
}

static inline bool addr_is_v6(const struct addr *a)
{
    return a->sa.sa_family == AF_INET6;
}

/** Length for the kernel, 0 for none. */
static inline socklen_t addr_len(const struct addr *a)
{
    if (addr_is_none(a))
        return 0;
    return addr_is_v6(a) ? sizeof(a->v6) : sizeof(a->v4);
}

/** `ip` is 4 bytes in network order. */
struct addr addr_v4(const uint8_t ip[static 4], uint16_t port);
/** `ip` is 16 bytes in network order; `scope` is 0 but for link-local addresses. */
struct addr addr_v6(const uint8_t ip[static 16], uint16_t port, uint32_t scope);
/** 127.0.0.1 or, with `v6`, ::1. */
struct addr addr_loopback(bool v6, uint16_t port);

/** Copies what the kernel gave; anything but AF_INET and AF_INET6 becomes none. */
struct addr addr_from_sockaddr(const struct sockaddr *sa);

/** Parses "192.0.2.7:4433" or "[2001:db8::1%2]:4433". Returns 0 or -EINVAL. */
MUST_USE int addr_parse(struct addr *out, const char *text);
/** Parses an address without a port (brackets allowed); its port is `port`. 0 or -EINVAL. */
MUST_USE int addr_parse_ip(struct addr *out, const char *text, uint16_t port);
/** Writes "IP:PORT" (IPv6 in brackets), or "none". Returns `out`. */
const char *addr_print(const struct addr *a, char out[static ADDR_TEXT_MAX]);
/** Writes the address alone, without port or brackets. Returns `out`. */
const char *addr_print_ip(const struct addr *a, char out[static ADDR_TEXT_MAX]);

uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
/** Points at the 4 or 16 address bytes and sets `*len`; NULL and 0 for none. */
const uint8_t *addr_ip(const struct addr *a, size_t *len);

/** Family, address, scope and port agree. */
bool addr_equal(const struct addr *a, const struct addr *b);
/** As addr_equal(), ports aside. */
bool addr_same_ip(const struct addr *a, const struct addr *b);
/** Are they most likely one customer's? IPv6 hands out addresses by /64. */
bool addr_same_caller(const struct addr *a, const struct addr *b);
/** What addr_same_caller() compares, for tables: `len` bytes of `ip`, and 0 of an address that is
 *  none. */
struct addr_caller {
    uint8_t ip[8];
    uint8_t len;
};
struct addr_caller addr_caller(const struct addr *a);
bool addr_caller_equal(const struct addr_caller *a, const struct addr_caller *b);
/** ::ffff:a.b.c.d becomes a.b.c.d; everything else is returned as it is. */
struct addr addr_unmapped(struct addr a);

bool addr_is_loopback(const struct addr *a);
/** 0.0.0.0 or ::. */
bool addr_is_unspecified(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
/** 169.254/16 or fe80::/10. */
bool addr_is_link_local(const struct addr *a);
/** RFC 6598 (100.64/10): what providers give to customers who share a public address. */
bool addr_is_shared(const struct addr *a);
/** RFC 1918, RFC 6598 (100.64/10) or RFC 4193 (fc00::/7). */
bool addr_is_private(const struct addr *a);

/** An address prefix, as in "192.0.2.0/24" or "2001:db8::/32". */
struct addr_prefix {
    struct addr addr;
    unsigned bits;
};

/** Parses ADDRESS/BITS, or an address alone as a full-length prefix. Returns 0 or -EINVAL. */
MUST_USE int addr_prefix_parse(struct addr_prefix *out, const char *text);
/** Are all bits behind the prefix zero? In what a person writes others are a mistake. */
bool addr_prefix_is_exact(const struct addr_prefix *p);
/** The same prefix, as it was written. */
bool addr_prefix_equal(const struct addr_prefix *a, const struct addr_prefix *b);
#define ADDR_PREFIX_TEXT_MAX (ADDR_TEXT_MAX + 4)
/** Writes ADDRESS/BITS, or an address alone for a full-length prefix. Returns `out`. */
const char *addr_prefix_print(const struct addr_prefix *p, char out[static ADDR_PREFIX_TEXT_MAX]);
/** v4-in-v6 addresses are unmapped before they are compared. */
bool addr_prefix_contains(const struct addr_prefix *p, const struct addr *a);
/** The last address of an IPv4 network, which is everybody in it (RFC 919 §7). */
bool addr_prefix_is_everybody(const struct addr_prefix *p, const struct addr *a);
