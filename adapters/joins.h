/**
 * Pumps that nobody else keeps: join a socket and a stream, and forget about it (`overlay pipe`).
 *
 * A unix socket cannot say that it was reset: what broke off looks like an end of data. So the ends
 * of the last ones are remembered, for whoever asks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/pipe.h"

#define JOINS_REMEMBERED 64

struct joins {
    struct env *env;
    struct list all;
    uint64_t broken[JOINS_REMEMBERED]; /* ids of the last that broke off, 0: none */
    unsigned next;
};

void joins_init(struct joins *j, struct env *env);
/** Aborts all of them. */
void joins_deinit(struct joins *j);
/**
 * Carries bytes both ways between a socket and a stream whose answer was read, until both have
 * ended. `early` was read from the socket before. `id` is for joins_broke_off(), not 0. Takes both,
 * also on error: -ENOMEM.
 */
MUST_USE int joins_add(struct joins *j, struct sock *sock, const uint8_t *early, size_t len,
                       struct pipe *pipe, uint64_t id);
/** Did the far side's data break off before its end? Known of some time and some joins ago. */
bool joins_broke_off(const struct joins *j, uint64_t id);
