/**
 * Passes queries about other names on to upstream servers, and their answers back, as bytes.
 *
 * Against forged answers every query has its own socket (a port of the kernel's choice), a random
 * id and random letter case, and only an answer from the server asked that repeats the question
 * with all three counts (RFC 5452). Nothing of an answer is interpreted or kept. At most
 * FORWARD_MAX are under way; each waits FORWARD_WAIT in all, half of it for the first upstream and
 * the rest for the next. What an upstream cuts short over UDP is asked again over TCP when the
 * asker came by TCP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/precheck.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"

#define FORWARD_MAX           256
#define FORWARD_WAIT          SEC(5)
#define FORWARD_UPSTREAMS_MAX 4

/** Who waits for an answer. */
struct forward_asker {
    void *who;               /* the client, for forward_forget() */
    struct udp_socket *udp;  /* to answer from, or NULL: by TCP */
    struct addr from, local; /* of the query, for UDP */
};

struct forward {
    struct env *env;
    struct addr upstream[FORWARD_UPSTREAMS_MAX]; /* none from the end on */
    /** Called once for each query, unless forgotten, never from inside forward_query(). */
    void (*on_answer)(void *arg, const struct forward_asker *asker, const uint8_t *answer,
                      size_t len);
    void *arg;
    struct list pending; /* longest waiting first */
    size_t count;
    struct timer timer;
};

void forward_init(struct forward *f, struct env *env, const struct addr *upstream, size_t count);
void forward_deinit(struct forward *f);

/**
 * Takes a query that passed the pre-check. Returns 0, or an error: answer SERVFAIL (-EBUSY: too
 * many are under way, -ENODATA: no upstream).
 */
MUST_USE int forward_query(struct forward *f, const struct forward_asker *asker,
                           const struct precheck *pre, const uint8_t *query, size_t len);
/** The client is gone. */
void forward_forget(struct forward *f, const void *who);
