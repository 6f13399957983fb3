#include "dns/upstream.h"

#include <errno.h>
#include <stdlib.h>

static struct addr any_address(const struct addr *like)
{
    static const uint8_t zero[16];
    return addr_is_v6(like) ? addr_v6(zero, 0, 0) : addr_v4(zero, 0);
}

void upstream_close(struct upstream *u)
{
    if (u->udp)
        udp_close(u->env, u->udp);
    if (u->tcp)
        sock_close(u->env, u->tcp);
    free(u->in);
    u->udp = NULL;
    u->tcp = NULL;
    u->in = NULL;
}

/* ---- UDP ---- */

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct upstream *u = arg;
    if (!addr_equal(&rx->from, &u->server))
        return;
    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t left = rx->len - at;
        if (!u->on_message(u, rx->data + at, left < rx->segment ? left : rx->segment))
            return;
    }
}

int upstream_ask_udp(struct upstream *u)
{
    static const struct udp_handler handler = {on_datagrams, NULL};
    struct addr local = any_address(&u->server);
    upstream_close(u);
    int err = udp_open(u->env, &u->udp, &local, 0, &handler, u);
    if (err < 0) {
        u->udp = NULL;
        return err;
    }
    struct udp_tx tx = {.to = &u->server, .data = u->query, .len = u->len};
    /* A datagram that does not leave is as good as lost: the owner asks again. */
    (void)!udp_send(u->env, u->udp, &tx);
    return 0;
}

/* ---- TCP ---- */

static void send_on(struct upstream *u)
{
    uint8_t prefix[2] = {(uint8_t)(u->len >> 8), (uint8_t)u->len};
    while (u->sent < sizeof(prefix) + u->len) {
        size_t before = u->sent < sizeof(prefix) ? u->sent : sizeof(prefix);
        size_t at = u->sent - before;
        struct iovec area[2] = {{prefix + before, sizeof(prefix) - before},
                                {(uint8_t *)(uintptr_t)u->query + at, u->len - at}};
        ssize_t put = sock_writev(u->env, u->tcp, area, 2);
        if (put <= 0)
            return; /* -EAGAIN, or broken, which the owner's clock will notice */
        u->sent += (size_t)put;
    }
}

/* Where the next bytes go: the prefix, then the message. A length of 0: no memory, or whole. */
static struct iovec wanted(struct upstream *u)
{
    if (u->received < sizeof(u->prefix))
        return (struct iovec){u->prefix + u->received, sizeof(u->prefix) - u->received};
    size_t len = (size_t)u->prefix[0] << 8 | u->prefix[1];
    if (!u->in)
        u->in = malloc(len + 1);
    if (!u->in)
        return (struct iovec){NULL, 0};
    size_t at = u->received - sizeof(u->prefix);
    return (struct iovec){u->in + at, len - at};
}

static void receive(struct upstream *u)
{
    for (;;) {
        struct iovec area = wanted(u);
        ssize_t got = area.iov_len > 0 ? sock_readv(u->env, u->tcp, &area, 1) : 0;
        if (got <= 0)
            break;
        u->received += (size_t)got;
    }
    if (u->in && u->received - sizeof(u->prefix) == ((size_t)u->prefix[0] << 8 | u->prefix[1]))
        (void)u->on_message(u, u->in, u->received - sizeof(u->prefix));
}

static void on_ready(void *arg)
{
    struct upstream *u = arg;
    send_on(u);
    receive(u);
}

static void on_connect(void *arg, int err)
{
    if (err == 0)
        send_on(arg);
}

int upstream_ask_tcp(struct upstream *u)
{
    static const struct sock_handler handler = {on_connect, on_ready};
    upstream_close(u);
    u->sent = u->received = 0;
    int err = sock_connect(u->env, &u->tcp, &u->server, &handler, u);
    if (err < 0)
        u->tcp = NULL;
    return err;
}
