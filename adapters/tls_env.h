/**
 * Sockets that speak TLS, for code that knows nothing of it.
 *
 * It is an environment (gateway/base/env.h) on top of another: time, chance and timers are that
 * one's, and the sock_*() calls read and write what is inside TLS. So whatever serves a browser's
 * plain connection serves a secure one just as it is, with this environment in place of the other.
 * It offers what such code calls and no more: no listening, no files.
 *
 * Sockets of the two environments must not be mixed up: each belongs to the one it is from.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "adapters/farewell.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/crypto/tls_stream.h"

struct tls_env {
    struct env env; /* the one to hand out */
    struct env *below;
    struct farewells *farewells; /* of `below`: last bytes on their way to clients */
};

/** Both are borrowed for its life. */
void tls_env_init(struct tls_env *t, struct env *below, struct farewells *farewells);

/** A connection of the environment below, on which the client begins with a handshake. */
struct tls_caller {
    struct sock *sock;
    const uint8_t *first; /* what was read from it already, at most TLS_STREAM_BUFFER bytes */
    size_t len;
};

/**
 * Begins the handshake. The handler's on_connect() tells how it went: 0, or -EPROTO, -ECONNRESET
 * .., and then it is to be closed. Takes the caller's socket, also on error (-ENOMEM).
 */
MUST_USE int tls_env_accept(struct tls_env *t, struct sock **out, const struct tls_caller *caller,
                            const struct tls_names *names, const struct sock_handler *handler,
                            void *arg);
/** Why a handshake failed, for people. */
const char *tls_env_reason(const struct sock *secure);
