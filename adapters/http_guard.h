/**
 * Lets only those HTTP requests through to a peer's service that are meant for it, and everything
 * that is no HTTP.
 *
 * The first bytes of the client decide. If they are no HTTP request (TLS, SSH, a database, HTTP/2),
 * nothing is looked at any more, both ways. If they are, every request of the connection is framed
 * and shown to `check`, for a connection is kept alive and a browser's second request may be
 * somebody else's. An Upgrade or CONNECT ends that, but only when the far side has agreed: so the
 * answers are framed too.
 *
 * Bytes pass at once, also those of a head that is not complete: no protocol waits for the guard.
 * What never passes is the last part of a head that is refused. Memory is taken only while a head
 * lies in several pieces.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/http_body.h"
#include "gateway/wire/http_head.h"

#define GUARD_PENDING_MAX 64 /* requests that wait for their answers */

enum guard_state {
    GUARD_UNDECIDED, /* the client has said nothing, or not enough */
    GUARD_HEAD,      /* it is HTTP: between requests, or in a head */
    GUARD_BODY,      /* in the body of a request */
    GUARD_OPEN,      /* no HTTP, or not any more: everything passes */
    GUARD_REFUSED,
};

enum guard_answers {
    GUARD_ANSWER_HEAD,
    GUARD_ANSWER_BODY,
    GUARD_ANSWER_LOST, /* cannot be framed: passed on, but no Upgrade is believed */
};

struct http_guard {
    /** 0: may pass. Else -errno and a sentence in `why` (GUARD_WHY_MAX bytes). */
    int (*check)(void *arg, const struct http_head *head, char *why);
    void *arg;
    enum guard_state state;
    enum guard_answers answers;
    struct http_body request, answer;
    uint8_t *head;     /* the piece of a request's head so far, or NULL */
    uint8_t *ans_head; /* of an answer's */
    uint32_t head_len, ans_head_len;
    uint32_t first, pending; /* oldest request without an answer, and how many there are */
    uint64_t heads;          /* a bit for each of them: HEAD */
    uint64_t connects;       /* CONNECT */
    uint64_t upgrades;       /* asks for another protocol */
    char *why;               /* GUARD_REFUSED: a sentence, or NULL without memory */
    uint8_t shape;           /* GUARD_UNDECIDED: how far it looks like HTTP */
    uint8_t matched;         /* characters of the method, or of "HTTP/" */
    bool overflow;           /* if this is HTTP, then too long */
    bool wants_html;         /* the client shows pages, as its last request said */
    enum http_fault fault;   /* GUARD_REFUSED: HTTP_OK where it was `check` that refused */
    char method[8];
};

#define GUARD_WHY_MAX 400

void guard_init(struct http_guard *g,
                int (*check)(void *arg, const struct http_head *head, char *why), void *arg);
void guard_deinit(struct http_guard *g);

/**
 * Looks at bytes of the client. Returns how many may pass: all, or fewer with GUARD_REFUSED from
 * then on.
 */
size_t guard_outgoing(struct http_guard *g, const uint8_t *data, size_t len);
/** Looks at bytes that the client has got. */
void guard_incoming(struct http_guard *g, const uint8_t *data, size_t len);

/** No answer is half-way, so that another one may be put in. */
bool guard_between_answers(const struct http_guard *g);
/** "the Host ... is not of this peer": why it was refused. */
const char *guard_why(const struct http_guard *g);
