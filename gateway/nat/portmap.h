/**
 * Keeps one UDP port of our router open to us, by whatever the router understands.
 *
 * PCP, NAT-PMP and UPnP are raced, each a little after the one before so that a router that knows
 * several is not left with several mappings; the first that works is kept. It is renewed at half of
 * its life, made anew at once when the router tells that it has forgotten it (epoch), and deleted
 * at the end. After each grant and renewal the owner is asked to have the address tried from
 * outside: only then is it known to work.
 *
 * Talks to the router alone (and to the SSDP group): what comes from elsewhere is not looked at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/nat/igd_call.h"
#include "gateway/nat/map_igd.h"
#include "gateway/nat/map_natpmp.h"
#include "gateway/nat/map_pcp.h"

enum portmap_method { PORTMAP_PCP, PORTMAP_NATPMP, PORTMAP_UPNP, PORTMAP_METHODS };

enum portmap_phase {
    PORTMAP_OFF,      /* not started, or ended */
    PORTMAP_RACING,   /* nothing yet */
    PORTMAP_HELD,     /* there is a mapping */
    PORTMAP_RENEWING, /* there is one, and it is being renewed */
    PORTMAP_DELETING, /* it is dead: deleted, then asked for anew */
    PORTMAP_NONE,     /* the router knows none of the ways, or refuses; tried again now and then */
};

/** What is known of a mapping from outside. */
enum portmap_proof { PORTMAP_UNVERIFIED, PORTMAP_VERIFIED, PORTMAP_DEAD };

struct portmap;

struct portmap_events {
    /** The address outside is another one, or there is none (any more). */
    void (*on_changed)(void *arg, struct portmap *p);
    /** Somebody should try p->external from outside; portmap_set_proof() answers. */
    void (*verify)(void *arg, struct portmap *p);
};

struct portmap_options {
    struct router router;
    uint16_t port; /* inside: of our main UDP socket */
    uint8_t nonce[MAP_PCP_NONCE_LEN];
    const struct portmap_events *events;
    void *arg;
};

struct portmap_line {
    struct portmap *map;
    const struct exchange_ops *ops;
    void *self;
    struct mapping *mapping; /* its outcome */
    struct udp_socket *udp;  /* NULL: closed */
    instant begin;           /* in a race; INSTANT_NEVER: it has begun, or is not in it */
    bool over;               /* in a race: it gave no mapping */
};

/** Read the fields freely. Embed one; it must not move while it runs. */
struct portmap {
    struct env *env; /* NULL: not started */
    struct portmap_options options;
    enum portmap_phase phase;
    enum portmap_proof proof;
    enum portmap_method method; /* that holds it */
    struct addr external;       /* none: there is no mapping */
    bool behind_nat;            /* that address is somebody's private one: two NATs */
    unsigned refusal;           /* the last code that some method got, 0: none */
    instant expires;            /* INSTANT_NEVER: when it is deleted */
    instant next;               /* what the phase waits for */
    instant renewed;
    unsigned deaths; /* in a row */
    struct portmap_line line[PORTMAP_METHODS];
    struct map_pcp pcp;
    struct map_natpmp natpmp;
    struct map_igd igd;
    struct igd_call call;
    struct udp_socket *ears;      /* for what routers announce; NULL: deaf */
    struct udp_socket *ssdp_ears; /* and those with UPnP */
    struct timer timer;
};

/** Begins the race. With an IPv6 router PCP alone, which opens the port of a firewall. */
void portmap_start(struct portmap *p, struct env *env, const struct portmap_options *options);
/** Was the mapping lost in a change of the network, or a sleep? Renews it, or tries again. */
void portmap_check(struct portmap *p);
/** The mapping was tried from outside. One that does not work is deleted and made anew, once. */
void portmap_set_proof(struct portmap *p, bool works);
/** Deletes what it holds. Returns how long the router may need to hear of it (0: nothing to wait
 *  for), after which portmap_stop() is due. */
instant portmap_end(struct portmap *p);
/** Closes everything at once. Nothing to one that was not started. */
void portmap_stop(struct portmap *p);

/** "pcp", "natpmp", "upnp". */
const char *portmap_method_name(enum portmap_method method);
/** Does an address outside lead to us? Also while it is being renewed. */
static inline bool portmap_is_held(const struct portmap *p)
{
    return p->phase == PORTMAP_HELD || p->phase == PORTMAP_RENEWING;
}
