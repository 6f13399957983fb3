/**
 * A gateway as an object: its sockets, its sessions, its services, everything but the adapters.
 *
 * Built on an environment (gateway/base/env.h), so that the real program and the simulator run the
 * same one. The adapters, the DNS server and the control server use it through this header and
 * gateway/node/registry.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/nat_report.h"
#include "gateway/base/pipe.h"
#include "gateway/identity/keys.h"
#include "gateway/node/abuse.h"
#include "gateway/node/access.h"
#include "gateway/node/registry.h"
#include "gateway/peer/flow.h"
#include "gateway/wire/preamble.h"

struct node;

enum lan_mode { LAN_PRIVATE, LAN_PUBLIC, LAN_OFF };

/** For whom we relay: nobody, the peers that have an entry in the registry, anybody. */
enum relay_serve { RELAY_SERVE_OFF, RELAY_SERVE_FRIENDS, RELAY_SERVE_OPEN };

/** As what we take part in the BitTorrent DHT (BEP 43 for a client). */
enum node_dht { NODE_DHT_OFF, NODE_DHT_CLIENT, NODE_DHT_SERVER, NODE_DHT_ADAPTIVE };

#define RELAY_USE_MAX       2 /* a home and a spare */
#define NODE_DHT_LISTEN_MAX 2
#define NODE_BOOTSTRAP_MAX  8
#define NODE_PKARR_MAX      8
#define NODE_TLS_LISTEN_MAX 4
#define NODE_STUN_MAX       8
#define NODE_TURN_MAX       4
#define NODE_EXTERNAL_MAX   4
#define NODE_PUBLIC_MAX     (2 + NODE_EXTERNAL_MAX)
#define NODE_TEXT_MAX       256 /* with its NUL */
#define NODE_PREFIX_MAX     (ADDR_TEXT_MAX + 4)

/** A STUN server; port 0: none. */
struct node_stun {
    char host[128];
    uint16_t port;
    bool tcp; /* asked over TCP alone; others over UDP and, when need be, over TCP too */
};

enum node_transport { NODE_OVER_UDP, NODE_OVER_TCP, NODE_OVER_TLS };

/** A TURN server; port 0: none. */
struct node_turn {
    char host[128];
    uint16_t port;
    enum node_transport transport;
};

/** A host by which the DHT is entered; port 0: none. */
struct node_bootstrap {
    char host[128];
    uint16_t port;
};

struct node_options {
    struct addr listen[4]; /* UDP, one a family or interface; none from the end on */
    bool port_kept;   /* port 0: use the port of the last run again if it is free, the DHT too */
    char network[64]; /* different names never talk; empty: the common one */
    const char *home; /* where env_load() reads, for messages; borrowed, NULL: not named */
    char nickname[ALIAS_MAX + 1];
    char invite_name[ALIAS_MAX + 1]; /* what invites call us when there is no nickname; or "" */
    char version[32];
    enum lan_mode lan;
    uint64_t streams_per_peer; /* 0: default */
    uint64_t rate;             /* bytes/s a peer, 0: no limit */
    uint64_t uplink;           /* bytes/s that leave in all, 0: no limit */
    unsigned udp_idle_s;       /* 0: 60 */
    unsigned max_peers;        /* sessions at a time, 0: 1024 */
    bool block_abusers;        /* block who breaks the protocol again and again */
    bool tcp;                  /* take sessions over TCP, too, at the numbers of the UDP sockets */
    struct addr tls_listen[NODE_TLS_LISTEN_MAX]; /* and over TLS there; none from the end on */
    enum relay_serve relay_serve;
    uint64_t relay_rate;                     /* bytes/s that we relay for one peer; 0: no limit */
    uint64_t relay_daily;                    /* bytes in 24 hours; 0: no limit */
    struct addr external[NODE_EXTERNAL_MAX]; /* where a person says that we are reached; none from
                                                the end on */
    bool no_punching;                        /* stay on relays */
    bool no_birthday;                        /* no search of ports by many guesses */
    uint8_t opener_ttl;                      /* hop limit of openers; 0: as measured */
    bool pwnat;                              /* call, and be called, by ICMP */
    bool no_portmap;                         /* ask no router for a port */
    char relay_use[RELAY_USE_MAX]
                  [PEER_RELAY_MAX + 1];   /* through which we are reached:
                                             PEER_ID@HOST:PORT; empty from the end on */
    struct node_stun stun[NODE_STUN_MAX]; /* none from the end on */
    struct node_turn turn[NODE_TURN_MAX]; /* none from the end on; the first that works is used */
    bool publish_addresses;               /* in our record, for everybody */
    bool peer_exchange;                   /* tell contacts of one another, and they of us */
    enum node_dht dht;
    bool no_dht_mailbox; /* leave no messages for contacts on the DHT, and look for none */
    struct addr dht_listen[NODE_DHT_LISTEN_MAX]; /* one a family; none from the end on */
    struct node_bootstrap dht_bootstrap[NODE_BOOTSTRAP_MAX]; /* none from the end on */
    char pkarr_relay[NODE_PKARR_MAX][128];                   /* URLs; empty from the end on */
    char turn_user[256], turn_password[256];
    char turn_ca[64];      /* file of the home with certificates to trust there; "": none */
    char turn_secret[256]; /* that user and password follow from; "": none */
    struct node_mail {
        char smtp[256], imap[256]; /* URLs; "": none */
        char user[256], password_file[256], from[256], ca[256];
        unsigned poll_s; /* 0: 300 */
    } mail;
};

