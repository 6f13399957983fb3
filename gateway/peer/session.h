/**
 * One connected session with a peer: its control messages, the streams and flows that the peer
 * opens, and those that we open.
 *
 * Each side opens a control stream and says on it who it is and which services the other may use,
 * and again whenever that changes. An endpoint that opens none (iroh) can still use streams and
 * datagrams.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/pipe.h"
#include "gateway/peer/flow.h"
#include "gateway/transport/quic.h"
#include "gateway/wire/message.h"
#include "gateway/wire/preamble.h"

struct session;

/** Why a session cannot be. */
enum session_misfit {
    SESSION_OTHER_NETWORK, /* or it has not said to which it belongs, where ours has a name */
    SESSION_MALFORMED,     /* it does not keep to the protocol */
};

/** What a session lives with, but should not have to. */
enum session_offence {
    SESSION_BAD_STREAM, /* that does not say what it wants, or not in time */
    SESSION_TOO_MANY,   /* streams that have not said so yet, or flows */
};

struct session_events {
    void (*on_offence)(void *arg, struct session *s, enum session_offence what);
    /** The other side has said who it is and what it offers, or has had its time to. */
    void (*on_ready)(void *arg, struct session *s);
    /** It offers something else now: session_services(). */
    void (*on_services)(void *arg, struct session *s);
    void (*on_pong)(void *arg, struct session *s, uint32_t token);
    /** It asks whether we still have a session with it: session_ask(). */
    bool (*knows)(void *arg, struct session *s, uint64_t name);
    /** It does not have a session of that name: the answer to session_ask(). */
    void (*on_gone)(void *arg, struct session *s, uint64_t name);
    /** A message of another module than the session itself, borrowed for the call. */
    void (*on_part)(void *arg, struct session *s, const struct message_part *part);
    /** It wants a stream (PREAMBLE_TCP, PREAMBLE_BENCH); the pipe is yours, unanswered. */
    void (*on_stream)(void *arg, struct session *s, const struct preamble *what, struct pipe *pipe);
    /** It wants a flow; yours, unanswered. */
    void (*on_flow)(void *arg, struct session *s, const struct preamble *what, struct flow *flow);
    /** Close it. Comes once. */
    void (*on_misfit)(void *arg, struct session *s, enum session_misfit what);
};

struct session_options {
    struct env *env;
    const struct message_hello *hello; /* ours; borrowed */
    instant udp_idle;
    const struct session_events *events;
    void *arg;
};

/** Services of a gateway, as it tells them to one peer. */
struct service_list {
    size_t count;
    struct message_service item[MESSAGE_SERVICES_MAX];
};

/** Begins on a connected connection. `services` is our first list for this peer. */
MUST_USE int session_new(struct session **out, const struct session_options *options,
                         struct quic_conn *conn, const struct service_list *services);
/** The connection has ended or will be closed by the caller; flows end with on_end. */
void session_free(struct session *s);

bool session_is_ready(const struct session *s);
/** What the peer offers, `*count` of them, or NULL as long as that is not known. */
const struct message_service *session_services(const struct session *s, size_t *count);
/** What the peer said of itself, or NULL. */
const struct message_hello *session_hello(const struct session *s);

/** Tells the peer its new list. */
void session_tell_services(struct session *s, const struct service_list *services);
/** Asks for a pong. Returns 0, or -ENOTCONN: no control stream. */
MUST_USE int session_ping(struct session *s, uint32_t token);

/** Asks whether the peer still has another session with us, named by its owner; on_gone follows if
 *  not. Returns 0, or -ENOTCONN: no control stream. */
MUST_USE int session_ask(struct session *s, uint64_t name);
/** Sends a message of another module. Lost without a control stream, or when the peer reads none.
 */
void session_tell_part(struct session *s, const struct message_part *part);

/** From the endpoint's handler. */
void session_on_stream(struct session *s, struct pipe *pipe);
void session_on_datagram(struct session *s, instant now, const uint8_t *data, size_t len);

/** Opens a stream and writes its preamble. Errors as quic_open_stream(). */
MUST_USE int session_open_stream(struct session *s, const struct preamble *what, struct pipe **out);
MUST_USE int session_open_flow(struct session *s, const struct preamble *what,
                               const struct flow_handler *handler, void *arg, struct flow **out);
/** Open streams but the two control streams; a flow has one too. */
uint64_t session_streams(const struct session *s);
/** True while anything but the control stream is open: streams or flows. */
bool session_in_use(const struct session *s);
/** Datagrams of its flows that were dropped on this side; quic_conn_info() counts others. */
uint64_t session_dropped(const struct session *s);
