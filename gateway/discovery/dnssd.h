/**
 * Shows a public gateway to DNS-SD browsers: one instance of _overlay._udp.local.
 *
 * A small multicast DNS responder (RFC 6762) with the records of DNS-SD (RFC 6763): PTR for the
 * type and for its listing, SRV and TXT for the instance, A and AAAA for the host. Instance and
 * host are called by the peer id, so the names are ours alone; they are probed for as the
 * protocol wants, and not given up.
 * Sans-I/O, part of LAN discovery (gateway/discovery/lan.h): it asks nothing but its probes, and
 * finds nobody.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"
#include "gateway/base/env.h"
#include "gateway/discovery/dnssd_state.h"
#include "gateway/identity/peer_id.h"

/** A message to be sent from MDNS_PORT with hop limit 255. */
struct dnssd_tx {
    struct addr to;
    unsigned ifindex;
    const uint8_t *data; /* valid until the next call */
    size_t len;
};

/** Names and ports (0: none) of a gateway; silent until there are interfaces. */
void dnssd_init(struct dnssd *d, const struct peer_id *id, uint16_t port_v4, uint16_t port_v6,
                void (*random)(void *arg, void *out, size_t len), void *arg);
/** Starts to probe and announce on these. */
void dnssd_set_interfaces(struct dnssd *d, instant now, const struct interface *list, size_t count);
/** Takes a message. Anything may be handed in. */
void dnssd_input(struct dnssd *d, instant now, const struct addr *from, unsigned ifindex,
                 const uint8_t *data, size_t len);
/** Fills `tx` with the next message that is due. */
bool dnssd_output(struct dnssd *d, instant now, struct dnssd_tx *tx);
/** When dnssd_output() next has work. */
instant dnssd_deadline(const struct dnssd *d);
/** Says good-bye (RFC 6762 §10.1) with the next output. */
void dnssd_stop(struct dnssd *d, instant now);
