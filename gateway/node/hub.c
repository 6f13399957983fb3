#include "gateway/node/hub.h"

#include <errno.h>

#include "gateway/wire/demux.h"

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

/* Returns false if the socket is full: the same datagrams must be offered again. */
static bool transmit(struct hub *h, const struct quic_tx *tx)
{
    const struct addr *from = &tx->path.local;
    struct hub_socket *s = addr_is_none(from) ? NULL : socket_at(h, from);
    if (!s)
        s = hub_socket_for(h, &tx->path.remote);
    if (!s)
        return true; /* lost, like everything for a family we do not have */
    struct udp_tx out = {
        .to = &tx->path.remote,
        .from = !addr_is_none(from) && is_local(h, from) ? from : NULL,
        .data = tx->data,
        .len = tx->len,
        .segment = tx->segment,
    };
    if (!s->full && udp_send(h->env, s->udp, &out) == -EAGAIN)
        s->full = true;
    return !s->full;
}

static void send_all(struct hub *h, instant now)
{
    if (h->holding && !transmit(h, &h->held))
        return;
    h->holding = false;
    for (unsigned batch = 0; batch < BATCHES_PER_TURN; batch++) {
        if (!quic_output(h->quic, now, &h->held))
            return;
        if (!transmit(h, &h->held)) {
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
}

static void on_work(struct deferred *work)
{
    turn(container_of(work, struct hub, work));
}

static void on_timer(struct timer *timer)
{
    turn(container_of(timer, struct hub, timer));
}

static bool for_quic(const uint8_t *data, size_t len)
{
    enum demux_kind kind = demux(data, len);
    return kind == DEMUX_KIND_QUIC || kind == DEMUX_KIND_PROBE;
}

static void feed_quic(struct hub *h, const struct udp_rx *rx, size_t from, size_t end)
{
    struct path path = {.kind = PATH_UDP, .remote = rx->from, .local = rx->to};
    if (end > from)
        quic_input(h->quic, rx->now, &path, rx->data + from, end - from, rx->segment);
}

/* Almost every batch is QUIC from end to end and goes through in one piece. */
void hub_take(struct hub_socket *s, const struct udp_rx *rx)
{
    struct hub *h = s->hub;
    size_t from = 0;

    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        if (for_quic(rx->data + at, len))
            continue;
        feed_quic(h, rx, from, at);
        struct udp_rx one = *rx;
        one.data = rx->data + at;
        one.segment = one.len = len;
        from = at + one.len;
        h->other(h->arg, &one);
    }
    feed_quic(h, rx, from, rx->len);
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
    hub_wake(s->hub);
}

static const struct udp_handler HANDLER = {on_datagrams, on_writable};

void hub_init(struct hub *h, struct env *env, struct quic_endpoint *quic,
              void (*other)(void *arg, const struct udp_rx *rx), void *arg)
{
    *h = (struct hub){.env = env, .quic = quic, .other = other, .arg = arg};
    h->work.run = on_work;
    h->timer.fire = on_timer;
    hub_read_locals(h);
}

int hub_listen(struct hub *h, const struct addr *local)
{
    if (h->sockets == HUB_SOCKETS_MAX)
        return -ENOSPC;
    struct hub_socket *s = &h->socket[h->sockets];
    *s = (struct hub_socket){.hub = h};
    int err = udp_open(h->env, &s->udp, local, UDP_PKTINFO | UDP_BULK | UDP_BROADCAST, &HANDLER, s);
    if (err < 0)
        return err;
    s->local = udp_local(h->env, s->udp);
    h->sockets++;
    return 0;
}

void hub_close(struct hub *h)
{
    timer_stop(h->env, &h->timer);
    env_undefer(h->env, &h->work);
    while (h->sockets > 0)
        udp_close(h->env, h->socket[--h->sockets].udp);
}

void hub_wake(struct hub *h)
{
    env_defer(h->env, &h->work);
}

void hub_send(struct hub *h, const struct udp_tx *tx)
{
    struct hub_socket *s = hub_socket_for(h, tx->to);
    if (s && !s->full && udp_send(h->env, s->udp, tx) == -EAGAIN)
        s->full = true;
}

void hub_read_locals(struct hub *h)
{
    struct interface found[HUB_LOCALS_MAX];
    int n = env_interfaces(h->env, found, HUB_LOCALS_MAX);

    h->local_count = 0;
    for (int i = 0; i < n; i++)
        h->locals[h->local_count++] = found[i].addr;
}
