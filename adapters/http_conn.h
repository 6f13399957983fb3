/**
 * One HTTP connection of a browser to the proxy, as its three parts share it: adapters/browser_http
 * takes requests and finds where they go, adapters/http_exchange carries one of them there and its
 * answer back, adapters/http_tunnel ends what became another protocol. One request at a time: the
 * next one is not read before the answer is complete, so that each may go to another peer.
 */
#pragma once

#include "adapters/http_bytes.h"
#include "adapters/http_rewrite.h"
#include "adapters/pages.h"
#include "adapters/proxy_route.h"
#include "adapters/proxy_state.h"
#include "gateway/wire/http_body.h"
#include "gateway/wire/http_head.h"

enum http_conn_state {
    HTTP_CONN_HEAD,     /* between requests, or in a request's head */
    HTTP_CONN_ROUTING,  /* the head is in `in`; finds the way, maybe a session */
    HTTP_CONN_OWN,      /* a request to the gateway itself, whose body is not all here */
    HTTP_CONN_EXCHANGE, /* a request is on its way there and its answer back */
    HTTP_CONN_CONNECT,  /* waits for the far side's answer to CONNECT */
    HTTP_CONN_SWITCHED, /* the last bytes of HTTP are being written; then it is a tunnel */
    HTTP_CONN_SECURING, /* the same; then the client speaks TLS with us */
};

#define HTTP_CONN_HEAD_WAIT SEC(10) /* for a head, from its first byte to its last */

/* What a step came to. */
enum http_step {
    HTTP_STEP_ON,   /* did something: look again */
    HTTP_STEP_WAIT, /* nothing to do before the next event */
    HTTP_STEP_TURN, /* enough for one turn */
    HTTP_STEP_GONE, /* the connection was freed */
};

struct http_conn {
    struct proxy_conn base;
    enum http_conn_state state;
    struct timer timer;
    struct deferred turn;
    bool readable, writable; /* the socket */
    bool client_over;        /* it has sent its end of data */
    struct http_bytes in;    /* from the client: HTTP_REQUEST_HEAD_MAX bytes of room */
    struct http_bytes out;   /* heads for the client */
    struct http_bytes up;    /* the head for the far side */
    struct route route;
    size_t moved;    /* in this turn */
    bool is_secure;  /* within TLS */
    bool is_proxied; /* and the browser has us as its proxy */
    /* the stream, kept between requests to the same service */
    struct pipe *pipe;
    struct peer_id pipe_peer;
    struct preamble pipe_what;
    bool awaiting; /* its answer is still to come */
    bool reused;   /* it has carried a request before */
    /* the request */
    struct http_body request, response;
    bool is_head, is_connect, upgrade, absolute;
    bool keep_alive;     /* the client's wish */
    bool old_client;     /* HTTP/1.0 */
    bool wants_html;     /* the client shows pages */
    bool response_begun; /* its head has been handed on: no page can follow */
    bool keep_upstream;  /* the stream may carry another request */
};

/** Reads from the client into `in`. HTTP_STEP_ON (bytes came), _WAIT (none now, or no more at all:
 *  client_over), _GONE (broken: everything was aborted). */
enum http_step http_conn_fill(struct http_conn *c);
/** Writes `out`. HTTP_STEP_ON (all of it is out), _WAIT or _GONE. */
enum http_step http_conn_flush(struct http_conn *c);

/** Ends everything at once: client and stream get a reset. */
enum http_step http_conn_abort(struct http_conn *c);
/** Ends in the ordinary way, after what `out` still holds. */
enum http_step http_conn_close(struct http_conn *c);
/** Answers with a page of ours and closes; if an answer has begun, aborts. */
enum http_step http_conn_fail(struct http_conn *c, unsigned status, const char *text);
/** The same, with all that a page can say; what it owes to the client is filled in. */
enum http_step http_conn_fail_by(struct http_conn *c, const struct page *why);
/** Frees it; the socket is the caller's. */
struct sock *http_conn_take(struct http_conn *c);
/** Gives the stream back. */
void http_conn_drop_pipe(struct http_conn *c);
/** The exchange is over: next request, or the end. */
enum http_step http_conn_next(struct http_conn *c);

/** adapters/http_exchange: carries the request whose rewritten head is in `up`. */
enum http_step http_exchange_run(struct http_conn *c);
/** Takes the far side's answer to our opening of the stream. _ON when it was OK (or is known). */
enum http_step http_exchange_take_answer(struct http_conn *c);

/** adapters/http_tunnel: agrees to a CONNECT; then it is a tunnel (HTTP_CONN_SWITCHED), or TLS with
 *  us (HTTP_CONN_SECURING). */
enum http_step http_tunnel_agree(struct http_conn *c, enum http_conn_state next);
/** What is to be done in those states, and while the far side's answer to CONNECT is awaited. */
enum http_step http_tunnel_run(struct http_conn *c);