/** What a peer offers us, as it said over its session. */
struct remote_service {
    char name[PREAMBLE_NAME_MAX + 1];
    enum service_proto proto;
    uint16_t port;
    bool raw;
};

enum peer_state {
    PEER_IDLE,        /* no session and none wanted */
    PEER_FINDING,     /* dialling */
    PEER_RELAYED,     /* connected through a relay */
    PEER_DIRECT,      /* connected directly */
    PEER_UNREACHABLE, /* the last attempt failed */
    PEER_BLOCKED,
};

/** The word for a state, as status, DNS and messages show it: "direct". */
const char *peer_state_text(enum peer_state state);

/** The last round of punching with a peer. The texts last. */
struct round_view {
    unsigned number;          /* as both sides count; 0: there was none, and all else is zero */
    const char *result;       /* "running", "direct", "lost", "ended", "not begun" */
    const char *strategy;     /* the last that was tried: "a birthday search"; or NULL */
    unsigned candidates;      /* addresses that the peer named */
    unsigned probes, guesses; /* packets sent, and those to guessed ports among them */
    unsigned answers;         /* packets of the peer that came, authentic */
    unsigned lost;            /* rounds in a row */
    instant began, took;
};

/** A moment of one peer's life. `services` is borrowed until the loop runs again. */
struct peer_view {
    struct peer_id id;
    char alias[ALIAS_MAX + 1];
    enum peer_state state;
    bool known; /* has an entry in the registry */
    struct path_view {
        bool present;
        const char *kind; /* "udp", "tcp", "relay", "turn" */
        struct addr remote;
        instant rtt; /* 0: not measured */
        unsigned mtu;
        const char *over; /* what carries the way to the relay: "udp", "tcp"; NULL: no relay */
    } path;
    const char *why_not_direct; /* NULL when direct */
    struct round_view round;
    const char *nickname;    /* that it proposes for itself; NULL: none, or no session */
    const char *last_error;  /* of the last failed attempt, or NULL */
    const char *blocked_why; /* what it was blocked for by this gateway itself, or NULL */
    uint64_t offences;       /* since it was last unknown here */
    uint64_t rx_bytes, tx_bytes;
    uint64_t
        dropped; /* datagrams, or pieces of them, that were too many or too late on this side */
    instant throttled; /* how long data for it has waited for the limit on its rate */
    uint64_t streams;
    bool services_known;
    const struct remote_service *services;
    size_t service_count;
};

/** What one peer may have, and how many may come. */
struct limits_view {
    uint64_t rate;             /* bytes a second, each way; 0: no limit */
    uint64_t uplink;           /* bytes a second of all together; 0: no limit */
    uint64_t streams_per_peer; /* at a time; 0: the default of the transport */
    unsigned max_peers;
    bool block_abusers;
    size_t allow_from, block_from; /* entries of the lists */
};

