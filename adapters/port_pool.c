#include "adapters/port_pool.h"

#include <string.h>

#include "adapters/blocked_ports.h"
#include "gateway/base/map.h"

enum { POOL_SIZE = PORT_POOL_LAST - PORT_POOL_FIRST + 1 };

/* Not a secret: everybody's first choice for a service is the same, and known. */
static const uint64_t FIXED[2] = {0, 0};

static unsigned first_choice(const struct peer_id *peer, const char *service)
{
    uint8_t text[PEER_ID_LEN + PREAMBLE_NAME_MAX];
    size_t len = strnlen(service, PREAMBLE_NAME_MAX);
    memcpy(text, peer->key, PEER_ID_LEN);
    memcpy(text + PEER_ID_LEN, service, len);
    return (unsigned)(map_hash(FIXED, text, PEER_ID_LEN + len) % POOL_SIZE);
}

static bool is_free(struct registry *r, const struct peer_id *peer, const char *service,
                    uint16_t port)
{
    if (port_is_blocked(port))
        return false;
    const struct port_assignment *owner = registry_port_owner(r, port);
    return !owner || (peer_id_equal(&owner->peer, peer) && strcmp(owner->service, service) == 0);
}

uint16_t port_pool_next(struct registry *r, const struct peer_id *peer, const char *service,
                        unsigned *at)
{
    unsigned first = first_choice(peer, service);
    while (*at < POOL_SIZE) {
        uint16_t port = (uint16_t)(PORT_POOL_FIRST + (first + (*at)++) % POOL_SIZE);
        if (is_free(r, peer, service, port))
            return port;
    }
    return 0;
}
