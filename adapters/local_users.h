/**
 * Which users of this machine may use what the gateway opens locally.
 *
 * A loopback port is reachable by everybody who has an account here; a forwarded service is not
 * theirs. So the kernel is asked who holds the client's end of each connection. Who cannot be
 * found is a stranger. Root is always let in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"

#define LOCAL_USERS_MAX 32

struct local_users {
    bool any; /* `users = *` */
    uint32_t uid[LOCAL_USERS_MAX];
    size_t count;
};

/** May this client of a TCP connection to our `server` address go on? */
bool local_users_allow_tcp(const struct local_users *users, struct env *env,
                           const struct addr *client, const struct addr *server);
/** May who sent a datagram from `client` to our `server` address go on? */
bool local_users_allow_udp(const struct local_users *users, struct env *env,
                           const struct addr *client, const struct addr *server);
