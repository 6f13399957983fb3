/**
 * One machine's local sockets in memory, behind gateway/base/env.h, for the tests of the adapters:
 * the test plays the local programs (browsers, curl), the code under test gets the environment.
 *
 * Nothing happens but in world_run(): events, deferred work and due timers, until all is quiet.
 */
#pragma once

#include "gateway/base/env.h"
#include "tests/support/fake_pipe.h"

enum { WORLD_BUFFER = 1200 * 1024, WORLD_LISTENERS = 64, WORLD_CLIENTS = 64, WORLD_UDP = 64 };

/** A socket as the program has it, and the client's end of the same. */
struct sock {
    struct world *world;
    const struct sock_handler *handler;
    void *arg;
    struct addr local, remote, dialled;
    bool used, edge;
    /* what the client did */
    uint8_t in[WORLD_BUFFER];
    size_t in_len;
    bool client_finished;
    int client_error;
    size_t room; /* bytes the client still takes */
    /* what the program did */
    uint8_t out[WORLD_BUFFER];
    size_t out_len;
    bool finished, closed, reset;
    unsigned reads, writes; /* calls */
};

struct sock_listener {
    struct world *world;
    struct addr local;
    const struct listen_handler *handler;
    void *arg;
    bool used;
};

struct udp_socket {
    struct world *world;
    struct addr local;
    const struct udp_handler *handler;
    void *arg;
    bool used;
    /* the last datagram that the program sent */
    uint8_t sent[65536];
    size_t sent_len;
    struct addr sent_to;
    unsigned sent_count;
};

struct world {
    struct env env;
    instant now;
    struct timer *timers[256];
    size_t timer_count;
    struct deferred *work;
    struct sock *clients[WORLD_CLIENTS];
    struct sock_listener listeners[WORLD_LISTENERS];
    struct udp_socket *udp[WORLD_UDP];
    uint16_t taken_tcp, taken_udp; /* somebody else has this port */
    struct addr dialled;           /* what the next client wanted, being redirected; or none */
    struct addr passed;            /* systemd has opened a socket there; or none */
    bool pool_local;               /* what env_is_local() says */
    unsigned connects;             /* of the program's own; all are refused */
    uint32_t uid;                  /* who owns every client, or UINT32_MAX: nobody found */
    uint8_t chance; /* the last of the random bytes, of which no two draws are alike */
    int save_error; /* what saving the registry says */
};

void world_init(struct world *w);
/** Frees everything; fails the test if a socket, listener or timer was left open. */
void world_deinit(struct world *w);
void world_run(struct world *w);
/** Lets time pass, timer by timer. */
void world_wait(struct world *w, instant span);

/** A client connects to a listener. NULL: nobody listens there. */
struct sock *world_dial(struct world *w, const char *to, uint16_t from_port);
/** A socket of no listener. */
struct sock *world_sock(struct world *w);
void world_send(struct sock *s, const void *data, size_t len);
void world_say(struct sock *s, const char *text);
void world_finish(struct sock *s);
void world_break(struct sock *s, int err);
/** What the client has received and not yet forgotten, as a string. */
const char *world_heard(struct sock *s);
void world_forget(struct sock *s);
/** The client reads on: so many bytes more fit. */
void world_make_room(struct sock *s, size_t bytes);
/** True if the program has given the socket back in any way. */
bool world_is_over(const struct sock *s);

/** A local program sends a datagram; returns the program's socket, or NULL: nobody there. */
struct udp_socket *world_udp(struct world *w, const char *to, uint16_t from_port, const void *data,
                             size_t len);
