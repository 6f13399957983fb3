/**
 * Ports at the addresses of peers (gateway/node/pool.h): the services they were last seen with,
 * each at its own number. For UDP always, for TCP where the packet filter does not lead all
 * connections to us anyway.
 *
 * A program of this machine that listens on all addresses keeps us from its port, as we would keep
 * it: such ports are the conflicts, and are tried again whenever something changes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/pool_targets.h"

#define POOL_PORTS_MAX 1024 /* that listen at a time */

struct pool_ports {
    struct pool_targets *targets;         /* borrowed */
    const struct listen_handler *handler; /* who comes by TCP is handed on */
    void *arg;
    struct list open; /* struct pool_port */
    size_t count;
    bool tcp; /* listen for TCP too */
};

void pool_ports_init(struct pool_ports *p, struct pool_targets *targets,
                     const struct listen_handler *handler, void *arg);
void pool_ports_deinit(struct pool_ports *p);

/** Listens for what is known of all peers, for TCP if `tcp`, and for nothing else any more; for
 *  nothing at all while the pool is not active. */
void pool_ports_sync(struct pool_ports *p, bool tcp);

/** The ports of a protocol that others hold, in no order, each once: at most `max`. Returns how
 *  many were written. */
size_t pool_ports_conflicts(const struct pool_ports *p, enum service_proto proto, uint16_t *out,
                            size_t max);
