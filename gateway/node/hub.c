#include "gateway/node/hub.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/node/runs.h"

/* Batches sent before the loop may look at its sockets again. */
#define BATCHES_PER_TURN 64

/* Is the way from this address of ours to `remote` one inside this machine, or one out of it? Bound
 * to loopback, a socket reaches nothing else. */
static bool suits(const struct addr *local, const struct addr *remote)
{
    return addr_is_unspecified(local) || addr_is_loopback(local) == addr_is_loopback(remote);
}

struct hub_socket *hub_socket_for(struct hub *h, const struct addr *remote)
{
    struct hub_socket *other = NULL;

    for (size_t i = 0; i < h->sockets; i++) {
        struct hub_socket *s = &h->socket[i];
        if (s->local.sa.sa_family != remote->sa.sa_family)
            continue;
        if (suits(&s->local, remote))
            return s;
        if (!other)
            other = s;
    }
    return other;
}

/* The socket by which datagrams came to `local`: their sender waits for answers from there. */
static struct hub_socket *socket_at(struct hub *h, const struct addr *local)
{
    for (size_t i = 0; i < h->sockets; i++) {
        struct hub_socket *s = &h->socket[i];
        bool same_family = s->local.sa.sa_family == local->sa.sa_family;
        if (same_family && addr_port(&s->local) == addr_port(local) &&
            (addr_is_unspecified(&s->local) || addr_same_ip(&s->local, local)))
            return s;
    }
    return NULL;
}

/* An address that this machine had when the session began may be gone by now. */
static bool is_local(const struct hub *h, const struct addr *a)
{
    for (size_t i = 0; i < h->local_count; i++)
        if (addr_same_ip(&h->locals[i], a))
            return true;
    return false;
}

/* ---- IPv4 where there is IPv6 alone ---- */

struct addr hub_outside(const struct hub *h, const struct addr *remote)
{
    return nat64_covers(&h->nat64, remote) ? nat64_wrap(&h->nat64, remote) : *remote;
}

/* Returns 0, or -EAGAIN: the same datagrams must be offered again. */
static int send_by(struct hub_socket *s, const struct udp_tx *tx)
{
    if (!s)
        return 0; /* lost, like everything for a family or socket that we do not have */
    int err = s->full ? -EAGAIN : udp_send(s->hub->env, s->udp, tx);
    s->full = err == -EAGAIN;
    s->hub->too_large = err == -EMSGSIZE;
    if (!s->full && uplink_is_limited(&s->hub->uplink))
        uplink_sent(&s->hub->uplink, env_now(s->hub->env), tx->len, tx->segment);
    return s->full ? -EAGAIN : 0;
}

/* What stands for an address may be of the other family. */
static struct hub_socket *socket_to(struct hub *h, const struct path *path, const struct addr *to)
{
    struct path instead = *path;

    if (path->via == 0)
        instead.remote = *to;
    return hub_socket_of(h, &instead);
}

static int transmit(struct hub *h, const struct quic_tx *tx, int ttl)
{
    const struct addr to = hub_outside(h, &tx->path.remote);
    struct hub_carrier *carrier = h->carrier[tx->path.kind];
    const struct addr *from = &tx->path.local;
    const struct udp_tx out = {
        .to = &to,
        .from = !addr_is_none(from) && is_local(h, from) ? from : NULL,
        .data = tx->data,
        .len = tx->len,
        .segment = tx->segment,
        .ttl = ttl,
    };

    if (tx->path.kind == PATH_UDP)
        return send_by(socket_to(h, &tx->path, &to), &out);
    int err = carrier ? carrier->send(carrier, tx) : 0;
    if (err == 0 && tx->path.kind == PATH_TCP && uplink_is_limited(&h->uplink))
        uplink_sent(&h->uplink, env_now(h->env), tx->len, tx->segment);
    return err;
}

/* True: nothing may leave now. The timer tells when that is over. */
static bool is_full(struct hub *h, instant now)
{
    if (!uplink_is_full(&h->uplink, now))
        return false;
    timer_set(h->env, &h->refill, uplink_ready(&h->uplink, now));
    return true;
}

static int send_held(struct hub *h, instant now)
{
    if (is_full(h, now))
        return -EAGAIN;
    h->too_large = false;
    int err = transmit(h, &h->held, 0);
    if (h->too_large)
        quic_too_large(h->quic, now, &h->held.path, h->held.segment);
    return err;
}

static void send_all(struct hub *h, instant now)
{
    if (h->holding && send_held(h, now) < 0)
        return;
    h->holding = false;
    for (unsigned batch = 0; batch < BATCHES_PER_TURN; batch++) {
        if (!quic_output(h->quic, now, &h->held))
            return;
        if (send_held(h, now) < 0) {
            h->holding = true;
            return;
        }
        now = env_now(h->env);
    }
    env_defer(h->env, &h->work);
}

