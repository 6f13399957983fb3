/**
 * Pumps that nobody else keeps: join a socket and a stream, and forget about it (`overlay pipe`).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/pipe.h"

struct joins {
    struct env *env;
    struct list all;
};

void joins_init(struct joins *j, struct env *env);
/** Aborts all of them. */
void joins_deinit(struct joins *j);
/**
 * Carries bytes both ways between a socket and a stream whose answer was read, until both have
 * ended. `early` was read from the socket before. Takes both, also on error: -ENOMEM.
 */
MUST_USE int joins_add(struct joins *j, struct sock *sock, const uint8_t *early, size_t len,
                       struct pipe *pipe);
