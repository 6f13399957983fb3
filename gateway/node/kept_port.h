/**
 * A UDP port of our choice that is the same at each start: NATs, port mappings and other nodes'
 * tables that know it stay right. It is kept in a file of the home; of several sockets that may
 * have any port all have the same one.
 *
 *     kept_port_begin(&k, env, "port", true);
 *     for each address to listen at:
 *         listen at kept_port_wish(&k, wanted); if that fails and is not `wanted`, at `wanted`
 *         kept_port_took(&k, wanted, &where_it_listens);
 *     kept_port_end(&k);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/env.h"

struct kept_port {
    struct env *env;
    const char *file;
    bool on;
    uint16_t last; /* of the last run; 0: none */
    uint16_t port; /* of the first socket that may have any; 0: none yet */
};

/** Reads the port of the last run. Not `on`: only the sockets of one start have the same. Keeps
 *  `file`. */
void kept_port_begin(struct kept_port *k, struct env *env, const char *file, bool on);
/** Where to try to listen first. */
struct addr kept_port_wish(const struct kept_port *k, const struct addr *wanted);
/** A socket listens at `local`. */
void kept_port_took(struct kept_port *k, const struct addr *wanted, const struct addr *local);
/** All sockets are open: saves the port if it is another than last time. */
void kept_port_end(const struct kept_port *k);
