/**
 * The simulated world's clock: events in order, chance from one seed, nothing real.
 *
 * Hosts (tests/sim/sim_env.h) live in a world and share its events. Time jumps from event to event,
 * so an hour of keep-alives takes milliseconds. A world prints its seed; SIM_SEED=N in the
 * environment replays it, and SIM_LOG=1 prints what the gateways log, with virtual time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/heap.h"
#include "gateway/base/list.h"
#include "tests/support/fake_names.h"

/** 2026-01-01 00:00:00 UTC. */
#define SIM_EPOCH_US INT64_C(1767225600000000)

struct sim_world {
    instant now;
    int64_t wall_us; /* at now == 0 */
    uint64_t seed, chance;
    struct heap events;
    struct deferred *deferred, **deferred_end;
    struct list hosts, routers;
    unsigned hops;           /* that a packet needs through the internet */
    struct list flying;      /* packets under way, tests/sim/sim_wire.c */
    uint64_t trace;          /* see sim_world_trace() */
    struct fake_names names; /* what every host's look-ups find */
    struct sim_mail *mail;   /* its mail server, tests/sim/sim_mail.h; NULL: not used yet */
    /* Sees every unicast datagram in the network, between uplink and downlink. May send. */
    void (*tap)(void *arg, const struct addr *from, const struct addr *to, const uint8_t *data,
                size_t len);
    void *tap_arg;
    /* True: the internet loses a packet between these two, as routers outside see them. */
    bool (*cut)(void *arg, const struct addr *from, const struct addr *to);
    void *cut_arg;
    bool cut_spares_tcp;
    /* Sees every TCP packet that begins a connection, as `tap` does datagrams. */
    void (*tap_syn)(void *arg, const struct addr *from, const struct addr *to);
};

/** Starts one hour after boot. `seed` 0: SIM_SEED, or else a fixed one. Prints the seed. */
void sim_world_init(struct sim_world *w, uint64_t seed);
/** Fails the test if a host, an event or deferred work is left. */
void sim_world_deinit(struct sim_world *w);

/** Sets a timer as env_set_timer() does, for what belongs to no host: a test's script. */
void sim_set_timer(struct sim_world *w, struct timer *timer, instant due);
void sim_stop_timer(struct sim_world *w, struct timer *timer);
void sim_defer(struct sim_world *w, struct deferred *work);
void sim_undefer(struct sim_world *w, struct deferred *work);

/** A number below `limit`. */
uint64_t sim_chance(struct sim_world *w, uint64_t limit);
/** True in `per_mille` of 1000 cases. */
bool sim_happens(struct sim_world *w, unsigned per_mille);

/**
 * Lets time go on by `span`, or until `done(arg)` (asked after each event; may be NULL). Returns
 * true when it was `done`. Fails the test when the program spins: a million events at one instant.
 */
bool sim_world_run(struct sim_world *w, instant span, bool (*done)(void *arg), void *arg);

/** Forgets the mail of the world (tests/sim/sim_mail.c). */
void sim_mail_free(struct sim_world *w);

/** Mixes a number into the trace: equal seeds must give equal traces. */
void sim_world_note(struct sim_world *w, uint64_t what);
/** What happened so far, as one number. */
static inline uint64_t sim_world_trace(const struct sim_world *w)
{
    return w->trace;
}
