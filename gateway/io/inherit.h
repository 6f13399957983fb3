/**
 * Sockets that systemd opened for us (socket activation, sd_listen_fds(3)).
 *
 * Whoever opens a socket asks here first: one with the same address and type is used instead.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/addr.h"

#define INHERIT_MAX 32

struct inherit {
    int fd[INHERIT_MAX]; /* not yet taken */
    size_t count;
};

/** Reads LISTEN_PID and LISTEN_FDS, and takes them out of the environment. */
void inherit_init(struct inherit *in);
/** Closes what nobody took. */
void inherit_deinit(struct inherit *in);

/** Takes a socket bound to `local`, SOCK_DGRAM or listening SOCK_STREAM. Returns it, or -1. */
int inherit_take(struct inherit *in, const struct addr *local, int type);
/** Takes a listening unix socket bound to `path`. Returns it, or -1. */
int inherit_take_unix(struct inherit *in, const char *path);
