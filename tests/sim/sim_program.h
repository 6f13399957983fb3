/**
 * Programs of a simulated host: a server that echoes, and a caller that checks every byte.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"

/** A byte for each place of a stream, without a period that a lost or repeated packet could hide
 *  in. */
uint8_t sim_program_byte(uint64_t place);

/** Echoes every connection until its end of data, and every datagram. */
struct sim_echo {
    struct env *env;
    struct sock_listener *listener;
    struct udp_socket *udp;
    struct list calls;
    unsigned accepted, open;
    bool deaf; /* accepts, and reads nothing */
};

/** Listens for connections on `local`, and for datagrams on the same port. */
void sim_echo_init(struct sim_echo *e, struct env *env, const char *local);
/** Resets what is open. */
void sim_echo_deinit(struct sim_echo *e);
/** Resets every connection; goes on listening. */
void sim_echo_reset_all(struct sim_echo *e);

/** Sends `total` bytes that depend on their place, finishes, and expects the same bytes back. */
struct sim_caller {
    struct env *env;
    struct sock *sock;
    uint64_t total, sent, received;
    bool hold; /* writes nothing more for now */
    bool connected;
    bool corrupt;    /* a byte came back that was not sent there */
    bool ended;      /* the end of data came */
    int error;       /* of connecting, reading or writing; 0 */
    instant heard;   /* the last byte came */
    instant silence; /* the longest time between two of them */
};

void sim_caller_start(struct sim_caller *c, struct env *env, const struct addr *to, uint64_t total);
/** Writes on after `hold` was cleared. */
void sim_caller_go(struct sim_caller *c);
/** Closes it if it is open. */
void sim_caller_deinit(struct sim_caller *c);
/** For sim_world_run(): it ended, well or not. */
bool sim_caller_over(void *caller);
/** Every byte came back, and the end of data after them. */
bool sim_caller_is_right(const struct sim_caller *c);
