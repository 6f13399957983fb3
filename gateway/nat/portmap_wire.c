/* How port mappings are asked for: its sockets, and what the machines have to say. */
#include "gateway/nat/portmap_parts.h"

#include "gateway/base/log.h"

#define ANNOUNCE_PORT 5350 /* RFC 6886 §3.2.1, RFC 6887 §14.1: to all hosts on the link */

static const uint8_t ALL_HOSTS_V4[4] = {224, 0, 0, 1};
static const uint8_t ALL_HOSTS_V6[16] = {0xff, 0x02, [15] = 1};

/* ---- sockets ---- */

static uint16_t port_of(const struct portmap_line *l)
{
    return l == &l->map->line[PORTMAP_UPNP] ? SSDP_PORT : MAP_PCP_PORT;
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct portmap_line *l = arg;
    struct portmap *p = l->map;
    bool ssdp = port_of(l) == SSDP_PORT;

    /* An answer to a search may come from any port of the router. */
    if (!addr_same_ip(&rx->from, &p->options.router.addr) ||
        (!ssdp && addr_port(&rx->from) != MAP_PCP_PORT))
        return;
    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        (void)l->ops->input(l->self, rx->now, rx->data + at, len);
    }
    portmap_step(p);
}

static const struct udp_handler LINE_HANDLER = {.on_datagrams = on_datagrams};

void portmap_close_line(struct portmap_line *l)
{
    if (l->udp)
        udp_close(l->map->env, l->udp);
    l->udp = NULL;
    if (l == &l->map->line[PORTMAP_UPNP])
        igd_call_cancel(&l->map->call);
}

static int open_line(struct portmap_line *l)
{
    struct portmap *p = l->map;
    return l->udp ? 0 : udp_open(p->env, &l->udp, &p->options.router.local, 0, &LINE_HANDLER, l);
}

static void send_to(struct portmap_line *l, struct addr to, const uint8_t *data, size_t len)
{
    struct portmap *p = l->map;

    addr_set_port(&to, port_of(l));
    const struct udp_tx tx = {
        .to = &to, .data = data, .len = len, .ifindex = p->options.router.ifindex};
    if (udp_send(p->env, l->udp, &tx) < 0)
        log_debug(LOG_NAT, "a question to the router was not sent; it is repeated");
}

static void pump_line(struct portmap_line *l)
{
    struct portmap *p = l->map;
    uint8_t out[EXCHANGE_MAX_DATAGRAM];
    size_t len;

    while (l->udp && (len = l->ops->output(l->self, env_now(p->env), out)) > 0) {
        send_to(l, p->options.router.addr, out, len);
        if (port_of(l) == SSDP_PORT)
            send_to(l, addr_v4(SSDP_GROUP, 0), out, len);
    }
}

/* ---- what the machines are asked ---- */

void portmap_ask(struct portmap *p, enum portmap_method method, uint32_t lifetime_s)
{
    instant now = env_now(p->env);

    if (open_line(&p->line[method]) < 0) {
        p->line[method].mapping->state = MAPPING_SILENT;
        return;
    }
    switch (method) {
    case PORTMAP_PCP:
        map_pcp_ask(&p->pcp, now, lifetime_s);
        return;
    case PORTMAP_NATPMP:
        map_natpmp_ask(&p->natpmp, now, lifetime_s);
        return;
    case PORTMAP_UPNP:
        igd_call_cancel(&p->call);
        map_igd_ask(&p->igd, now, lifetime_s);
        return;
    case PORTMAP_METHODS:
        return;
    }
}

void portmap_on_called(struct igd_call *c, unsigned status, const uint8_t *body, size_t len)
{
    struct portmap *p = container_of(c, struct portmap, call);

    map_igd_answer(&p->igd, env_now(p->env), status, body, len);
    portmap_step(p);
}

static void pump_igd(struct portmap *p)
{
    char request[IGD_REQUEST_MAX];
    struct addr to;
    size_t len;

    map_igd_found(&p->igd);
    while (map_igd_request(&p->igd, &to, request, &len))
        if (igd_call_start(&p->call, p->env, &to, request, len) < 0)
            map_igd_answer(&p->igd, env_now(p->env), 0, NULL, 0);
}

void portmap_pump(struct portmap *p)
{
    for (unsigned i = 0; i < PORTMAP_METHODS; i++)
        pump_line(&p->line[i]);
    if (p->line[PORTMAP_UPNP].udp)
        pump_igd(p);
}

/* ---- announcements ---- */

static bool has_forgotten(struct portmap *p, const struct udp_rx *rx, const uint8_t *pkt,
                          size_t len)
{
    switch (p->method) {
    case PORTMAP_PCP:
        return map_pcp_announced(&p->pcp, rx->now, pkt, len);
    case PORTMAP_NATPMP:
        return map_natpmp_announced(&p->natpmp, rx->now, pkt, len);
    case PORTMAP_UPNP:
        return ssdp_announced(&p->igd.ssdp, pkt, len);
    case PORTMAP_METHODS:
        break;
    }
    return false;
}

static void on_announcement(void *arg, const struct udp_rx *rx)
{
    struct portmap *p = arg;

    /* Anybody on the link may write the router's address on a datagram, so this is no more than a
     * reason to ask the router, and seldom. */
    if (!addr_same_ip(&rx->from, &p->options.router.addr) || p->phase != PORTMAP_HELD)
        return;
    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        if (!has_forgotten(p, rx, rx->data + at, len))
            continue;
        log_info(LOG_NAT, "the router was started anew: its mappings are asked for again");
        p->next = p->renewed + PORTMAP_RENEW_SOONEST > rx->now ? p->renewed + PORTMAP_RENEW_SOONEST
                                                               : rx->now;
        break;
    }
    portmap_step(p);
}

/* NULL if it cannot be: the mapping is seen to be gone when it is renewed. */
static struct udp_socket *open_ear(struct portmap *p, struct addr group, uint16_t port)
{
    static const struct udp_handler HANDLER = {.on_datagrams = on_announcement};
    static const uint8_t ANY[16];
    struct addr local = addr_is_v6(&group) ? addr_v6(ANY, port, 0) : addr_v4(ANY, port);
    struct udp_socket *ear;

    if (udp_open(p->env, &ear, &local, UDP_SHARED, &HANDLER, p) < 0)
        return NULL;
    if (udp_join(p->env, ear, &group, p->options.router.ifindex) < 0)
        log_debug(LOG_NAT, "what routers announce is not heard");
    return ear;
}

void portmap_open_ears(struct portmap *p)
{
    bool v6 = addr_is_v6(&p->options.router.addr);

    p->ears =
        open_ear(p, v6 ? addr_v6(ALL_HOSTS_V6, 0, 0) : addr_v4(ALL_HOSTS_V4, 0), ANNOUNCE_PORT);
    if (!v6)
        p->ssdp_ears = open_ear(p, addr_v4(SSDP_GROUP, 0), SSDP_PORT);
}
