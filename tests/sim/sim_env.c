#include "tests/sim/sim_env.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

#define FIRST_PORT 32768

/* ---- the clock and the timers ---- */

instant sim_host_now(const struct sim_host *h)
{
    return (h->asleep ? h->fell_asleep : h->world->now) - h->slept;
}

static instant now_of(struct env *env)
{
    return sim_host_now(sim_host_of(env));
}

static void set_alarm(struct sim_host *h)
{
    instant due = heap_due(&h->timers);
    if (h->asleep || due == INSTANT_NEVER)
        sim_stop_timer(h->world, &h->alarm);
    else
        sim_set_timer(h->world, &h->alarm, due + h->slept);
}

static void on_alarm(struct timer *alarm)
{
    struct sim_host *h = container_of(alarm, struct sim_host, alarm);
    struct timer *timer = heap_take_due(&h->timers, sim_host_now(h));
    set_alarm(h);
    if (timer)
        timer->fire(timer);
}

static void set_timer(struct env *env, struct timer *timer, instant due)
{
    struct sim_host *h = sim_host_of(env);
    assert_int_equal(heap_set(&h->timers, timer, due), 0);
    set_alarm(h);
}

static void stop_timer(struct env *env, struct timer *timer)
{
    struct sim_host *h = sim_host_of(env);
    heap_remove(&h->timers, timer);
    set_alarm(h);
}

void sim_host_sleep(struct sim_host *h)
{
    assert_false(h->asleep);
    h->asleep = h->up.down = h->down.down = true;
    h->fell_asleep = h->world->now;
    set_alarm(h);
}

void sim_host_wake(struct sim_host *h)
{
    assert_true(h->asleep);
    h->asleep = h->up.down = h->down.down = false;
    h->slept += h->world->now - h->fell_asleep;
    set_alarm(h);
}

static int64_t wall_of(struct env *env)
{
    const struct sim_world *w = sim_host_of(env)->world;
    return w->wall_us + (int64_t)(w->now / 1000);
}

static void draw(struct env *env, void *out, size_t len)
{
    random_fill(&sim_host_of(env)->chance, out, len);
}

static void defer(struct env *env, struct deferred *work)
{
    sim_defer(sim_host_of(env)->world, work);
}

static void undefer(struct env *env, struct deferred *work)
{
    sim_undefer(sim_host_of(env)->world, work);
}

static int interfaces(struct env *env, struct interface *out, int max)
{
    const struct sim_host *h = sim_host_of(env);
    int count = 0;
    for (unsigned i = 0; i < h->interface_count && count < max; i++)
        out[count++] = h->interface[i].is;
    return count;
}

static int routers(struct env *env, struct router *out, int max)
{
    const struct sim_host *h = sim_host_of(env);
    int count = 0;
    for (int i = 0; i < h->router_count && count < max; i++)
        out[count++] = h->router[i];
    return count;
}

static int look_up(struct env *env, struct lookup *l, const char *host, uint16_t port)
{
    return fake_names_lookup(&sim_host_of(env)->world->names, env, l, host, port);
}

static int load(struct env *env, const char *name, uint8_t **data, size_t *len)
{
    return fake_file_load(sim_host_of(env)->file, name, data, len);
}

static int save(struct env *env, const char *name, const uint8_t *data, size_t len)
{
    struct sim_host *h = sim_host_of(env);
    if (h->save_error < 0)
        return h->save_error;
    fake_file_put(h->file, name, data, len);
    return 0;
}

int sim_take_socket(struct sim_host *h)
{
    if (h->fd_limit > 0 && h->sockets >= h->fd_limit)
        return -EMFILE;
    h->sockets++;
    return 0;
}

uint16_t sim_next_port(struct sim_host *h)
{
    uint16_t port = h->next_port++;
    if (h->next_port == 0)
        h->next_port = FIRST_PORT;
    return port;
}

