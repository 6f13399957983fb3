#include "adapters/browser_socks5.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/browser_https.h"
#include "adapters/proxy_route.h"
#include "gateway/base/log.h"
#include "gateway/wire/http_host.h"
#include "gateway/wire/socks5.h"

#define HANDSHAKE_WAIT SEC(10)
#define ANSWER_WAIT    SEC(30) /* the other gateway dials its service for 10 s at most */

/* Greeting and request, and what an impatient client sends behind them. */
enum { INPUT_MAX = SOCKS5_GREETING_MAX + SOCKS5_REQUEST_MAX + 4096 };

enum socks_state { SOCKS_GREETING, SOCKS_REQUEST, SOCKS_ROUTING, SOCKS_ANSWER };

struct socks {
    struct proxy_conn base;
    enum socks_state state;
    struct timer timer; /* until the request is there; then for the far side's answer */
    struct route route;
    struct pipe *pipe;
    size_t len;
    uint8_t in[INPUT_MAX];
};

static void leave(struct socks *s)
{
    timer_stop(s->base.proxy->env, &s->timer);
    route_cancel(&s->route);
    if (s->pipe)
        s->pipe->ops->reset(s->pipe, PIPE_RESET_ABORTED);
    proxy_remove(&s->base);
    free(s);
}

static void abort_conn(struct proxy_conn *c)
{
    sock_reset(c->proxy->env, c->sock);
    leave(container_of(c, struct socks, base));
}

/* A few bytes into an empty socket buffer fit, or the connection is broken. */
static bool write_all(struct socks *s, uint8_t *data, size_t len)
{
    struct iovec area = {data, len};
    return sock_writev(s->base.proxy->env, s->base.sock, &area, 1) == (ssize_t)len;
}

/* Says no, and ends. */
static void refuse(struct socks *s, enum socks5_reply reply)
{
    uint8_t out[SOCKS5_REPLY_LEN];
    struct proxy *p = s->base.proxy;
    struct sock *sock = s->base.sock;
    socks5_write_reply(reply, out);
    leave(s);
    farewells_say(&p->farewells, sock, out, sizeof(out));
}

static enum socks5_reply reply_of(enum route_result result)
{
    switch (result) {
    case ROUTE_READY:
    case ROUTE_WAITING:
        return SOCKS5_OK;
    case ROUTE_OUTSIDE:
    case ROUTE_DENIED:
        return SOCKS5_NOT_ALLOWED;
    case ROUTE_UNKNOWN:
    case ROUTE_NO_DEFAULT:
    case ROUTE_UNREACHABLE:
        return SOCKS5_HOST_UNREACHABLE;
    case ROUTE_WRONG_PROTO:
        return SOCKS5_REFUSED;
    case ROUTE_BUSY:
        break;
    }
    return SOCKS5_FAILED;
}

static enum socks5_reply reply_of_answer(enum preamble_status status)
{
    switch (status) {
    case PREAMBLE_OK:
        return SOCKS5_OK;
    case PREAMBLE_DENIED:
        return SOCKS5_NOT_ALLOWED;
    case PREAMBLE_NO_SERVICE:
    case PREAMBLE_REFUSED:
    case PREAMBLE_WRONG_PROTO:
        return SOCKS5_REFUSED;
    case PREAMBLE_TIMED_OUT:
        return SOCKS5_HOST_UNREACHABLE;
    case PREAMBLE_BUSY:
    case PREAMBLE_MALFORMED:
        break;
    }
    return SOCKS5_FAILED;
}

/* ---- the stream ---- */

static void begin_tunnel(struct socks *s)
{
    uint8_t out[SOCKS5_REPLY_LEN];
    socks5_write_reply(SOCKS5_OK, out);
    if (!write_all(s, out, sizeof(out))) {
        abort_conn(&s->base);
        return;
    }
    struct proxy *p = s->base.proxy;
    struct tunnel_options options = {
        .sock = s->base.sock,
        .pipe = s->pipe,
        .peer = s->route.peer,
        .raw = s->route.raw,
        .first = s->in,
        .first_len = s->len,
    };
    s->pipe = NULL;
    proxy_tunnel(p, &options);
    leave(s);
}

static void on_pipe(void *arg)
{
    struct socks *s = arg;
    struct preamble_answer answer;
    int err = node_take_answer(s->pipe, &answer);
    if (err == -EAGAIN && !s->pipe->ops->at_end(s->pipe))
        return;
    if (err < 0)
        refuse(s, SOCKS5_FAILED);
    else if (answer.status != PREAMBLE_OK)
        refuse(s, reply_of_answer(answer.status));
    else
        begin_tunnel(s);
}

static void on_pipe_writable(void *arg)
{
    (void)arg;
}

static void on_pipe_reset(void *arg, enum pipe_reset why)
{
    (void)why;
    refuse(arg, SOCKS5_FAILED);
}

static const struct pipe_handler pipe_events = {on_pipe, on_pipe_writable, on_pipe_reset};

