/**
 * What doctor's examination of names needs of this machine, as functions. Each takes a few seconds
 * at most. gateway/names_host.c has the real ones; a test its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"

#define NAMES_HOLDERS_MAX 4

/** A program that listens on a port. */
struct names_holder {
    struct addr at;
    int pid;          /* 0: that is not for us to see */
    char program[32]; /* "" then */
};

struct names_host {
    void *arg; /* of every function below */

    /** Looks a name up as programs do, by getaddrinfo(3): its first IPv4 address. 0; -ENOENT: there
     *  is none; -ETIMEDOUT; or -EAGAIN: that went wrong. */
    int (*lookup)(void *arg, const char *name, struct addr *out);
    /** One datagram there and one back. Its length, or -ETIMEDOUT, -ECONNREFUSED, .. */
    int (*ask)(void *arg, const struct addr *server, const uint8_t *query, size_t len,
               uint8_t *answer, size_t max);
    /** The status code of an HTTP request for a path, or an errno. */
    int (*http_get)(void *arg, const struct addr *server, const char *path);
    /** Who listens on a port. Returns how many, at most `max`. */
    size_t (*holders)(void *arg, uint16_t port, bool udp, struct names_holder *out, size_t max);
    /** The names in a folder, a line each; the caller frees it. NULL: it cannot be read. */
    char *(*list)(void *arg, const char *folder);
};
