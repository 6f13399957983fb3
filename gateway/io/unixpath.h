/**
 * Addresses of unix sockets by path, also where the path is longer than sun_path.
 *
 * A long one is reached through its folder: /proc/self/fd/FOLDER/NAME.
 */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "gateway/base/attr.h"

struct unixpath {
    struct sockaddr_un sun;
    socklen_t len;
    int folder; /* open for as long as the address is used, or -1 */
};

/** Returns 0, -ENAMETOOLONG (the name itself is too long), or what opening the folder said. */
MUST_USE int unixpath_init(struct unixpath *u, const char *path);
void unixpath_deinit(struct unixpath *u);

/** Connects a nonblocking socket. Returns 0 or an errno. */
MUST_USE int unixpath_connect(int fd, const char *path);

/**
 * Binds and listens, with mode `mode`, in place of a stale socket. Returns 0, -EADDRINUSE (somebody
 * answers there, or it is no socket), or another errno.
 */
MUST_USE int unixpath_listen(int fd, const char *path, mode_t mode, int backlog);
