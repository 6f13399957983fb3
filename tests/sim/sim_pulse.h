/**
 * A program of a simulated host that says a little to an echo all the time and checks what comes
 * back: when the first byte came, and how long it was quiet, whatever happened to the way.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/env.h"

#define SIM_PULSE_EVERY MSEC(20)
#define SIM_PULSE_BYTES 64

struct sim_pulse {
    struct env *env;
    struct sock *sock;
    struct timer timer;
    uint64_t sent, received;
    instant began;   /* when it was started */
    instant first;   /* when the first byte came back, 0: none yet */
    instant heard;   /* the last one */
    instant silence; /* the longest time between two of them; see sim_pulse_silence() */
    bool corrupt;    /* a byte came back that was not sent there */
    bool ended;      /* the stream was lost: its end, or an error */
};

/** Connects to an echo and begins. */
void sim_pulse_start(struct sim_pulse *p, struct env *env, const struct addr *to);
/** Closes it if it is open; a zeroed one too. */
void sim_pulse_deinit(struct sim_pulse *p);
/** For sim_world_run(): a byte came back, or never will. */
bool sim_pulse_answered(void *pulse);
/** The stream is there, and what came back was right. */
bool sim_pulse_is_well(const struct sim_pulse *p);
/** The longest silence so far, that which may go on now included. */
instant sim_pulse_silence(const struct sim_pulse *p);
/** Forgets how long it was quiet until now. */
void sim_pulse_measure(struct sim_pulse *p);
