/**
 * One HTTP request to our router, on a connection of its own.
 *
 * Bounded whatever the other side does: IGD_ANSWER_MAX bytes of head and body, IGD_CALL_TIME in all
 * from connecting to the last byte. Redirections are not followed: they come as the answer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/nat/igd_soap.h"

#define IGD_ANSWER_MAX 65536
#define IGD_CALL_TIME  SEC(4)

/** Embed one; zeroed it is idle. */
struct igd_call {
    /** The status and the body (borrowed for the call), or 0: not reached, broken, too slow, too
     *  long, not HTTP. Another request may be started, or the memory go, from inside of it. */
    void (*done)(struct igd_call *c, unsigned status, const uint8_t *body, size_t len);
    struct env *env;
    struct sock *sock; /* NULL while idle */
    struct timer timer;
    char request[IGD_REQUEST_MAX];
    size_t request_len, sent;
    uint8_t *answer;
    size_t len;
};

/** Starts one; `request` is copied. Returns 0, after which c->done() follows, or an errno. */
MUST_USE int igd_call_start(struct igd_call *c, struct env *env, const struct addr *to,
                            const char *request, size_t len);
/** Drops it: c->done() will not be called. Nothing to one that is idle. */
void igd_call_cancel(struct igd_call *c);
/** Takes the chunks (RFC 9112 §7.1) of a body together, in place, as far as they are there and well
 *  formed. Returns how many bytes they are. */
size_t igd_call_join_chunks(uint8_t *body, size_t len);
