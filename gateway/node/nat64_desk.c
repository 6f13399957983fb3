#include "gateway/node/nat64_desk.h"

#include <string.h>

#include "gateway/base/log.h"

#define ROUTERS_MAX 4

static void on_looked_up(struct lookup *l, int err, const struct addr *list, int count)
{
    struct nat64_desk *d = container_of(l, struct nat64_desk, lookup);
    struct nat64 found = {.bits = 0};
    char text[NAT64_TEXT_MAX];

    /* Without an answer it is asked again when the network changes. */
    d->asked = true;
    if (err == 0)
        err = nat64_find(&found, list, (size_t)count);
    if (err == 0)
        log_info(LOG_NAT, "IPv6 alone here; IPv4 is reached through NAT64, %s",
                 nat64_print(&found, text));
    else
        log_info(LOG_NAT, "IPv6 alone here, and no NAT64: %s", strerror(-err));
    d->node->hub->nat64 = found;
    d->changed(d->arg);
}

/* The router, if there is one for IPv6 and none for IPv4. */
static struct addr find_router(const struct nat64_desk *d)
{
    struct router list[ROUTERS_MAX];
    int count = env_routers(d->node->env, list, ROUTERS_MAX);
    struct addr found = {0};

    for (int i = 0; i < count; i++) {
        if (!addr_is_v6(&list[i].addr))
            return (struct addr){0};
        found = list[i].addr;
    }
    return found;
}

void nat64_desk_network_changed(struct nat64_desk *d)
{
    const struct addr router = find_router(d);
    bool known = d->asked && d->node->hub->nat64.bits != 0;

    if (addr_equal(&router, &d->router) && (addr_is_none(&router) || known || d->lookup.query))
        return;
    env_lookup_cancel(d->node->env, &d->lookup);
    d->router = router;
    d->asked = false;
    d->node->hub->nat64 = (struct nat64){.bits = 0};
    if (addr_is_none(&router))
        return;
    int err = env_lookup(d->node->env, &d->lookup, NAT64_NAME, 0);
    if (err < 0)
        log_warn(LOG_NAT, "%s cannot be looked up: %s", NAT64_NAME, strerror(-err));
}

void nat64_desk_start(struct nat64_desk *d, const struct desk *node, void (*changed)(void *arg),
                      void *arg)
{
    *d = (struct nat64_desk){.node = node, .changed = changed, .arg = arg};
    d->lookup.done = on_looked_up;
    nat64_desk_network_changed(d);
}

void nat64_desk_stop(struct nat64_desk *d)
{
    if (!d->node)
        return;
    env_lookup_cancel(d->node->env, &d->lookup);
    *d = (struct nat64_desk){0};
}
