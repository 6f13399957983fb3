/**
 * Host names to addresses, with c-ares on the loop: the system's hosts file and name servers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

#define RESOLVE_MAX     16 /* addresses of one name; more are left out */
#define RESOLVE_OWN_MAX 8

struct resolver;
struct resolve;

/** `servers` are "IP:PORT,..", borrowed for the resolver's life, or NULL for the system's. */
MUST_USE int resolver_new(struct resolver **out, struct io_loop *loop, const char *servers);
/** Where we serve names ourselves: never asked, whatever the system says. Copied; at most
 *  RESOLVE_OWN_MAX, more are left out. */
void resolver_avoid(struct resolver *r, const struct addr *own, size_t count);
/** Cancel all look-ups before. */
void resolver_free(struct resolver *r);

/**
 * Looks up `host` (a name, or an address, which costs no query). `done` is called once, from the
 * loop and never from inside this call: with 0 and at least one address, each with `port`, in the
 * order to try them (RFC 6724); or with -ENOENT (no such name, or no address of it), -ETIMEDOUT
 * (after `timeout`, 0: 5 s), -EHOSTUNREACH (no name server answers), or another errno.
 */
MUST_USE int resolve_start(struct resolve **out, struct resolver *r, const char *host,
                           uint16_t port, instant timeout,
                           void (*done)(void *arg, int err, const struct addr *list, int count),
                           void *arg);
/** Drops a look-up whose `done` has not been called; it never will be. */
void resolve_cancel(struct resolve *q);
