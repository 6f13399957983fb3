/**
 * Conversations in datagrams with one peer's services.
 *
 * A flow is a stream that names the service and lives as long as the flow does, and datagrams
 * beside it that carry the stream's id. Boundaries are kept; what does not fit the queue is
 * dropped. Both ends close a flow that was silent for the idle time.
 *
 * Datagrams may overtake the stream that announces them: a few of them wait for it, for a second.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/map.h"
#include "gateway/base/pipe.h"
#include "gateway/transport/quic.h"
#include "gateway/wire/fragment.h"
#include "gateway/wire/preamble.h"

#define FLOW_DATAGRAM_MAX FRAGMENT_DATAGRAM_MAX /* bytes; larger ones are dropped */
#define FLOWS_MAX         4096                  /* of one peer */
#define FLOW_EARLY_MAX    16                    /* datagrams that wait for their stream */

struct flow;

struct flow_handler {
    /** One datagram, whole, borrowed for the call. */
    void (*on_datagram)(void *arg, const uint8_t *data, size_t len);
    /** The other side answered; anything but PREAMBLE_OK is followed by on_end. May be NULL. */
    void (*on_answer)(void *arg, const struct preamble_answer *answer);
    /** Over: idle, closed by the other side, or the session was lost. The flow is gone; do not call
     *  flow_close(). */
    void (*on_end)(void *arg);
};

/** Datagrams that were dropped, but for those that the connection drops and counts itself. */
struct flow_counters {
    uint64_t too_large;    /* to be sent: larger than FLOW_DATAGRAM_MAX, or than the peer takes */
    uint64_t unknown_flow; /* arrived, and its flow did not follow or was gone */
    uint64_t malformed;    /* likewise, not to be read */
};

/** The flows of one session. */
struct flow_set {
    struct env *env;
    struct quic_conn *conn;
    struct map by_id;
    unsigned ours; /* lowest bit of the ids of flows that we open (RFC 9000 §2.1) */
    struct list flows;
    size_t count;
    instant idle;
    struct reassembly reassembly;
    struct flow_counters dropped;
    struct list early; /* of struct early, oldest first */
    unsigned early_count;
    struct timer sweep; /* of early and unfinished datagrams */
    bool said_too_large;
};

void flow_set_init(struct flow_set *set, struct env *env, struct quic_conn *conn, instant idle);
/** Ends every flow (on_end) and frees what waits. */
void flow_set_deinit(struct flow_set *set);
/** Takes an application datagram of the session. */
void flow_set_input(struct flow_set *set, instant now, const uint8_t *data, size_t len);

/**
 * Makes a flow of a stream: as the opener, after it wrote the preamble, or as the acceptor, after
 * it read it. Takes the stream. Returns 0, -EMFILE (too many flows) or -ENOMEM; then the stream is
 * still the caller's.
 */
MUST_USE int flow_new(struct flow **out, struct flow_set *set, struct pipe *stream, bool opener);
/** Hands over to a handler, and the datagrams that waited to it before this returns. */
void flow_attach(struct flow *f, const struct flow_handler *handler, void *arg);
/** The acceptor's answer; anything but PREAMBLE_OK closes the flow, without on_end. */
void flow_answer(struct flow *f, enum preamble_status status, const char *reason);
/** Sends one datagram, or drops and counts it. */
void flow_send(struct flow *f, const uint8_t *data, size_t len);
/** Ends a flow; on_end does not come. */
void flow_close(struct flow *f);
