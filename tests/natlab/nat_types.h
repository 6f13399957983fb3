/**
 * What a router that translates addresses is told, sees and keeps: the types of tests/natlab/nat.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"

/** Which of our packets share a public port. */
enum nat_mapping {
    NAT_MAP_NONE,  /* addresses stay: a public host, or a firewall alone */
    NAT_MAP_EI,    /* all from one socket (endpoint independent) */
    NAT_MAP_AD,    /* all from one socket to one address */
    NAT_MAP_APD,   /* all from one socket to one address and port: "symmetric" */
    NAT_MAP_LINUX, /* all from one socket, until somebody else holds the port towards a remote */
};

/** Who may send to a public port. */
enum nat_filter {
    NAT_FILTER_EI,  /* everybody */
    NAT_FILTER_AD,  /* addresses that were sent to from there */
    NAT_FILTER_APD, /* addresses and ports that were sent to from there */
};

/** How a public port is picked. */
enum nat_ports {
    NAT_PORTS_PRESERVE,   /* the socket's own if it is free, else any */
    NAT_PORTS_RANDOM,     /* any */
    NAT_PORTS_SEQUENTIAL, /* the next */
    NAT_PORTS_BLOCK,      /* any in a block that is the inside address's own */
};

/** A packet from inside to the router's own public address. */
enum nat_hairpin {
    NAT_HAIRPIN_OFF,      /* is lost */
    NAT_HAIRPIN_INTERNAL, /* arrives from the sender's inside address */
    NAT_HAIRPIN_EXTERNAL, /* arrives from the sender's public address */
};

struct nat_config {
    enum nat_mapping mapping;
    enum nat_filter filter;
    enum nat_ports ports;
    enum nat_hairpin hairpin;
    /* NAT_MAP_LINUX: what comes for no mapping is taken for the router itself, which then holds
     * that port towards that remote for as long as an unreplied flow lives. */
    bool input_accepts;
    bool refuses_tcp; /* answers an unwanted SYN with RST; else it is lost */
    bool udp_blocked;
    bool open_v6;           /* IPv6 passes unasked; else only answers of flows that began inside */
    bool keeps_on_out_only; /* what comes in does not refresh a mapping (RFC 4787 REQ-6) */
    uint16_t port_min;      /* 0: 1024 */
    uint16_t port_max;      /* 0: 65535 */
    uint16_t block;         /* ports of one block, 0: 512 */
    instant unreplied;      /* a UDP flow that nobody answered lives so long; 0: 30 s */
    instant stream;         /* and one that was answered; 0: 120 s */
    size_t flows_max;       /* 0: 16384; one more is refused */
};

enum nat_proto { NAT_UDP, NAT_TCP, NAT_PING };

/** Bits of struct nat_packet's tcp_flags, as in the TCP header. */
enum { NAT_TCP_FIN = 1, NAT_TCP_SYN = 2, NAT_TCP_RST = 4, NAT_TCP_ACK = 16 };

/** What the router looks at. */
struct nat_packet {
    enum nat_proto proto;
    struct addr from, to; /* NAT_PING: the port on the asker's side is the identifier */
    uint8_t ttl;
    uint8_t tcp_flags;
};

enum nat_verdict {
    NAT_PASS,    /* on it goes, as rewritten */
    NAT_TURN,    /* nat_out() only: back inside, as rewritten (hairpin) */
    NAT_DROP,    /* nobody hears of it again */
    NAT_EXPIRED, /* hop limit used up: dropped, the sender may be told by ICMP */
    NAT_REFUSED, /* dropped, and the sender is told: TCP by RST, else by ICMP port unreachable */
};

struct nat_count {
    uint64_t out, in, turned;                  /* passed */
    uint64_t filtered, blocked, expired, full; /* dropped */
    uint64_t poisoned;                         /* ports the router took for itself */
};

/** Of the tables in which a router looks packets up. */
#define NAT_BUCKETS 1024

struct nat {
    struct nat_config config;
    struct addr public; /* port 0 */
    struct nat_count count;
    /* internal */
    uint64_t chance;
    uint16_t next_port;
    instant sweep_at;
    struct nat_table *table;
};