/** What others did that they should not, since the start. */
struct abuse_view {
    struct abuse_count {
        const char *event; /* a word that stays */
        uint64_t count;
    } kind[ABUSE_KINDS];
    uint64_t turned_away; /* batches of datagrams and TCP connections from addresses that may not */
    uint64_t blocked;     /* peers, by the gateway itself */
    size_t shut;          /* addresses, now */
};

#define RELAY_VIEWS_MAX 8

/** A relay that we know of. */
struct relay_place_view {
    struct peer_id id;
    char host[PEER_RELAY_MAX + 1]; /* HOST:PORT as it was named */
    bool ours;                     /* a person named it for us; else some peer is reached there */
    /** "home" (we are reached through it first), "spare", "refused" (it does not let others reach
     *  us), "connected", "silent", "connecting" or "none". */
    const char *state;
    const char *over;   /* "udp", "tcp", "tls"; NULL: no session */
    struct addr remote; /* or none */
    instant rtt;        /* 0: not measured */
    const char *why;    /* it is refused or none; or NULL. Borrowed until the loop runs again */
};

/** What has to do with relays: those that we use, and the one that we are. */
struct relay_view {
    char home[PEER_RELAY_MAX + 1]; /* through which we are reached first; empty: none answers */
    unsigned configured;           /* relays that a person named for us */
    struct relay_place_view place[RELAY_VIEWS_MAX]; /* ours first */
    size_t places;
    bool serving;                  /* we relay for others, and: */
    unsigned registered, circuits; /* whom, and between how many pairs */
    unsigned clients;              /* connections that have ever asked for something */
    uint64_t bytes, datagrams;     /* that we have relayed */
    uint64_t dropped;              /* datagrams: beyond a quota, or when a receiver was slow */
};

/** Callbacks for the server adapter: someone wants a service of ours, and may have it. */
struct node_server {
    /** The preamble has been read; answer with node_answer() once the target is known to work. The
     *  pipe is yours. `service` is borrowed for the call. */
    void (*on_stream)(void *arg, const struct peer_id *peer, const struct service *service,
                      struct pipe *pipe);
    /** As on_stream. Accept by node_flow_attach() and node_answer_flow(), or refuse by
     *  node_answer_flow() with another status, which closes it. */
    void (*on_flow)(void *arg, const struct peer_id *peer, const struct service *service,
                    struct flow *flow);
};

/** Something of interest changed: for live displays and for adapters that follow services. */
struct node_watch {
    struct list link; /* zeroed before node_watch() */
    /** `peer` is NULL when our own services or options changed. Called from the loop. */
    void (*changed)(struct node_watch *w, const struct peer_id *peer);
};

/** Builds a gateway; nothing is opened yet. `env`, `registry`, `keys` are borrowed for its life. */
MUST_USE int node_new(struct node **out, struct env *env, struct registry *registry,
                      const struct keys *keys, const struct node_options *options);
/** Opens the sockets and begins. On error writes a line for people to `why`. */
MUST_USE int node_start(struct node *n, char *why, size_t why_len);
/** Who may talk to us, by address, from now on: sessions over paths that may not be used any more
 *  end at once. Returns 0, or -ENOMEM: nothing changed. */
MUST_USE int node_set_access(struct node *n, const struct access_lists *lists);
/** Says good-bye to every peer; `done` is called when that is sent (within 200 ms). */
void node_stop(struct node *n, void (*done)(void *arg), void *arg);
/** Ends all at once: who waits is told -ECANCELED. Adapters let go of their pipes and flows before.
 */
void node_free(struct node *n);

/** What it was built with. */
struct env *node_env(struct node *n);
struct registry *node_registry(struct node *n);
const struct peer_id *node_id(const struct node *n);
/** Writes the bound UDP addresses, at most `max`. Returns how many. */
size_t node_addresses(const struct node *n, struct addr *out, size_t max);
/** As node_addresses(), of TCP and TLS. */
size_t node_tcp_addresses(const struct node *n, struct addr *out, size_t max);
/** Describes the ports that our routers lead to us, for `status`: true. Or says why none does. */
bool node_port_mapping(const struct node *n, char out[static NODE_TEXT_MAX]);
/** Who hands out our services; NULL: nobody, and peers are told that there is none. */
void node_serve(struct node *n, const struct node_server *server, void *arg);
/** Calls w->changed() from now on. Any watch may be taken back from inside of that. */
void node_watch(struct node *n, struct node_watch *w);
void node_unwatch(struct node_watch *w);

