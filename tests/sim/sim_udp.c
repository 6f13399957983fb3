/* UDP sockets of simulated hosts: which way a datagram leaves, who takes it, what is told. */
#include "tests/sim/sim_env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_router.h"
#include "tests/sim/sim_wire.h"

#define GROUPS_MAX  16
#define BATCH_MAX   64 /* datagrams told at once, as UDP_GRO does */
#define DEFAULT_TTL 64
#define AGAIN_FOR   MSEC(1)

struct udp_socket {
    struct list link; /* in host->udp */
    struct sim_host *host;
    struct addr local;
    unsigned flags;
    uint32_t uid;
    const struct udp_handler *handler;
    void *arg;
    struct {
        struct addr group;
        unsigned ifindex;
    } joined[GROUPS_MAX];
    unsigned joined_count;
    struct list arrived; /* of struct sim_packet */
    size_t arrived_bytes;
    struct deferred read;
    struct timer writable; /* after -EAGAIN */
};

/* ---- at the receiver ---- */

static bool joined(const struct udp_socket *s, const struct sim_packet *p)
{
    for (unsigned i = 0; i < s->joined_count; i++)
        if (addr_same_ip(&s->joined[i].group, &p->to) && s->joined[i].ifindex == 2 + p->network)
            return true;
    return false;
}

static bool takes(const struct udp_socket *s, const struct sim_packet *p)
{
    if (addr_is_v6(&s->local) != addr_is_v6(&p->to) || addr_port(&s->local) != addr_port(&p->to))
        return false;
    if (addr_is_multicast(&p->to))
        return joined(s, p);
    if (p->many)
        return addr_is_unspecified(&s->local);
    if (addr_is_unspecified(&s->local))
        return true;
    size_t len;
    return memcmp(addr_ip(&s->local, &len), addr_ip(&p->to, &len), addr_is_v6(&p->to) ? 16 : 4) ==
           0;
}

static void queue_for(struct udp_socket *s, struct sim_packet *p)
{
    size_t room = s->flags & UDP_BULK ? SIM_UDP_BULK_BUFFER : SIM_UDP_BUFFER;
    if (s->arrived_bytes + p->len > room) {
        sim_wire_lose(p);
        return;
    }
    s->arrived_bytes += p->len;
    s->host->received++;
    list_append(&s->arrived, &p->link);
    sim_defer(p->world, &s->read);
}

static void note(const struct sim_packet *p)
{
    sim_world_note(p->world, p->world->now);
    sim_world_note(p->world, (uint64_t)addr_port(&p->from) << 32 | addr_port(&p->to));
    sim_world_note(p->world, p->len);
}

/* Gives the packet to whoever listens, and takes it. A bound address beats a wildcard. */
static void deliver(struct sim_packet *p)
{
    struct udp_socket *taker = NULL;
    note(p);
    list_each(node, &p->host->udp)
    {
        struct udp_socket *s = list_entry(node, struct udp_socket, link);
        if (!takes(s, p))
            continue;
        if (p->many)
            queue_for(s, sim_wire_copy(p));
        else if (!taker || addr_is_unspecified(&taker->local))
            taker = s;
    }
    if (taker)
        queue_for(taker, p);
    else
        free(p);
}

/* ---- at the sender ---- */

static bool is_broadcast(const struct sim_host *h, const struct addr *to)
{
    static const uint8_t everybody[4] = {255, 255, 255, 255};
    struct addr all = addr_v4(everybody, 0);
    if (addr_same_ip(to, &all))
        return true;
    for (unsigned i = 0; i < h->interface_count; i++)
        if (!addr_is_none(&h->interface[i].is.broadcast) &&
            addr_same_ip(&h->interface[i].is.broadcast, to))
            return true;
    return false;
}

/* How well an interface suits: 0 not at all. Nearer networks beat the internet. */
static unsigned suits(const struct sim_host *h, const struct sim_interface *i,
                      const struct udp_tx *tx)
{
    const struct addr *to = tx->to;
    struct addr_prefix prefix = {.addr = i->is.addr, .bits = i->is.prefix_bits};
    if (addr_is_v6(&i->is.addr) != addr_is_v6(to) || i->is.loopback)
        return 0;
    if (tx->ifindex != 0 && i->is.index != tx->ifindex)
        return 0;
    if (addr_is_v6(to) && to->v6.sin6_scope_id != 0 && to->v6.sin6_scope_id != i->is.index)
        return 0;
    if (tx->from && !addr_is_unspecified(tx->from) && !addr_is_none(tx->from) &&
        !addr_same_ip(tx->from, &i->is.addr))
        return 0;
    if (addr_prefix_contains(&prefix, to))
        return 3;
    if (i->network == INTERNET ||
        (sim_router_serves(h->world, i->network) && !addr_is_multicast(to) && !is_broadcast(h, to)))
        return 2;
    return addr_is_multicast(to) || is_broadcast(h, to) ? 1 : 0;
}

