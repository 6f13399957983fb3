/**
 * Which programs of this machine listen on a port, as far as /proc lets us see.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"

#define PORT_HOLDER_NAME 32

struct port_holder {
    struct addr at;
    int pid;                        /* 0: of another user, whose files are not ours to see */
    char program[PORT_HOLDER_NAME]; /* "" then */
};

/** Lists them, one a socket; at most `max`. Reads /proc/PID/fd of every process. */
size_t port_holders(uint16_t port, bool udp, struct port_holder *out, size_t max);