void sim_host_init(struct sim_host *h, struct sim_world *w, const char *name)
{
    static struct env_ops ops; /* the same for all, filled in anew each time */
    ops = (struct env_ops){
        .now = now_of,
        .wall_us = wall_of,
        .random = draw,
        .timer_set = set_timer,
        .timer_stop = stop_timer,
        .defer = defer,
        .undefer = undefer,
        .lookup = look_up,
        .lookup_cancel = fake_names_cancel,
        .interfaces = interfaces,
        .routers = routers,
        .load = load,
        .save = save,
    };
    sim_udp_ops(&ops);
    sim_icmp_ops(&ops);
    sim_sock_ops(&ops);
    sim_listen_ops(&ops);
    sim_mail_ops(&ops);

    *h = (struct sim_host){
        .env.ops = &ops,
        .world = w,
        .chance = random_next(&w->chance),
        .uid = 1000,
        .next_port = FIRST_PORT,
        .lo.mtu = 65536,
        .alarm.fire = on_alarm,
    };
    strncpy(h->name, name, sizeof(h->name) - 1);
    list_init(&h->udp);
    list_init(&h->listeners);
    list_init(&h->socks);
    list_init(&h->tcp);
    list_append(&w->hosts, &h->link);
    (void)sim_host_join(h, UINT_MAX, "127.0.0.1/8");
    (void)sim_host_join(h, UINT_MAX, "::1/128");
}

void sim_host_deinit(struct sim_host *h)
{
    assert_true(list_is_empty(&h->udp));
    assert_null(h->icmp);
    assert_true(list_is_empty(&h->listeners));
    assert_true(list_is_empty(&h->socks));
    assert_int_equal(h->sockets, 0);
    assert_int_equal(h->timers.count, 0);
    heap_deinit(&h->timers);
    sim_tcp_forget(h);
    sim_wire_forget(h);
    fake_files_free(h->file);
    list_remove(&h->link);
}

/* 192.0.2.7/24 -> 192.0.2.255 */
static struct addr broadcast_of(const struct addr *a, unsigned bits)
{
    uint8_t ip[4];
    size_t len;
    memcpy(ip, addr_ip(a, &len), 4);
    for (unsigned bit = bits; bit < 32; bit++)
        ip[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return addr_v4(ip, 0);
}

static void set_address(struct sim_interface *i, const char *address)
{
    struct addr_prefix p;
    assert_int_equal(addr_prefix_parse(&p, address), 0);
    i->is.addr = p.addr;
    i->is.prefix_bits = p.bits;
    if (addr_is_link_local(&p.addr) && addr_is_v6(&p.addr))
        i->is.addr.v6.sin6_scope_id = i->is.index;
    if (!addr_is_v6(&p.addr) && !i->is.loopback)
        i->is.broadcast = broadcast_of(&p.addr, p.bits);
}

static void put_on(struct sim_interface *i, unsigned network, const char *address)
{
    *i = (struct sim_interface){.network = network};
    i->is.loopback = network == UINT_MAX;
    i->is.multicast = !i->is.loopback && network != INTERNET;
    /* All addresses on one network are of one interface. */
    i->is.index = i->is.loopback ? 1 : 2 + network;
    (void)snprintf(i->is.name, sizeof(i->is.name), i->is.loopback ? "lo" : "eth%u", network);
    set_address(i, address);
}

struct sim_interface *sim_host_join(struct sim_host *h, unsigned network, const char *address)
{
    assert_true(h->interface_count < SIM_INTERFACES_MAX);
    struct sim_interface *i = &h->interface[h->interface_count++];
    put_on(i, network, address);
    return i;
}

void sim_host_roam(struct sim_host *h, struct sim_interface *i, unsigned network,
                   const char *address)
{
    (void)h;
    put_on(i, network, address);
}

void sim_host_move(struct sim_host *h, struct sim_interface *i, const char *address)
{
    (void)h;
    set_address(i, address);
}

void sim_host_links(struct sim_host *h, const struct sim_link *both)
{
    h->up = h->down = *both;
}

const struct sim_interface *sim_interface_of(const struct sim_host *h, const struct addr *a)
{
    for (unsigned i = 0; i < h->interface_count; i++) {
        const struct addr *mine = &h->interface[i].is.addr;
        size_t len, mine_len;
        const uint8_t *ip = addr_ip(a, &len), *mine_ip = addr_ip(mine, &mine_len);
        /* Scopes are each host's own. All of 127/8 is ours. */
        if (len == mine_len && len > 0 && memcmp(ip, mine_ip, len) == 0)
            return &h->interface[i];
        if (len == mine_len && h->interface[i].is.loopback && addr_is_loopback(a))
            return &h->interface[i];
    }
    return NULL;
}
