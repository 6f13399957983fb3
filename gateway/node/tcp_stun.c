#include "gateway/node/tcp_stun.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/log.h"

#define AGAIN          SEC(5)
#define READS_PER_TURN 16 /* an answer takes one or two */

static void end_call(struct tcp_stun_call *c)
{
    if (c->sock)
        sock_close(c->of->env, c->sock);
    c->sock = NULL;
    c->again = env_now(c->of->env) + AGAIN;
}

/* ---- events of one ---- */

static int request(struct tcp_stun_call *c)
{
    uint8_t out[EXCHANGE_MAX_DATAGRAM];
    size_t len = stun_query_output(&c->query, env_now(c->of->env), out);
    const struct iovec area = {out, len};

    /* So few bytes of a fresh connection are taken as a whole. */
    return sock_writev(c->of->env, c->sock, &area, 1) == (ssize_t)len ? 0 : -EPIPE;
}

static void take(struct tcp_stun_call *c)
{
    char text[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];
    int len = stun_frame_len(c->in, c->len);

    if (c->query.state != STUN_ASKING || len == 0 || (len > 0 && (size_t)len > c->len))
        return;
    if (len < 0 ||
        stun_query_input(&c->query, env_now(c->of->env), &c->query.server, c->in, (size_t)len) < 0)
        end_call(c);
    else if (c->query.state == STUN_ANSWERED)
        log_debug(LOG_NAT, "%s sees us at TCP %s", addr_print(&c->query.server, server),
                  addr_print(&c->query.mapped, text));
}

static void on_connect(void *arg, int err)
{
    struct tcp_stun_call *c = arg;

    if (err < 0 || request(c) < 0)
        end_call(c);
}

/* Bytes behind the answer are not kept. Who says more without end is not listened to: what it has
 * answered counts all the same. */
static void on_ready(void *arg)
{
    struct tcp_stun_call *c = arg;
    ssize_t n = 0;

    for (unsigned reads = 0; c->sock && n >= 0; reads++) {
        if (reads == READS_PER_TURN) {
            end_call(c);
            return;
        }
        if (c->query.state != STUN_ASKING)
            c->len = 0;
        const struct iovec area = {c->in + c->len, sizeof(c->in) - c->len};
        n = area.iov_len > 0 ? sock_readv(c->of->env, c->sock, &area, 1) : 0;
        if (n == 0 || (n < 0 && n != -EAGAIN)) {
            end_call(c);
        } else if (n > 0) {
            c->len += (size_t)n;
            take(c);
        }
    }
}

static const struct sock_handler HANDLER = {on_connect, on_ready};

/* ---- all of them ---- */

void tcp_stun_start(struct tcp_stun *t, struct env *env)
{
    *t = (struct tcp_stun){.env = env};
}

static struct tcp_stun_call *call_of(struct tcp_stun *t, const struct addr *server)
{
    for (size_t i = 0; i < t->calls; i++)
        if (addr_equal(&t->call[i].query.server, server))
            return &t->call[i];
    return t->calls < TCP_STUN_MAX ? &t->call[t->calls++] : NULL;
}

void tcp_stun_ask(struct tcp_stun *t, const struct addr *local, const struct addr *server)
{
    struct tcp_stun_call *c = call_of(t, server);
    uint8_t id[STUN_ID_LEN];
    instant now = env_now(t->env);

    if (!c || c->sock || now < c->again)
        return;
    env_random(t->env, id, sizeof(id));
    *c = (struct tcp_stun_call){.of = t};
    stun_query_init(&c->query, server, &STUN_STREAM, id, now);
    if (sock_connect_from(t->env, &c->sock, local, server, &HANDLER, c) < 0) {
        c->sock = NULL;
        end_call(c);
    }
}

void tcp_stun_stop(struct tcp_stun *t)
{
    for (size_t i = 0; i < t->calls; i++)
        end_call(&t->call[i]);
    memset(t->call, 0, sizeof(t->call));
    t->calls = 0;
}

size_t tcp_stun_votes(const struct tcp_stun *t, bool v6, struct addr *out)
{
    size_t count = 0;

    for (size_t i = 0; i < t->calls; i++) {
        const struct stun_query *q = &t->call[i].query;
        if (q->state == STUN_ANSWERED && addr_is_v6(&q->server) == v6 &&
            addr_is_v6(&q->mapped) == v6)
            out[count++] = q->mapped;
    }
    return count;
}

struct addr tcp_stun_agree(const struct addr *vote, size_t count)
{
    size_t best = 0, most = 0;

    for (size_t i = 0; i < count; i++) {
        size_t votes = 0;
        for (size_t k = 0; k < count; k++)
            votes += addr_equal(&vote[i], &vote[k]);
        if (votes > most) {
            best = i;
            most = votes;
        }
    }
    return count > 0 && (count == 1 || most > 1) ? vote[best] : (struct addr){0};
}
