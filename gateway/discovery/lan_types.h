/**
 * What LAN discovery is told and tells (gateway/discovery/lan.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/identity/keys.h"
#include "gateway/identity/peer_id.h"

#define LAN_PORT              18756
#define LAN_GROUP_V4          "239.255.79.86"   /* RFC 2365 §6.1: local scope */
#define LAN_GROUP_V6          "ff12::4f56:4c41" /* RFC 4291 §2.7: link-local, not assigned by IANA */
#define LAN_DATAGRAM_MAX      1200
#define LAN_SOURCE_PER_MINUTE 20
#define LAN_INTERFACES_MAX    64 /* addresses, more are ignored */
#define LAN_NETWORK_LEN       16

struct lan_options {
    const struct keys *keys;          /* borrowed for the machine's life */
    bool public;                      /* signed beacons and DNS-SD as well: anybody sees us */
    uint8_t network[LAN_NETWORK_LEN]; /* message_network(): others are not heard */
    uint16_t port_v4, port_v6;        /* of the main sockets, 0: there is none */
    void (*random)(void *arg, void *out, size_t len);
    void *arg; /* random's */
};

enum lan_socket {
    LAN_SOCKET_MAIN,  /* the gateway's main socket of the destination's family */
    LAN_SOCKET_GROUP, /* bound to LAN_PORT; only receives */
    LAN_SOCKET_MDNS,  /* bound to MDNS_PORT */
};

/** A multicast group to join; joining again does no harm. */
struct lan_join {
    enum lan_socket socket;
    struct addr group;
    unsigned ifindex;
};

struct lan_tx {
    enum lan_socket socket;
    struct addr to;
    struct addr from; /* source address to use, or none */
    unsigned ifindex; /* interface to use, or 0 */
    int ttl;          /* 1 for beacons, 255 for DNS-SD, 0: the default */
    const uint8_t *data;
    size_t len;
};

enum lan_found {
    LAN_FOUND_CONTACT, /* its tag for us: only it could make that */
    LAN_FOUND_ANSWER,  /* it answered our question, signed */
    LAN_FOUND_SIGNED,  /* it announces itself publicly, signed; maybe a stranger */
};

struct lan_event {
    struct peer_id id;
    struct addr addr; /* of its main UDP socket; link-local ones with their scope */
    enum lan_found how;
};
