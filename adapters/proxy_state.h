/**
 * What the parts of the proxy share: its own state, and a connection before anyone knows what it
 * speaks. For adapters/browser_{proxy,http,socks5} alone.
 */
#pragma once

#include "adapters/farewell.h"
#include "adapters/guarded.h"
#include "adapters/proxy_options.h"
#include "adapters/web_guard.h"
#include "adapters/web_keys.h"
#include "adapters/web_stream.h"
#include "gateway/base/list.h"

struct https;

struct proxy {
    struct proxy_options o;
    struct https *https; /* NULL: there is none */
    struct env *env;
    struct sock_listener *listener[PROXY_LISTEN_MAX];
    struct addr local[PROXY_LISTEN_MAX];
    size_t listeners;
    struct list conns; /* struct proxy_conn */
    size_t count;
    size_t strangers; /* of them: other users', which are only told so */
    struct farewells farewells;
    struct list tunnels;      /* struct tunnel: SOCKS and CONNECT */
    struct web_keys keys;     /* of the status page */
    struct web_stream stream; /* those who watch it */
};

/** Head of every connection's struct, whatever it speaks. */
struct proxy_conn {
    struct list link;
    struct proxy *proxy;
    struct sock *sock;
    struct peer_id only; /* whom it may ask, having dialled that peer's address or got its
                            certificate; zero: anybody */
    bool idle;           /* no request of it is complete and not answered yet */
    /** Ends it at once, with a reset. */
    void (*abort)(struct proxy_conn *c);
};

/** Makes a proxy without listeners of a zeroed one, and resets all of its connections. */
void proxy_state_init(struct proxy *p, const struct proxy_options *o, struct env *env);
void proxy_state_deinit(struct proxy *p);

/** May one more come? Where there are as many as there may be, the oldest gives way that has not
 *  asked for anything (again): who opens many and says little keeps nobody out. */
bool proxy_make_room(struct proxy *p);
/** Puts a connection into the proxy's list, and takes it out. */
void proxy_add(struct proxy *p, struct proxy_conn *c);
void proxy_remove(struct proxy_conn *c);

/** A stream that was opened for a tunnel, with what it leads to. */
struct tunnel_options {
    struct sock *sock;
    struct pipe *pipe;
    struct peer_id peer;
    bool raw;
    const uint8_t *first;
    size_t first_len;
};

/** Carries bytes between client and service, guarded like a local port. Takes socket and pipe. */
void proxy_tunnel(struct proxy *p, const struct tunnel_options *o);

/** What belongs to a peer, for the guards. */
struct site proxy_site(const struct proxy *p, const struct peer_id *peer);
/** Where the status page lives. */
struct web_guard proxy_web_guard(const struct proxy *p);
