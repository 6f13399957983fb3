/**
 * One question to one upstream server, over UDP or over TCP, and whatever that server says to it.
 *
 * It believes nothing: whether a message answers the question is for the owner to judge. The owner
 * also keeps the time. Zero it, set the first group of fields, ask, and close it when done.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"

struct upstream {
    struct env *env;
    struct addr server;
    const uint8_t *query; /* the owner's, until closed */
    size_t len;
    /** A message from the server's address, borrowed. May close the upstream, ask again, or free
     * it, and then returns false; true: go on listening. */
    bool (*on_message)(struct upstream *u, const uint8_t *message, size_t len);

    struct udp_socket *udp; /* NULL: closed */
    struct sock *tcp;       /* NULL: closed */
    uint8_t prefix[2];      /* bytes of length before a message */
    size_t sent, received;  /* with their prefixes */
    uint8_t *in;            /* heap, or NULL */
};

/** Opens a socket of its own and sends the query. */
MUST_USE int upstream_ask_udp(struct upstream *u);
/** Connects and sends the query; what a UDP socket still brings is no longer heard. */
MUST_USE int upstream_ask_tcp(struct upstream *u);
/** Does nothing to one that is closed. */
void upstream_close(struct upstream *u);
