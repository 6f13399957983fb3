/**
 * DNS over TCP (RFC 7766): listeners, clients, messages with their two bytes of length.
 *
 * Only callers from loopback; at most TCP_CLIENTS_MAX at a time (who was silent longest makes room
 * for a newcomer), TCP_IDLE without a whole query ends a connection. Queries may be pipelined and
 * answered in any order. A client that does not read its answers is not read either.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"

#define TCP_CLIENTS_MAX 100
#define TCP_IDLE        SEC(5)
#define TCP_LISTEN_MAX  4
#define TCP_ANSWER_MAX  65535

struct tcp_client;

struct tcp_handler {
    /** A query, or the header of one that is too long for any; borrowed for the call. Answer with
     *  tcp_answer() now, or say tcp_expect() and answer later. */
    void (*on_query)(void *arg, struct tcp_client *c, const uint8_t *query, size_t len);
    /** The client is gone: answers still to come have nowhere to go. */
    void (*on_gone)(void *arg, struct tcp_client *c);
};

struct tcp_server {
    struct env *env;
    const struct tcp_handler *handler;
    void *arg;
    struct sock_listener *listener[TCP_LISTEN_MAX];
    size_t listeners;
    struct list clients; /* who was silent longest comes first */
    size_t count;
    struct timer idle;
};

void tcp_server_init(struct tcp_server *s, struct env *env, const struct tcp_handler *handler,
                     void *arg);
/** Listens on one more address. Errors as sock_listen(), and -ENOSPC. */
MUST_USE int tcp_server_listen(struct tcp_server *s, const struct addr *local);
/** Closes listeners and clients (on_gone is called for each). It may be used again. */
void tcp_server_deinit(struct tcp_server *s);

/** Sends an answer of up to TCP_ANSWER_MAX bytes. */
void tcp_answer(struct tcp_client *c, const uint8_t *answer, size_t len);
/** One answer comes later, by tcp_answer_late(). Returns false when the client has too many such
 *  questions open. */
MUST_USE bool tcp_expect(struct tcp_client *c);
void tcp_answer_late(struct tcp_client *c, const uint8_t *answer, size_t len);