const struct sim_interface *sim_udp_route(const struct sim_host *h, const struct udp_tx *tx)
{
    const struct sim_interface *best = NULL;
    unsigned best_suits = 0;
    for (unsigned i = 0; i < h->interface_count; i++) {
        unsigned how = suits(h, &h->interface[i], tx);
        if (how > best_suits) {
            best = &h->interface[i];
            best_suits = how;
        }
    }
    return best;
}

static struct sim_packet *packet_of(struct udp_socket *s, const struct udp_tx *tx, size_t at,
                                    size_t len)
{
    struct sim_packet *p = calloc(1, sizeof(*p) + len);
    assert_non_null(p);
    p->host = s->host;
    p->arrived = deliver;
    p->world = s->host->world;
    p->to = *tx->to;
    p->ttl = tx->ttl > 0 ? (uint8_t)tx->ttl : DEFAULT_TTL;
    p->len = len;
    memcpy(p->data, tx->data + at, len);
    return p;
}

/* Sends one datagram that is ready but for its way. */
static void send_one(struct udp_socket *s, const struct udp_tx *tx, struct sim_packet *p)
{
    struct sim_host *h = s->host;
    h->sent++;
    if (sim_interface_of(h, &p->to)) {
        /* To ourselves, from the address it is sent to unless bound otherwise. */
        p->from = addr_is_unspecified(&s->local) ? p->to : s->local;
        addr_set_port(&p->from, addr_port(&s->local));
        sim_wire_send_here(p);
        return;
    }
    const struct sim_interface *out = sim_udp_route(h, tx);
    if (!out) {
        sim_wire_lose(p);
        return;
    }
    p->network = out->network;
    p->many = addr_is_multicast(&p->to) || is_broadcast(h, &p->to);
    p->from = addr_is_unspecified(&s->local) ? out->is.addr : s->local;
    addr_set_port(&p->from, addr_port(&s->local));
    if (p->many &&
        (p->network == INTERNET || (!addr_is_multicast(&p->to) && !(s->flags & UDP_BROADCAST)))) {
        sim_wire_lose(p);
        return;
    }
    sim_wire_send(p);
}

static int send_op(struct udp_socket *s, const struct udp_tx *tx)
{
    if (s->writable.slot != 0 || sim_happens(s->host->world, s->host->send_again)) {
        sim_set_timer(s->host->world, &s->writable, s->host->world->now + AGAIN_FOR);
        return -EAGAIN;
    }
    size_t segment = tx->segment > 0 ? tx->segment : tx->len;
    size_t at = 0;
    assert_true(tx->len <= 65535 && !addr_is_none(tx->to));
    do {
        size_t len = tx->len - at < segment ? tx->len - at : segment;
        assert_true(len <= SIM_DATAGRAM_MAX);
        send_one(s, tx, packet_of(s, tx, at, len));
        at += len;
    } while (at < tx->len);
    return 0;
}

/* ---- sockets ---- */

/* Tells datagrams that lie one behind the other from one address, all as long as the first but for
 * a shorter last one. Returns how many there were. */
static unsigned take_batch(struct udp_socket *s, uint8_t *data, struct udp_rx *rx)
{
    unsigned count = 0;
    for (struct list *node; (node = list_first(&s->arrived)) && count < BATCH_MAX;) {
        struct sim_packet *p = list_entry(node, struct sim_packet, link);
        if (count == 0) {
            *rx = (struct udp_rx){.data = data, .segment = p->len, .from = p->from, .to = p->to};
            rx->ifindex = p->many || !addr_is_loopback(&p->to) ? 2 + p->network : 1;
        }
        bool fits = p->len <= rx->segment && p->len > 0 && rx->len % rx->segment == 0 &&
                    rx->len + p->len <= 65535 && addr_equal(&p->from, &rx->from) &&
                    addr_same_ip(&p->to, &rx->to);
        if (count > 0 && (!fits || !(s->flags & UDP_BULK)))
            break;
        memcpy(data + rx->len, p->data, p->len);
        rx->len += p->len;
        s->arrived_bytes -= p->len;
        list_remove(&p->link);
        free(p);
        count++;
    }
    return count;
}

