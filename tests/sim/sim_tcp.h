/**
 * TCP between simulated hosts, through their lines and routers: handshake, refusal, retransmission,
 * windows, half-close, resets. For tests/sim/sim_sock.c, which makes sockets of it.
 *
 * Go-back-N with a window of one socket buffer and no congestion control: enough to carry bytes
 * over lines that lose some, not to measure throughput. Nothing is called back from inside a call.
 */
#pragma once

#include "tests/sim/sim_env.h"

struct sim_tcp;

struct sim_tcp_user {
    /** The connection that was asked for is there (0) or not (negative errno). */
    void (*opened)(void *arg, int err);
    /** There is more to read, room to write, an end or an error. */
    void (*changed)(void *arg);
};

/** Starts to connect, from an interface that leads there and that port, or any (0). NULL: none
 * does. */
struct sim_tcp *sim_tcp_connect(struct sim_host *h, uint16_t port, const struct addr *remote,
                                const struct sim_tcp_user *user, void *arg);
/** Whose a connection is that sim_sock_called() got. */
void sim_tcp_attach(struct sim_tcp *t, const struct sim_tcp_user *user, void *arg);

struct addr sim_tcp_local(const struct sim_tcp *t);
struct addr sim_tcp_remote(const struct sim_tcp *t);

/** Returns how many bytes were taken, 0: no room. */
size_t sim_tcp_write(struct sim_tcp *t, const void *data, size_t len);
/** Returns how many bytes there were. */
size_t sim_tcp_read(struct sim_tcp *t, void *out, size_t room);
/** Nothing comes behind what is there to read. */
bool sim_tcp_ended(const struct sim_tcp *t);
/** What broke it, a negative errno, or 0. */
int sim_tcp_error(const struct sim_tcp *t);

/** Sends FIN behind what was written. */
void sim_tcp_finish(struct sim_tcp *t);
/** Gives it back: what was written still arrives, unless something is unread. */
void sim_tcp_close(struct sim_tcp *t);
/** Gives it back with RST. */
void sim_tcp_reset(struct sim_tcp *t);

/** From tests/sim/sim_sock.c: somebody listens there. */
bool sim_sock_listens(struct sim_host *h, const struct addr *local);
/** From there too: a caller, for whoever listens. False: nobody does any more. */
bool sim_sock_called(struct sim_host *h, struct sim_tcp *t);
