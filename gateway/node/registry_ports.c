/* Local ports, one for one service of one peer, for ever. */
#include "gateway/node/registry_state.h"

#include <errno.h>
#include <string.h>

static int compare(const struct port_assignment *p, const struct peer_id *peer, const char *service)
{
    int order = peer_id_compare(&p->peer, peer);
    return order != 0 ? order : strcmp(p->service, service);
}

/* The first assignment that is not below. */
static size_t place_of(const struct registry *r, const struct peer_id *peer, const char *service)
{
    size_t low = 0, high = r->port_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&r->ports[middle], peer, service) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t registry_port_count(const struct registry *r)
{
    return r->port_count;
}

struct port_assignment *registry_port_at(struct registry *r, size_t index)
{
    return index < r->port_count ? &r->ports[index] : NULL;
}

struct port_assignment *registry_port(struct registry *r, const struct peer_id *peer,
                                      const char *service)
{
    size_t i = place_of(r, peer, service);
    if (i == r->port_count || compare(&r->ports[i], peer, service) != 0)
        return NULL;
    return &r->ports[i];
}

struct port_assignment *registry_port_owner(struct registry *r, uint16_t port)
{
    for (size_t i = 0; i < r->port_count; i++)
        if (r->ports[i].port == port)
            return &r->ports[i];
    return NULL;
}

int registry_port_put(struct registry *r, const struct port_assignment *p)
{
    struct port_assignment *old = registry_port(r, &p->peer, p->service);
    void *array = r->ports;
    if (old) {
        *old = *p;
        return 0;
    }
    if (r->port_count >= REGISTRY_PORTS_MAX)
        return -ENOSPC;
    struct port_assignment copy = *p; /* `p` may point into the array */
    if (registry_grow(&array, &r->port_room, r->port_count, sizeof(*r->ports)) < 0)
        return -ENOMEM;
    r->ports = array;
    size_t at = place_of(r, &copy.peer, copy.service);
    memmove(&r->ports[at + 1], &r->ports[at], (r->port_count - at) * sizeof(*r->ports));
    r->ports[at] = copy;
    r->port_count++;
    return 0;
}
