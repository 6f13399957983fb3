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
#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"
#include "gateway/base/env.h"
#include "gateway/identity/peer_id.h"
#include "gateway/wire/mdns.h"

#define MDNS_PORT      5353
#define MDNS_GROUP_V4  "224.0.0.251"
#define MDNS_GROUP_V6  "ff02::fb"
#define DNSSD_MAX      1200 /* bytes of a message */
#define DNSSD_TTL_HOST 120  /* seconds, RFC 6762 §10 */
#define DNSSD_TTL      4500

enum { DNSSD_LINKS_MAX = 16, DNSSD_ADDRESSES_MAX = 64 };

/** What the next messages on an interface (and family) have to say. */
struct dnssd_link {
    unsigned ifindex;
    bool v6;
    unsigned records; /* bits: asked for by multicast, to be answered at `due` */
    instant due;      /* INSTANT_NEVER: nothing */
    instant sent;     /* last multicast answer, 0: none */
};

/** One unicast answer. */
struct dnssd_reply {
    struct addr to;
    unsigned ifindex;
    unsigned records; /* 0: nothing to say */
    bool legacy;      /* asked from another port than 5353 (RFC 6762 §6.7) */
    uint16_t id;
    struct mdns_question question; /* id and question are repeated for legacy askers */
};

struct dnssd {
    struct mdns_name instance, host, service, listing;
    char txt[64];
    uint16_t port_v4, port_v6;
    void (*random)(void *arg, void *out, size_t len);
    void *arg;
    enum { DNSSD_OFF, DNSSD_PROBING, DNSSD_ANNOUNCING, DNSSD_READY, DNSSD_LEAVING } state;
    unsigned round; /* of probing, announcing or leaving: how many messages each link had */
    unsigned next;  /* link whose turn it is in this round */
    instant due;    /* of the round */
    struct dnssd_link link[DNSSD_LINKS_MAX];
    size_t link_count;
    struct interface address[DNSSD_ADDRESSES_MAX];
    size_t address_count;
    struct dnssd_reply reply;
    struct bucket replies;
    uint8_t message[DNSSD_MAX];
};

/** A message to be sent from MDNS_PORT with hop limit 255. */
struct dnssd_tx {
    struct addr to;
    unsigned ifindex;
    const uint8_t *data; /* valid until the next call */
    size_t len;
};

void dnssd_init(struct dnssd *d, const struct peer_id *id, uint16_t port_v4, uint16_t port_v6,
                void (*random)(void *arg, void *out, size_t len), void *arg);
/** Starts to probe and announce on these. */
void dnssd_set_interfaces(struct dnssd *d, instant now, const struct interface *list, size_t count);
/** Takes a message. Anything may be handed in. */
void dnssd_input(struct dnssd *d, instant now, const struct addr *from, unsigned ifindex,
                 const uint8_t *data, size_t len);
/** Fills `tx` with the next message that is due. */
bool dnssd_output(struct dnssd *d, instant now, struct dnssd_tx *tx);
instant dnssd_deadline(const struct dnssd *d);
/** Says good-bye (RFC 6762 §10.1) with the next output. */
void dnssd_stop(struct dnssd *d, instant now);
