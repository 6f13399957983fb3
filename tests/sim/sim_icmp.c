/* ICMP in a simulated world: raw sockets of hosts, Echo Requests that make mappings, and Time
 * Exceeded messages about them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/icmp.h"
#include "tests/natlab/nat.h"
#include "tests/sim/sim_wire.h"

#define TTL 64

struct icmp_socket {
    struct sim_host *host;
    const struct icmp_handler *handler;
    void *arg;
};

/* ---- routers ---- */

/* Puts another source into the quoted packet. */
static void quote_anew(struct sim_packet *p, const struct icmp_exceeded *about,
                       const struct addr *from)
{
    uint8_t out[ICMP_MESSAGE_MAX];
    struct icmp_exceeded now = *about;

    now.from = *from;
    now.echo.id = addr_port(from);
    assert_int_equal(icmp_exceeded_write(out, &now), p->len);
    memcpy(p->data, out, p->len);
}

enum nat_verdict sim_icmp_cross(struct sim_packet *p, struct nat *n, bool from_outside)
{
    struct icmp_exceeded about;

    if (icmp_exceeded_read(&about, p->data, p->len) < 0)
        return NAT_DROP;
    if (!from_outside)
        return NAT_PASS;
    struct nat_packet seen = {.proto = NAT_PING, .from = about.from, .to = about.to};
    addr_set_port(&seen.from, about.echo.id);
    enum nat_verdict v = nat_error_in(n, p->world->now, &seen);
    if (v != NAT_PASS)
        return v;
    quote_anew(p, &about, &seen.from);
    p->to = seen.from;
    addr_set_port(&p->to, 0);
    return NAT_PASS;
}

/* ---- hosts ---- */

static int open_op(struct env *env, struct icmp_socket **out, const struct icmp_handler *handler,
                   void *arg)
{
    struct sim_host *h = sim_host_of(env);
    if (h->raw_error != 0 || h->icmp)
        return h->icmp ? -EBUSY : h->raw_error;
    int err = sim_take_socket(h);
    if (err < 0)
        return err;
    h->icmp = calloc(1, sizeof(*h->icmp));
    assert_non_null(h->icmp);
    *h->icmp = (struct icmp_socket){h, handler, arg};
    *out = h->icmp;
    return 0;
}

static void close_op(struct icmp_socket *s)
{
    s->host->sockets--;
    s->host->icmp = NULL;
    free(s);
}

static void deliver(struct sim_packet *p)
{
    const struct icmp_socket *s = p->host->icmp;
    if (s && p->icmp_error)
        s->handler->on_exceeded(s->arg, sim_host_now(p->host), &p->from, p->data, p->len);
    free(p);
}

static void send_op(struct icmp_socket *s, const struct addr *to, const uint8_t *data, size_t len)
{
    const struct udp_tx tx = {.to = to};
    const struct sim_interface *out = sim_udp_route(s->host, &tx);
    struct sim_packet *p = calloc(1, sizeof(*p) + len);

    assert_non_null(p);
    assert_true(len >= ICMP_ECHO_LEN && icmp_sum(data, len) == 0);
    p->host = s->host;
    p->world = s->host->world;
    p->arrived = deliver;
    p->proto = NAT_PING;
    p->icmp_error = data[0] == ICMP_TIME_EXCEEDED;
    p->ttl = TTL;
    p->to = *to;
    addr_set_port(&p->to, 0);
    p->len = len;
    memcpy(p->data, data, len);
    if (!out) {
        sim_wire_lose(p);
        return;
    }
    p->network = out->network;
    p->from = out->is.addr;
    if (!p->icmp_error)
        addr_set_port(&p->from, (uint16_t)(data[4] << 8 | data[5]));
    sim_wire_send(p);
}

void sim_icmp_ops(struct env_ops *ops)
{
    ops->icmp_open = open_op;
    ops->icmp_send = send_op;
    ops->icmp_close = close_op;
}
