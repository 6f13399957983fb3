/**
 * TCP and unix sockets of a simulated host, to programs of its own or others', as the kernel does
 * them: a close with unread data is a reset, an error is told once, then the end of data.
 *
 * Connections are in sim_sock.c, those who wait for them in sim_listen.c.
 */
#pragma once

#include "tests/sim/sim_env.h"
#include "tests/sim/sim_tcp.h"
#include "tests/support/bytebuf.h"

struct sock_listener {
    struct list link; /* in host->listeners */
    struct sim_host *host;
    struct addr local; /* none: a unix socket */
    char path[256];
    const struct listen_handler *handler;
    void *arg;
    struct list backlog; /* of struct sock */
    struct deferred accept;
};

struct sock {
    struct list link; /* in host->socks or listener->backlog */
    struct sim_host *host;
    struct sock *peer;   /* NULL: gone, or not there yet */
    struct sim_tcp *far; /* instead, of another host */
    struct addr local, remote;
    bool is_unix, connecting;
    uint32_t uid;
    const struct sock_handler *handler;
    void *arg;
    struct deferred tell, report;
    int result; /* of connecting */
    struct bytebuf in;
    bool ended;     /* nothing comes after `in` */
    bool finished;  /* we said so */
    bool broken;    /* an error was told */
    bool want_room; /* a write was short */
    int error;      /* to be told */
};

/** Who listens at an address, or at a path; NULL: nobody. */
struct sock_listener *sim_listener_for(struct sim_host *h, const struct addr *a);
struct sock_listener *sim_listener_at(struct sim_host *h, const char *path);
/** A socket is free again, as counted by sim_take_socket(): who waits to be accepted may be. */
void sim_give_back_socket(struct sim_host *h);
/** Resets and frees a connection that nobody accepted. */
void sim_sock_turn_away(struct sock *s);
