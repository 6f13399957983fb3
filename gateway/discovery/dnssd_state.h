/**
 * The inside of the DNS-SD responder, shared by its parts: dnssd.c decides what to say and when,
 * dnssd_write.c writes it. Others use gateway/discovery/dnssd.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"
#include "gateway/base/env.h"
#include "gateway/wire/mdns.h"

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
