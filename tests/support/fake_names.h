/**
 * Host names for worlds without name servers: a table that a test fills, asked as env_lookup()
 * asks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"

#define FAKE_NAMES_MAX 32

struct fake_names {
    struct {
        char host[64];
        struct addr addr;
    } entry[FAKE_NAMES_MAX];
    size_t count;
};

/** One more address ("192.0.2.7") of a name. */
void fake_names_add(struct fake_names *n, const char *host, const char *ip);

/** As env_lookup() and env_lookup_cancel(); answered by the loop of `env`, -ENOENT for a name that
 *  is not in the table. */
int fake_names_lookup(struct fake_names *n, struct env *env, struct lookup *l, const char *host,
                      uint16_t port);
void fake_names_cancel(struct env *env, struct lookup *l);