static void turn(struct hub *h)
{
    quic_dispatch(h->quic, env_now(h->env));
    send_all(h, env_now(h->env));
    if (!h->holding)
        timer_set(h->env, &h->timer, quic_deadline(h->quic));
    if (h->room && (!h->holding || uplink_spares(&h->uplink, env_now(h->env)))) {
        h->room = false;
        h->handler->on_room(h->arg);
    }
}

static void on_work(struct deferred *work)
{
    turn(container_of(work, struct hub, work));
}

static void on_timer(struct timer *timer)
{
    turn(container_of(timer, struct hub, timer));
}

static void on_refill(struct timer *timer)
{
    turn(container_of(timer, struct hub, refill));
}

void hub_limit(struct hub *h, uint64_t rate)
{
    uplink_init(&h->uplink, rate);
}

/* ---- what arrives ---- */

bool hub_admits(const struct hub *h, const struct addr *remote)
{
    return !h->access || access_admits(h->access, env_now(h->env), remote);
}

/* STUN and the unknown are for UDP sockets alone; and a circuit brings no frames of another, which
 * would let a peer wrap them without end. */
static void hand_over(struct hub *h, const struct path *path, const struct udp_rx *rx,
                      enum taker taker)
{
    switch (taker) {
    case TAKE_QUIC:
        quic_input(h->quic, rx->now, path, rx->data, rx->len, rx->segment);
        break;
    case TAKE_RELAY:
        if (path->kind != PATH_RELAY)
            h->handler->on_relay(h->arg, path, rx->data, rx->len, rx->segment);
        break;
    case TAKE_STUN:
        if (path->kind == PATH_UDP)
            h->handler->on_stun(h->arg, rx, path->via);
        break;
    case TAKE_OTHER:
        if (path->kind == PATH_UDP)
            h->handler->on_other(h->arg, rx);
        break;
    }
}

static bool is_claimed(struct hub_socket *s, const struct udp_rx *rx)
{
    list_each(node, &s->hub->claims)
    {
        struct hub_claim *claim = list_entry(node, struct hub_claim, link);
        if (!addr_equal(&claim->from, &rx->from))
            continue;
        return claim->take(claim, rx);
    }
    return false;
}

/* Almost every batch is of one kind from end to end and goes through in one piece. */
static void take(struct hub_socket *s, const struct udp_rx *rx)
{
    const struct path path = {.via = s->via, .kind = PATH_UDP, .remote = rx->from, .local = rx->to};
    const struct hub *h = s->hub;
    bool claimed = is_claimed(s, rx);
    bool enters = claimed || !h->access || access_enters(h->access, rx->now, &rx->from);
    struct udp_rx run;

    for (size_t at = 0; !claimed && at < rx->len; at += run.len) {
        enum taker taker = run_at(rx, at, &run);
        if (enters || run_is_stun_answer(taker, &run))
            hand_over(s->hub, &path, &run, taker);
    }
    hub_wake(s->hub);
}

void hub_take(struct hub_socket *s, const struct udp_rx *rx)
{
    struct udp_rx plain;
    struct addr from;

    if (s->hub->nat64.bits == 0 || !nat64_unwrap(&s->hub->nat64, &rx->from, &from)) {
        take(s, rx);
        return;
    }
    plain = *rx;
    plain.from = from;
    plain.to = (struct addr){0}; /* of the other family */
    take(s, &plain);
}

void hub_deliver(struct hub *h, const struct path *path, uint8_t *data, size_t len, size_t segment)
{
    const struct udp_rx rx = {.data = data, .len = len, .segment = segment, .now = env_now(h->env)};
    struct udp_rx run;

    /* A circuit's other end has no address; the relay's own was judged when its frame came in. */
    if (path->kind != PATH_RELAY && h->access && !access_enters(h->access, rx.now, &path->remote))
        return;
    for (size_t at = 0; at < len; at += run.len) {
        enum taker taker = run_at(&rx, at, &run);
        hand_over(h, path, &run, taker);
    }
    hub_wake(h);
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    hub_take(arg, rx);
}

static void on_writable(void *arg)
{
    struct hub_socket *s = arg;
    s->full = false;
    s->hub->room = true;
    hub_wake(s->hub);
}

static const struct udp_handler HANDLER = {on_datagrams, on_writable};

/* ---- life ---- */

void hub_init(struct hub *h, struct env *env, struct quic_endpoint *quic,
              const struct hub_handler *handler, void *arg)
{
    *h = (struct hub){.env = env, .quic = quic, .handler = handler, .arg = arg};
    h->work.run = on_work;
    h->timer.fire = on_timer;
    h->refill.fire = on_refill;
    list_init(&h->extra);
    list_init(&h->claims);
    hub_read_locals(h);
}