static void on_read(struct deferred *work)
{
    struct udp_socket *s = container_of(work, struct udp_socket, read);
    struct udp_rx rx;
    uint8_t data[65536]; /* on the stack, so that a stale pointer into it is caught */
    if (!s->handler || take_batch(s, data, &rx) == 0)
        return;
    if (!list_is_empty(&s->arrived))
        sim_defer(s->host->world, &s->read);
    rx.now = sim_host_now(s->host);
    if (rx.segment == 0)
        rx.segment = 1; /* an empty datagram */
    if (!(s->flags & UDP_PKTINFO)) {
        memset(&rx.to, 0, sizeof(rx.to));
        rx.ifindex = 0;
    }
    s->handler->on_datagrams(s->arg, &rx);
}

static void on_writable(struct timer *timer)
{
    struct udp_socket *s = container_of(timer, struct udp_socket, writable);
    if (s->handler && s->handler->on_writable)
        s->handler->on_writable(s->arg);
}

static bool is_taken(const struct sim_host *h, const struct addr *local, unsigned flags)
{
    list_each(node, &h->udp)
    {
        const struct udp_socket *s = list_entry(node, struct udp_socket, link);
        bool same_ip = addr_same_ip(&s->local, local) || addr_is_unspecified(&s->local) ||
                       addr_is_unspecified(local);
        bool both_shared = (s->flags & flags & UDP_SHARED) != 0;
        if (addr_is_v6(&s->local) == addr_is_v6(local) && same_ip && !both_shared &&
            addr_port(&s->local) == addr_port(local))
            return true;
    }
    return false;
}

static int open_op(struct env *env, struct udp_socket **out, const struct addr *local,
                   unsigned flags, const struct udp_handler *handler, void *arg)
{
    struct sim_host *h = sim_host_of(env);
    struct addr bound = *local;
    if (!addr_is_unspecified(local) && !addr_is_multicast(local) && !sim_interface_of(h, local))
        return -EADDRNOTAVAIL;
    if (addr_port(local) == 0)
        do
            addr_set_port(&bound, sim_next_port(h));
        while (is_taken(h, &bound, flags));
    if (is_taken(h, &bound, flags))
        return -EADDRINUSE;
    int err = sim_take_socket(h);
    if (err < 0)
        return err;
    struct udp_socket *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->host = h;
    s->local = bound;
    s->flags = flags;
    s->uid = h->uid;
    s->handler = handler;
    s->arg = arg;
    s->read.run = on_read;
    s->writable.fire = on_writable;
    list_init(&s->arrived);
    list_append(&h->udp, &s->link);
    *out = s;
    return 0;
}

static int join_op(struct udp_socket *s, const struct addr *group, unsigned ifindex)
{
    if (!addr_is_multicast(group) || s->joined_count == GROUPS_MAX)
        return -EINVAL;
    for (unsigned i = 0; i < s->joined_count; i++)
        if (addr_same_ip(&s->joined[i].group, group) && s->joined[i].ifindex == ifindex)
            return -EADDRINUSE;
    s->joined[s->joined_count].group = *group;
    s->joined[s->joined_count++].ifindex = ifindex;
    return 0;
}

static struct addr local_op(const struct udp_socket *s)
{
    return s->local;
}

static void close_op(struct udp_socket *s)
{
    for (struct list *node; (node = list_first(&s->arrived));) {
        list_remove(node);
        free(list_entry(node, struct sim_packet, link));
    }
    sim_undefer(s->host->world, &s->read);
    sim_stop_timer(s->host->world, &s->writable);
    s->host->sockets--;
    list_remove(&s->link);
    free(s);
}

static void detach_op(struct udp_socket *s)
{
    s->handler = NULL;
}

size_t sim_udp_waiting(const struct udp_socket *s)
{
    return s->arrived_bytes;
}

static int owner_op(struct env *env, const struct addr *client, const struct addr *server,
                    uint32_t *uid)
{
    (void)server;
    list_each(node, &sim_host_of(env)->udp)
    {
        const struct udp_socket *s = list_entry(node, struct udp_socket, link);
        if (addr_is_v6(&s->local) != addr_is_v6(client) ||
            addr_port(&s->local) != addr_port(client))
            continue;
        if (!addr_is_unspecified(&s->local) && !addr_same_ip(&s->local, client))
            continue;
        *uid = s->uid;
        return 0;
    }
    return -ENOENT;
}

void sim_udp_ops(struct env_ops *ops)
{
    ops->udp_open = open_op;
    ops->udp_send = send_op;
    ops->udp_join = join_op;
    ops->udp_local = local_op;
    ops->udp_close = close_op;
    ops->udp_detach = detach_op;
    ops->owner_of_udp = owner_op;
}