#define NODE_PORT_MAPS_MAX 2 /* IPv4 and IPv6 */

/** What is known of the NAT in front of us. */
struct node_nat {
    enum nat_class class;
    enum nat_rule mapping, filtering;
    enum nat_answer hairpin;
    enum nat_answer preserving;     /* are ports kept, inside as outside? */
    enum nat_answer udp_v4, udp_v6; /* does UDP come back? Not known while nobody was asked */
    enum nat_answer translated;     /* is `public` another address than those of this machine? */
    bool v6_only;                   /* there is a router for IPv6, and none for IPv4 */
    char nat64[NODE_PREFIX_MAX]; /* "64:ff9b::/96": how IPv4 is reached there; empty: it is not */
    enum nat_answer layered;     /* is there another NAT behind the first router? */
    enum nat_answer carrier;     /* is it the provider's, that many customers share (CGNAT)? */
    int delta;                   /* of struct nat_report, as the next four */
    unsigned span;
    unsigned opener_ttl;
    bool opener_measured;
    instant measured;          /* when; 0: never */
    struct addr router, local; /* the IPv4 way out, and our address there; or none */
    struct node_port_map {
        const char *method; /* "pcp", "natpmp", "upnp" */
        struct addr router, external;
        instant renewed;
        instant expires; /* INSTANT_NEVER: when it is deleted */
        const char
            *state; /* "verified", "not verified", "behind another NAT", "does not work ..." */
    } port_map[NODE_PORT_MAPS_MAX];
    size_t port_maps;
    enum nat_answer reachable;     /* does what nobody asked for come in, at any public address? */
    struct addr public, public_v6; /* as STUN servers see us; none: not known */
    struct node_nat_server {
        struct addr at;
        struct addr seen; /* where it says that we are; none: it did not answer */
        bool disagrees;   /* with the majority */
    } server[2 * NAT_SERVERS_MAX];
    size_t servers;
    struct node_nat_address {
        const char *kind; /* "reflexive", "configured" */
        struct addr at;
        enum nat_answer reachable;
    } address[NODE_PUBLIC_MAX]; /* that were, or are to be, tried from outside */
    size_t addresses;
    const char *pwnat;                   /* "off", "on", or why there are no calls by ICMP; */
    uint64_t pwnat_calls, pwnat_ignored; /* heard: by contacts; all others */
    const char *turn;         /* "off", "ready", or why there is no address on a TURN server */
    struct addr turn_relayed; /* that address, or none */
};

void node_nat(const struct node *n, struct node_nat *out);

/** Messages to and from peers, by mail and by hand. `state` lasts until the loop runs again. */
struct node_mail_view {
    const char *state; /* "off", "on", or what is wrong with a server */
    uint64_t sent, heard, dropped;
};

void node_mail(const struct node *n, struct node_mail_view *out);

/** The same by slots of the DHT. */
struct node_mailbox_view {
    const char *state; /* "off", "on", or "resting": a relay leads to us */
    uint64_t polled;   /* slots that were read */
    uint64_t sent, heard, dropped;
};

void node_mailbox(const struct node *n, struct node_mailbox_view *out);

#define NODE_MESSAGE_MAX    4096 /* bytes of the text of a message, with its NUL */
#define NODE_MESSAGE_ID_LEN 16

/** Writes the message to a peer that a person is to carry to it; an answer to the message `re`
 *  (NODE_MESSAGE_ID_LEN bytes), or NULL. Returns 0; -ENOENT: no contact. */
MUST_USE int node_mail_write(struct node *n, const struct peer_id *to, const uint8_t *re,
                             char out[static NODE_MESSAGE_MAX]);

/** What a message says to us. */
struct node_message {
    struct peer_id from;
    uint8_t id[NODE_MESSAGE_ID_LEN];
    bool answers; /* it needs no answer */
};

