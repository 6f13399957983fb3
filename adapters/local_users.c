#include "adapters/local_users.h"

static bool allows(const struct local_users *users, uint32_t uid)
{
    if (uid == 0)
        return true;
    for (size_t i = 0; i < users->count; i++) {
        if (users->uid[i] == uid)
            return true;
    }
    return false;
}

bool local_users_allow_tcp(const struct local_users *users, struct env *env,
                           const struct addr *client, const struct addr *server)
{
    uint32_t uid;
    if (users->any)
        return true;
    return env_owner_of_tcp(env, client, server, &uid) == 0 && allows(users, uid);
}

bool local_users_allow_udp(const struct local_users *users, struct env *env,
                           const struct addr *client, const struct addr *server)
{
    uint32_t uid;
    if (users->any)
        return true;
    return env_owner_of_udp(env, client, server, &uid) == 0 && allows(users, uid);
}
