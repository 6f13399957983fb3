#include "gateway/node/lan_link.h"

#include <string.h>

#include "gateway/base/log.h"
#include "gateway/wire/demux.h"
#include "gateway/wire/mdns.h"

static instant now_of(const struct lan_link *l)
{
    return env_now(l->env);
}

static struct udp_socket *socket_for(struct lan_link *l, enum lan_socket which, bool v6)
{
    return which == LAN_SOCKET_GROUP ? l->group[v6] : l->mdns[v6];
}

static void send_one(struct lan_link *l, const struct lan_tx *tx)
{
    struct udp_tx out = {
        .to = &tx->to,
        .from = addr_is_none(&tx->from) ? NULL : &tx->from,
        .data = tx->data,
        .len = tx->len,
        .ifindex = tx->ifindex,
        .ttl = tx->ttl,
    };
    if (tx->socket == LAN_SOCKET_MAIN) {
        hub_send(l->hub, &out);
        return;
    }
    struct udp_socket *s = socket_for(l, tx->socket, addr_is_v6(&tx->to));
    /* A full socket loses it, as the network might. */
    if (s && udp_send(l->env, s, &out) < 0)
        log_debug(LOG_LAN, "a datagram was not sent");
}

/* Every input ends here. */
static void pump(struct lan_link *l)
{
    struct lan_event event;
    struct lan_tx tx;

    while (lan_output(l->lan, now_of(l), env_wall_us(l->env), &tx))
        send_one(l, &tx);
    while (lan_next_event(l->lan, &event))
        l->found(l->arg, &event);
    timer_set(l->env, &l->timer, lan_deadline(l->lan));
}

static void on_timer(struct timer *timer)
{
    pump(container_of(timer, struct lan_link, timer));
}

void lan_link_input(struct lan_link *l, const struct udp_rx *rx)
{
    if (!l->lan)
        return;
    lan_input(l->lan, rx->now, env_wall_us(l->env), &rx->from, rx->ifindex, rx->data, rx->len);
    pump(l);
}

static void on_group(void *arg, const struct udp_rx *rx)
{
    struct lan_link *l = arg;

    for (size_t at = 0; at < rx->len; at += rx->segment) {
        struct udp_rx one = *rx;
        one.data = rx->data + at;
        one.len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        if (demux(one.data, one.len) != DEMUX_KIND_INVITE)
            lan_link_input(l, &one);
        else if (l->on_invite)
            l->on_invite(l->arg, &one);
    }
}

static void on_mdns(void *arg, const struct udp_rx *rx)
{
    struct lan_link *l = arg;
    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        lan_input_mdns(l->lan, rx->now, &rx->from, rx->ifindex, rx->data + at, len);
    }
    pump(l);
}

static const struct udp_handler GROUP = {on_group, NULL};
static const struct udp_handler MDNS = {on_mdns, NULL};

static void open_shared(struct lan_link *l, struct udp_socket **out, bool v6, uint16_t port,
                        const struct udp_handler *handler)
{
    static const uint8_t ZERO[16];
    struct addr local = v6 ? addr_v6(ZERO, port, 0) : addr_v4(ZERO, port);

    int err = udp_open(l->env, out, &local, UDP_SHARED | UDP_PKTINFO | UDP_BROADCAST, handler, l);
    if (err < 0) {
        *out = NULL;
        log_warn(LOG_LAN, "port %u (IPv%c) cannot be had: %s; not discovered there", port,
                 v6 ? '6' : '4', strerror(-err));
    }
}

static void join_groups(struct lan_link *l)
{
    struct lan_join join;

    while (lan_next_join(l->lan, &join)) {
        struct udp_socket *s = socket_for(l, join.socket, addr_is_v6(&join.group));
        if (s && udp_join(l->env, s, &join.group, join.ifindex) < 0)
            log_debug(LOG_LAN, "interface %u: cannot join", join.ifindex);
    }
}

void lan_link_network_changed(struct lan_link *l)
{
    struct interface found[LAN_INTERFACES_MAX];

    if (!l->lan)
        return;
    int n = env_interfaces(l->env, found, LAN_INTERFACES_MAX);
    lan_set_interfaces(l->lan, now_of(l), found, n > 0 ? (size_t)n : 0);
    join_groups(l);
    pump(l);
}

int lan_link_start(struct lan_link *l, struct env *env, struct hub *hub,
                   const struct lan_options *options,
                   void (*found)(void *arg, const struct lan_event *event), void *arg)
{
    *l = (struct lan_link){.env = env, .hub = hub, .found = found, .arg = arg};
    l->timer.fire = on_timer;
    int err = lan_new(&l->lan, options);
    if (err < 0)
        return err;
    for (int v6 = 0; v6 < 2; v6++) {
        if ((v6 ? options->port_v6 : options->port_v4) == 0)
            continue;
        open_shared(l, &l->group[v6], v6, LAN_PORT, &GROUP);
        if (options->public)
            open_shared(l, &l->mdns[v6], v6, MDNS_PORT, &MDNS);
    }
    lan_link_network_changed(l);
    return 0;
}

void lan_link_stop(struct lan_link *l)
{
    if (!l->lan)
        return;
    lan_stop(l->lan, now_of(l));
    pump(l);
    timer_stop(l->env, &l->timer);
    for (int v6 = 0; v6 < 2; v6++) {
        if (l->group[v6])
            udp_close(l->env, l->group[v6]);
        if (l->mdns[v6])
            udp_close(l->env, l->mdns[v6]);
    }
    lan_free(l->lan);
    l->lan = NULL;
}

void lan_link_contacts(struct lan_link *l, const struct peer_id *ids, size_t count)
{
    if (l->lan && lan_set_contacts(l->lan, now_of(l), ids, count) == 0)
        pump(l);
}

bool lan_link_shout(struct lan_link *l, const uint8_t *data, size_t len)
{
    struct lan_tx tx;

    for (size_t i = 0; l->lan && lan_place_at(l->lan, i, &tx); i++) {
        tx.data = data;
        tx.len = len;
        send_one(l, &tx);
    }
    return l->lan != NULL;
}

bool lan_link_ask(struct lan_link *l, const struct peer_id *id)
{
    if (!l->lan)
        return false;
    lan_ask(l->lan, now_of(l), id);
    pump(l);
    return true;
}
