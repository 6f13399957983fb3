/* The addresses that peers have on this machine, as the settings and the machine have it. */
#include "gateway/daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int daemon_start_pool(struct daemon *d, char *why, size_t why_len)
{
    const struct settings *s = d->options->settings;
    const struct prefix_list *list = &s->setup_pool;

    if (list->count != 1 || !pool_range_ok(&list->at[0])) {
        (void)snprintf(why, why_len,
                       "%s:%d: pool: one range of IPv4 addresses is meant, /%d to /%d",
                       d->options->config, s->line[SET_setup_pool], POOL_BITS_MIN, POOL_BITS_MAX);
        return -EINVAL;
    }
    int err = pool_new(&d->pool, d->env, d->registry, &d->keys, &list->at[0]);
    if (err < 0)
        (void)snprintf(why, why_len, "addresses of peers: %s", strerror(-err));
    return err;
}

int daemon_open_pool(struct daemon *d, char *why, size_t why_len)
{
    const struct pool_doors_options options = {
        .node = d->node,
        .users = &d->users,
        .suffix = d->suffix,
        .pool = d->pool,
        .proxy = d->proxy,
        .redirect_port = (uint16_t)d->options->settings->setup_redirect_port,
        .owns_port = daemon_owns_port,
        .owns_arg = d,
    };
    int err = pool_doors_new(&d->pool_doors, &options);
    if (err < 0)
        (void)snprintf(why, why_len, "addresses of peers: %s", strerror(-err));
    return err;
}

void daemon_show_pool(void *arg, struct control_pool *out)
{
    struct daemon *d = arg;

    *out = (struct control_pool){
        .range = *pool_range(d->pool),
        .active = pool_is_active(d->pool),
        .http = pool_has_http(d->pool),
        .redirected = pool_doors_redirected(d->pool_doors),
    };
    out->tcp_count =
        pool_doors_conflicts(d->pool_doors, SERVICE_TCP, out->tcp, CONTROL_CONFLICTS_MAX);
    out->udp_count =
        pool_doors_conflicts(d->pool_doors, SERVICE_UDP, out->udp, CONTROL_CONFLICTS_MAX);
}

/* Who is no contact gets none by being shown. */
bool daemon_pool_address(void *arg, const struct peer_id *peer, struct addr *out)
{
    struct daemon *d = arg;

    return registry_peer(d->registry, peer) && pool_address(d->pool, peer, out);
}