static int open_socket(struct hub_socket *s, const struct addr *local)
{
    struct env *env = s->hub->env;
    int err = udp_open(env, &s->udp, local, UDP_PKTINFO | UDP_BULK | UDP_BROADCAST, &HANDLER, s);
    if (err == 0)
        s->local = udp_local(env, s->udp);
    return err;
}

int hub_listen(struct hub *h, const struct addr *local)
{
    if (h->sockets == HUB_SOCKETS_MAX)
        return -ENOSPC;
    struct hub_socket *s = &h->socket[h->sockets];
    *s = (struct hub_socket){.hub = h};
    int err = open_socket(s, local);
    if (err == 0)
        h->sockets++;
    return err;
}

int hub_open_extra(struct hub *h, const struct addr *local, uint32_t *via)
{
    struct addr any_port = *local;

    if (h->extra_count == HUB_EXTRA_MAX)
        return -EMFILE;
    struct hub_socket *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    if (h->nat64.bits != 0 && !addr_is_v6(local))
        any_port = addr_v6((const uint8_t[16]){0}, 0, 0);
    addr_set_port(&any_port, 0);
    s->hub = h;
    int err = open_socket(s, &any_port);
    if (err < 0) {
        free(s);
        return err;
    }
    s->via = *via = ++h->last_via;
    list_append(&h->extra, &s->link);
    h->extra_count++;
    return 0;
}

static struct hub_socket *extra_of(struct hub *h, uint32_t via)
{
    list_each(node, &h->extra)
    {
        struct hub_socket *s = list_entry(node, struct hub_socket, link);
        if (s->via == via)
            return s;
    }
    return NULL;
}

static void close_extra(struct hub_socket *s)
{
    s->hub->extra_count--;
    list_remove(&s->link);
    udp_close(s->hub->env, s->udp);
    free(s);
}

void hub_close_extra(struct hub *h, uint32_t via)
{
    struct hub_socket *s = extra_of(h, via);
    if (!s)
        return;
    close_extra(s);
    hub_wake(h); /* what it was too full for is lost, and all others have waited behind that */
}

void hub_close(struct hub *h)
{
    timer_stop(h->env, &h->timer);
    timer_stop(h->env, &h->refill);
    env_undefer(h->env, &h->work);
    for (struct list *node; (node = list_first(&h->extra));)
        close_extra(list_entry(node, struct hub_socket, link));
    for (struct list *node; (node = list_first(&h->claims));)
        list_remove(node);
    while (h->sockets > 0)
        udp_close(h->env, h->socket[--h->sockets].udp);
}

struct hub_socket *hub_socket_of(struct hub *h, const struct path *path)
{
    if (path->via != 0)
        return extra_of(h, path->via);
    struct hub_socket *s = addr_is_none(&path->local) ? NULL : socket_at(h, &path->local);
    return s ? s : hub_socket_for(h, &path->remote);
}

void hub_set_carrier(struct hub *h, enum path_kind kind, struct hub_carrier *carrier)
{
    h->carrier[kind] = carrier;
}

void hub_add_claim(struct hub *h, struct hub_claim *claim)
{
    list_append(&h->claims, &claim->link);
}

void hub_remove_claim(struct hub_claim *claim)
{
    list_remove(&claim->link);
}

/* ---- what goes out beside QUIC ---- */

void hub_wake(struct hub *h)
{
    env_defer(h->env, &h->work);
}

void hub_send(struct hub *h, const struct udp_tx *tx)
{
    const struct addr to = hub_outside(h, tx->to);
    struct udp_tx out = *tx;

    out.to = &to;
    if (send_by(hub_socket_for(h, &to), &out) < 0)
        return; /* lost */
}

int hub_send_over(struct hub *h, const struct quic_tx *tx)
{
    return transmit(h, tx, 0);
}

int hub_send_last(struct hub *h, const struct quic_tx *tx)
{
    instant now = env_now(h->env);
    bool waits = is_full(h, now) || h->holding;

    if (waits && !uplink_spares(&h->uplink, now)) {
        h->room = true;
        return -EAGAIN;
    }
    int err = transmit(h, tx, 0);
    if (err == 0)
        uplink_sent_spared(&h->uplink, now, tx->len);
    return err;
}

void hub_send_path(struct hub *h, const struct path *path, const uint8_t *data, size_t len, int ttl)
{
    const struct quic_tx tx = {.path = *path, .data = data, .len = len, .segment = len};
    if (transmit(h, &tx, ttl) < 0)
        return; /* lost */
}

void hub_read_locals(struct hub *h)
{
    struct interface found[HUB_LOCALS_MAX];
    int n = env_interfaces(h->env, found, HUB_LOCALS_MAX);

    h->local_count = 0;
    for (int i = 0; i < n; i++)
        h->locals[h->local_count++] = found[i].addr;
}
