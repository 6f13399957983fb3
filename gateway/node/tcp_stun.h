/**
 * Asks STUN servers over TCP where connections from one local port are seen (RFC 8489 §6.2.2), for
 * peers that are to connect there (RFC 6544 §5.2). The connections stay open, for with them a NAT
 * may forget the mapping.
 *
 * What a server says is one vote: where several tell different ports, and none of them is told
 * twice, the NAT gives each destination its own, and there is no address to tell anybody.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/nat/stun_query.h"

#define TCP_STUN_MAX 8 /* servers */

struct tcp_stun_call {
    struct tcp_stun *of;
    struct sock *sock; /* NULL: there is no connection (any more) */
    struct stun_query query;
    instant again; /* when a server may be asked once more, after the connection has ended */
    size_t len;
    uint8_t in[512]; /* a longer answer is none of ours */
};

struct tcp_stun {
    struct env *env;
    struct tcp_stun_call call[TCP_STUN_MAX];
    size_t calls;
};

void tcp_stun_start(struct tcp_stun *t, struct env *env);
/** Asks a server from `local`, unless that is done or there are TCP_STUN_MAX. */
void tcp_stun_ask(struct tcp_stun *t, const struct addr *local, const struct addr *server);
/** Ends all connections and forgets what was said. */
void tcp_stun_stop(struct tcp_stun *t);
/** Writes what servers reached over IPv6, or IPv4, said: at most TCP_STUN_MAX. Returns how many. */
size_t tcp_stun_votes(const struct tcp_stun *t, bool v6, struct addr *out);
/** The address that most have said. None: nobody has said anything, or no two of several the same.
 */
struct addr tcp_stun_agree(const struct addr *vote, size_t count);
