/**
 * An IP packet as a router needs it: read, readdress, complain about. IPv4 and IPv6 with UDP, TCP
 * and ICMP; pieces of fragmented packets are not read, for only the first has ports.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "tests/natlab/nat_types.h"

#define IP_ANSWER_MAX 1280 /* bytes of a packet that ip_make_*() writes */

enum ip_kind {
    IP_FLOW,  /* UDP, TCP or a ping: `seen` is the packet itself */
    IP_ERROR, /* ICMP error: `seen` is the packet it complains about */
    IP_OTHER, /* `seen` has addresses without ports */
};

struct ip_packet {
    uint8_t *data; /* borrowed */
    size_t len;    /* of the packet; what came behind it is left out */
    enum ip_kind kind;
    bool v6, whole;       /* whole: may not be fragmented (DF; IPv6 always) */
    struct addr from, to; /* of the outer header, port 0 */
    uint8_t ttl;
    struct nat_packet seen;
    /* internal: offsets of the headers that `seen` was read from */
    size_t ip, transport;
};

/** Returns 0; -EBADMSG: not an IP packet; -ENOTSUP: a fragment, or IPv6 with extension headers. */
MUST_USE int ip_parse(struct ip_packet *p, uint8_t *data, size_t len);

/** Sets the hop limit. */
void ip_set_ttl(struct ip_packet *p, uint8_t ttl);
/** Gives an IP_FLOW packet new ends; checksums are brought along (RFC 1624). */
void ip_readdress(struct ip_packet *p, const struct addr *from, const struct addr *to);
/** Gives an IP_ERROR packet a new outer source and destination, and other ends to the packet that
 * it is about. */
void ip_readdress_error(struct ip_packet *p, const struct addr *from, const struct addr *to,
                        const struct nat_packet *about);

/** An address of one host: not of many, all or none. */
bool ip_is_one_host(const struct addr *a);

enum ip_complaint { IP_TIME_EXCEEDED, IP_PORT_UNREACHABLE, IP_TOO_BIG };

/** Writes an ICMP error about a packet, from `from` (of the same family; ports do not count) to its
 *  source. `mtu` is for IP_TOO_BIG. Returns its length, or 0: none may be sent (RFC 1122 §3.2.2:
 *  never about an error, nor to or from more than one host). */
size_t ip_make_error(uint8_t out[static IP_ANSWER_MAX], const struct ip_packet *about,
                     const struct addr *from, enum ip_complaint what, size_t mtu);
/** Writes the RST that answers a TCP packet. Returns its length. */
size_t ip_make_reset(uint8_t out[static IP_ANSWER_MAX], const struct ip_packet *about);