/**
 * Reads a message that a person brought, and begins to meet its sender. Returns 0, or: -ENOMSG, no
 * message; -EBADMSG, damaged; -EPERM, not for us; -ENOENT, not from a contact (`from` is who it
 * says); -EACCES, forged; -ENOTSUP, of another version; -ETIME, too old; -ERANGE, of a time to
 * come; -EALREADY, read before.
 */
MUST_USE int node_mail_read(struct node *n, const char *text, size_t len, struct node_message *out);

/** Call after services, grants or blocks in the registry changed: tells peers, ends what is no
 *  longer allowed (sessions of blocked peers at once), and calls the watches. */
void node_registry_changed(struct node *n);
/** The interfaces or addresses of this machine changed (netlink). */
void node_network_changed(struct node *n);
/** This machine slept so long. Sessions that others cannot have any more end. */
void node_slept(struct node *n, instant slept);

/** Every peer that has an entry or a session. Returns how many there are; fills up to `max`. */
size_t node_peers(struct node *n, struct peer_view *out, size_t max);
/** One peer. False if it has neither entry nor session. */
bool node_peer(struct node *n, const struct peer_id *id, struct peer_view *out);

void node_relay(const struct node *n, struct relay_view *out);
void node_abuse(const struct node *n, struct abuse_view *out);
void node_limits(const struct node *n, struct limits_view *out);

/** Asks for a session with a peer. Embed one; zeroed before the first use. */
struct node_wait {
    struct list link;
    /**
     * 0: connected and its service list is here. Else -EHOSTUNREACH or -ETIMEDOUT (within 10 s;
     * `why` names what was tried), -EACCES (refused, blocked, or "peer id mismatch"), -ECANCELED
     * (the gateway stops). Never called from inside node_connect().
     */
    void (*done)(struct node_wait *w, int err, const char *why);
};

/** Dials if need be, and calls w->done() once. */
void node_connect(struct node *n, const struct peer_id *id, struct node_wait *w);
/** Does nothing to a request that was answered. */
void node_connect_cancel(struct node_wait *w);

/**
 * Opens a stream to a service of a peer with a session and writes the preamble. Write behind it at
 * once; the answer is the first thing to read: node_take_answer(). Returns 0, -ENOTCONN (call
 * node_connect() first), -EAGAIN (too many streams) or -ENOMEM.
 */
MUST_USE int node_open_stream(struct node *n, const struct peer_id *id, const struct preamble *what,
                              struct pipe **out);
/** Reads the answer from an opened stream. 0, -EAGAIN (not here yet), -EBADMSG. */
MUST_USE int node_take_answer(struct pipe *pipe, struct preamble_answer *out);
/** Writes the answer of our side on a stream of on_stream. */
void node_answer(struct pipe *pipe, enum preamble_status status, const char *reason);

/** Opens a flow of datagrams. Datagrams may be sent at once. Errors as node_open_stream(). */
MUST_USE int node_open_flow(struct node *n, const struct peer_id *id, const struct preamble *what,
                            const struct flow_handler *handler, void *arg, struct flow **out);
/** Hands a flow to a handler: of on_flow, before it is answered. */
void node_flow_attach(struct flow *f, const struct flow_handler *handler, void *arg);
/** Writes the answer of our side on a flow of on_flow; other than PREAMBLE_OK ends it. */
void node_answer_flow(struct flow *f, enum preamble_status status, const char *reason);
/** Sends one datagram of up to FLOW_DATAGRAM_MAX bytes; dropped and counted when larger or when
 *  the queue is full. */
void node_flow_send(struct flow *f, const uint8_t *data, size_t len);
/** Ends it and gives it back; no event comes after that. */
void node_flow_close(struct flow *f);

/** Measures the round trip to a peer over its session. Zeroed before the first use. */
struct node_ping {
    struct list link;
    uint32_t token;
    instant sent;
    /** 0 and the time, or -ETIMEDOUT, or -ENOTCONN. */
    void (*done)(struct node_ping *p, int err, instant rtt);
    struct timer timer;
};

/** Calls p->done() once, within 5 s, from the loop. */
void node_ping(struct node *n, const struct peer_id *id, struct node_ping *p);
/** Does nothing to a ping that was answered. */
void node_ping_cancel(struct node *n, struct node_ping *p);
