/* The UDP sockets of struct fake_env. */
#include "tests/support/fake_env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct udp_socket {
    struct list link;
    struct fake_env *f;
    struct addr local;
    unsigned flags;
    const struct udp_handler *handler;
    void *arg;
};

static int udp_open_op(struct env *env, struct udp_socket **out, const struct addr *local,
                       unsigned flags, const struct udp_handler *handler, void *arg)
{
    struct fake_env *f = fake_env_of(env);
    if (f->udp_open_error < 0)
        return f->udp_open_error;
    struct udp_socket *taken = fake_udp_on(f, addr_port(local));
    if (addr_port(local) != 0 && taken && !(flags & UDP_SHARED) &&
        addr_is_v6(local) == addr_is_v6(&taken->local))
        return -EADDRINUSE;
    struct udp_socket *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    *s = (struct udp_socket){
        .f = f, .local = fake_bound(f, local), .flags = flags, .handler = handler, .arg = arg};
    list_append(&f->udp_sockets, &s->link);
    *out = s;
    return 0;
}

static int udp_send_op(struct udp_socket *s, const struct udp_tx *tx)
{
    struct fake_env *f = s->f;
    if (f->udp_send_error < 0)
        return f->udp_send_error;
    size_t segment = tx->segment > 0 ? tx->segment : tx->len;
    for (size_t at = 0; at < tx->len || at == 0; at += segment) {
        size_t len = tx->len - at < segment ? tx->len - at : segment;
        if (f->sent_count == FAKE_SENT_MAX)
            return 0;
        assert_true(len <= FAKE_DATAGRAM_MAX);
        struct fake_sent *sent = &f->sent[f->sent_count++];
        *sent = (struct fake_sent){
            .socket = s, .to = *tx->to, .ifindex = tx->ifindex, .ttl = tx->ttl, .len = len};
        if (tx->from)
            sent->from = *tx->from;
        memcpy(sent->data, tx->data + at, len);
        if (segment == 0)
            break;
    }
    return 0;
}

static int udp_join_op(struct udp_socket *s, const struct addr *group, unsigned ifindex)
{
    (void)s;
    (void)group;
    (void)ifindex;
    return 0;
}

static struct addr udp_local_op(const struct udp_socket *s)
{
    return s->local;
}

static void udp_close_op(struct udp_socket *s)
{
    list_remove(&s->link);
    free(s);
}

static void udp_detach_op(struct udp_socket *s)
{
    s->handler = NULL;
}

void fake_udp_arrives_at(struct fake_env *f, struct udp_socket *s, const struct addr *from,
                         const struct addr *to, unsigned ifindex, const void *data, size_t len)
{
    /* Of the exact size, so that a sanitizer sees a read past the end. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    struct udp_rx rx = {
        .data = copy, .len = len, .segment = len > 0 ? len : 1, .from = *from, .now = f->now};
    if (s->flags & UDP_PKTINFO) {
        rx.to = to ? *to : s->local;
        rx.ifindex = ifindex;
    }
    if (s->handler)
        s->handler->on_datagrams(s->arg, &rx);
    free(copy);
    fake_env_settle(f);
}

void fake_udp_arrives(struct fake_env *f, struct udp_socket *s, const struct addr *from,
                      const void *data, size_t len)
{
    fake_udp_arrives_at(f, s, from, NULL, 2, data, len);
}

struct udp_socket *fake_udp_on(struct fake_env *f, uint16_t port)
{
    list_each(node, &f->udp_sockets)
    {
        struct udp_socket *s = list_entry(node, struct udp_socket, link);
        if (addr_port(&s->local) == port)
            return s;
    }
    return NULL;
}

void fake_udp_writable(struct fake_env *f, struct udp_socket *s)
{
    if (s->handler->on_writable)
        s->handler->on_writable(s->arg);
    fake_env_settle(f);
}

void fake_env_forget_sent(struct fake_env *f)
{
    f->sent_count = 0;
}

void fake_udp_ops(struct env_ops *ops)
{
    ops->udp_open = udp_open_op;
    ops->udp_send = udp_send_op;
    ops->udp_join = udp_join_op;
    ops->udp_local = udp_local_op;
    ops->udp_close = udp_close_op;
    ops->udp_detach = udp_detach_op;
}