/* The client speaks TLS with us. */
static void begin_secure(struct socks *s)
{
    uint8_t out[SOCKS5_REPLY_LEN];
    socks5_write_reply(SOCKS5_OK, out);
    if (!write_all(s, out, sizeof(out))) {
        abort_conn(&s->base);
        return;
    }
    https_start_proxied(s->base.proxy->https, s->base.sock, s->in, s->len);
    leave(s);
}

static void on_route(struct route *r, enum route_result result)
{
    struct socks *s = container_of(r, struct socks, route);
    if (https_takes(s->base.proxy->https, r, result)) {
        begin_secure(s);
        return;
    }
    if (result == ROUTE_READY)
        result = route_open(r, &s->pipe);
    if (result != ROUTE_READY) {
        char host[LOG_TEXT_MAX];
        log_info(LOG_PROXY, "SOCKS to %s: %s", log_text(host, r->host, strlen(r->host)), r->why);
        refuse(s, reply_of(result));
        return;
    }
    s->state = SOCKS_ANSWER;
    timer_set(s->base.proxy->env, &s->timer, env_now(s->base.proxy->env) + ANSWER_WAIT);
    pipe_attach(s->pipe, &pipe_events, s);
}

/* ---- the client's words ---- */

static void drop_input(struct socks *s, size_t len)
{
    memmove(s->in, s->in + len, s->len - len);
    s->len -= len;
}

/* The steps return false when `s` is gone, or waits for something else than the client. */
static bool take_greeting(struct socks *s)
{
    bool no_auth;
    uint8_t out[SOCKS5_METHOD_LEN];
    int len = socks5_read_greeting(&no_auth, s->in, s->len);
    if (len == -EAGAIN)
        return false;
    socks5_write_method(len > 0 && no_auth, out);
    if (len < 0) {
        abort_conn(&s->base);
        return false;
    }
    if (!no_auth) {
        struct proxy *p = s->base.proxy;
        struct sock *sock = s->base.sock;
        leave(s);
        farewells_say(&p->farewells, sock, out, sizeof(out));
        return false;
    }
    if (!write_all(s, out, sizeof(out))) {
        abort_conn(&s->base);
        return false;
    }
    drop_input(s, (size_t)len);
    s->state = SOCKS_REQUEST;
    return true;
}

static void take_request(struct socks *s)
{
    struct socks5_request request;
    struct http_host host;
    int len = socks5_read_request(&request, s->in, s->len);
    if (len == -EAGAIN)
        return;
    if (len < 0) {
        refuse(s, SOCKS5_FAILED);
        return;
    }
    drop_input(s, (size_t)len);
    timer_stop(s->base.proxy->env, &s->timer);
    s->state = SOCKS_ROUTING;
    if (request.command != SOCKS5_CONNECT) {
        refuse(s, SOCKS5_NO_COMMAND);
    } else if (!request.known_address) {
        refuse(s, SOCKS5_NO_ADDRESS_TYPE);
    } else if (request.port == 0 || !addr_is_none(&request.ip) || strchr(request.name, ':') ||
               http_host_read(&host, (struct http_text){request.name, strlen(request.name)}) < 0) {
        refuse(s, SOCKS5_NOT_ALLOWED);
    } else {
        enum route_result result =
            route_begin(&s->route, s->base.proxy, host.name, request.port, on_route);
        if (result != ROUTE_WAITING)
            on_route(&s->route, result);
    }
}

static void advance(struct socks *s)
{
    if (s->state == SOCKS_GREETING && !take_greeting(s))
        return;
    if (s->state == SOCKS_REQUEST)
        take_request(s);
}

static void on_ready(void *arg)
{
    struct socks *s = arg;
    if (s->state > SOCKS_REQUEST) {
        /* The pump will read on; it is told again what is ready. */
        if (sock_error(s->base.proxy->env, s->base.sock) < 0)
            abort_conn(&s->base);
        return;
    }
    struct iovec area = {s->in + s->len, sizeof(s->in) - s->len};
    ssize_t got = sock_readv(s->base.proxy->env, s->base.sock, &area, 1);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        abort_conn(&s->base);
        return;
    }
    s->len += (size_t)got;
    advance(s);
}

static void on_timer(struct timer *timer)
{
    struct socks *s = container_of(timer, struct socks, timer);
    if (s->state == SOCKS_ANSWER)
        refuse(s, SOCKS5_HOST_UNREACHABLE);
    else
        abort_conn(&s->base);
}

static const struct sock_handler events = {NULL, on_ready};

void browser_socks5_start(struct proxy *p, struct sock *sock, const uint8_t *data, size_t len)
{
    struct socks *s = calloc(1, sizeof(*s));
    if (!s || len > sizeof(s->in)) {
        sock_reset(p->env, sock);
        free(s);
        return;
    }
    s->base = (struct proxy_conn){.sock = sock, .abort = abort_conn};
    s->timer.fire = on_timer;
    memcpy(s->in, data, len);
    s->len = len;
    proxy_add(p, &s->base);
    timer_set(p->env, &s->timer, env_now(p->env) + HANDSHAKE_WAIT);
    sock_attach(p->env, sock, &events, s);
    advance(s);
}
