#include "dns/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/precheck.h"

#define PREFIX       2           /* bytes of length before each message */
#define BACKLOG_MAX  (16 * 1024) /* unread answers, above which no more questions are read */
#define EXPECTED_MAX 4           /* answers that may be outstanding, each up to 64 KiB */
#define TURN_MAX     64          /* queries, then others have their turn */

struct tcp_client {
    struct list link;
    struct tcp_server *server;
    struct sock *sock;
    struct deferred turn;
    instant active; /* its last whole query, or progress with its answers */
    bool readable;
    bool writable;
    bool ended;        /* it will ask no more */
    unsigned expected; /* answers to come */
    size_t skip;       /* bytes of an oversized query that are still to be thrown away */
    size_t in_len;
    uint8_t in[PREFIX + DNS_QUERY_MAX];
    uint8_t *out; /* heap, or NULL */
    size_t out_at, out_len, out_room;
};

/* ---- life of a client ---- */

static void set_idle_timer(struct tcp_server *s)
{
    struct list *oldest = list_first(&s->clients);
    timer_set(s->env, &s->idle,
              oldest ? list_entry(oldest, struct tcp_client, link)->active + TCP_IDLE
                     : INSTANT_NEVER);
}

static void drop(struct tcp_client *c)
{
    struct tcp_server *s = c->server;
    s->handler->on_gone(s->arg, c);
    env_undefer(s->env, &c->turn);
    list_remove(&c->link);
    s->count--;
    sock_close(s->env, c->sock);
    free(c->out);
    free(c);
}

static void note_activity(struct tcp_client *c)
{
    c->active = env_now(c->server->env);
    list_remove(&c->link);
    list_append(&c->server->clients, &c->link);
}

static void on_idle(struct timer *timer)
{
    struct tcp_server *s = container_of(timer, struct tcp_server, idle);
    instant now = env_now(s->env);
    struct list *oldest;
    while ((oldest = list_first(&s->clients)) != NULL) {
        struct tcp_client *c = list_entry(oldest, struct tcp_client, link);
        if (c->active + TCP_IDLE > now)
            break;
        if (c->expected > 0)
            note_activity(c); /* it waits for us, and not for ever */
        else
            drop(c);
    }
    set_idle_timer(s);
}

/* ---- answers ---- */

static size_t backlog(const struct tcp_client *c)
{
    return c->out_len - c->out_at;
}

/* Makes room for `len` bytes more. */
static int grow(struct tcp_client *c, size_t len)
{
    if (c->out_at > 0) {
        memmove(c->out, c->out + c->out_at, backlog(c));
        c->out_len -= c->out_at;
        c->out_at = 0;
    }
    if (c->out_len + len <= c->out_room)
        return 0;
    uint8_t *larger = realloc(c->out, c->out_len + len);
    if (!larger)
        return -ENOMEM;
    c->out = larger;
    c->out_room = c->out_len + len;
    return 0;
}

void tcp_answer(struct tcp_client *c, const uint8_t *answer, size_t len)
{
    /* Without memory the answer is lost; a client asks again. */
    if (len > TCP_ANSWER_MAX || grow(c, PREFIX + len) < 0)
        return;
    c->out[c->out_len++] = (uint8_t)(len >> 8);
    c->out[c->out_len++] = (uint8_t)len;
    memcpy(c->out + c->out_len, answer, len);
    c->out_len += len;
}

bool tcp_expect(struct tcp_client *c)
{
    if (c->expected >= EXPECTED_MAX)
        return false;
    c->expected++;
    return true;
}

void tcp_answer_late(struct tcp_client *c, const uint8_t *answer, size_t len)
{
    c->expected--;
    tcp_answer(c, answer, len);
    env_defer(c->server->env, &c->turn);
}

/* Returns a negative errno when the connection is broken. */
static int flush(struct tcp_client *c)
{
    while (c->writable && backlog(c) > 0) {
        struct iovec area = {c->out + c->out_at, backlog(c)};
        ssize_t put = sock_writev(c->server->env, c->sock, &area, 1);
        c->writable = put >= 0 && (size_t)put == area.iov_len;
        if (put == -EAGAIN)
            break;
        if (put < 0)
            return (int)put;
        c->out_at += (size_t)put;
        note_activity(c);
    }
    if (backlog(c) == 0) {
        free(c->out);
        c->out = NULL;
        c->out_at = c->out_len = c->out_room = 0;
    }
    return 0;
}

/* ---- questions ---- */

static void forget_front(struct tcp_client *c, size_t len)
{
    c->in_len -= len;
    memmove(c->in, c->in + len, c->in_len);
}

/* Throws away what is left of an oversized query. */
static void skip(struct tcp_client *c)
{
    size_t len = c->skip < c->in_len ? c->skip : c->in_len;
    c->skip -= len;
    forget_front(c, len);
}

/* Takes one query out of the buffer. False: none is whole. */
static bool take_query(struct tcp_client *c)
{
    struct tcp_server *s = c->server;
    skip(c);
    if (c->in_len < PREFIX)
        return false;
    size_t len = (size_t)c->in[0] << 8 | c->in[1];
    size_t needed = len <= DNS_QUERY_MAX ? len : DNS_HEADER_LEN;
    if (c->in_len < PREFIX + needed)
        return false;
    if (len >= DNS_HEADER_LEN) /* what can be no query keeps no connection open */
        note_activity(c);
    s->handler->on_query(s->arg, c, c->in + PREFIX, needed);
    forget_front(c, PREFIX + needed);
    c->skip = len - needed;
    return true;
}

/* Returns a negative errno when the connection is broken. */
static int fill(struct tcp_client *c)
{
    struct iovec area = {c->in + c->in_len, sizeof(c->in) - c->in_len};
    ssize_t got = sock_readv(c->server->env, c->sock, &area, 1);
    c->readable = got > 0 && (size_t)got == area.iov_len;
    if (got == -EAGAIN)
        return 0;
    if (got < 0)
        return (int)got;
    if (got == 0)
        c->ended = true;
    c->in_len += (size_t)got;
    return 0;
}

/* What stopped the reading of queries. */
enum pause {
    PAUSE_DRY,   /* no whole query is here; the socket will tell */
    PAUSE_FULL,  /* too much is unread or to come */
    PAUSE_OTHERS /* there may be more, but others have their turn */
};

static bool is_full(const struct tcp_client *c)
{
    return backlog(c) >= BACKLOG_MAX || c->expected >= EXPECTED_MAX;
}

static enum pause take_queries(struct tcp_client *c, int *err)
{
    for (unsigned count = 0; count < TURN_MAX;) {
        if (is_full(c))
            return PAUSE_FULL;
        if (take_query(c)) {
            count++;
            continue;
        }
        if (!c->readable || c->ended)
            return PAUSE_DRY;
        *err = fill(c);
        if (*err < 0)
            return PAUSE_DRY;
    }
    return PAUSE_OTHERS;
}

static void take_turn(struct tcp_client *c)
{
    struct tcp_server *s = c->server;
    int err = 0;
    enum pause pause = take_queries(c, &err);
    if (err == 0)
        err = flush(c);
    bool done = c->ended && pause == PAUSE_DRY && backlog(c) == 0 && c->expected == 0;
    if (err < 0 || done)
        drop(c);
    else if (pause == PAUSE_OTHERS || (pause == PAUSE_FULL && !is_full(c)))
        env_defer(s->env, &c->turn);
    set_idle_timer(s);
}

static void on_turn(struct deferred *deferred)
{
    take_turn(container_of(deferred, struct tcp_client, turn));
}

static void on_ready(void *arg)
{
    struct tcp_client *c = arg;
    c->readable = c->writable = true;
    take_turn(c);
}

/* ---- the server ---- */

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    static const struct sock_handler events = {NULL, on_ready};
    struct tcp_server *s = arg;
    struct tcp_client *c = addr_is_loopback(from) ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        sock_reset(s->env, sock);
        return;
    }
    if (s->count == TCP_CLIENTS_MAX)
        drop(list_entry(list_first(&s->clients), struct tcp_client, link));
    c->server = s;
    c->sock = sock;
    c->turn.run = on_turn;
    c->writable = true;
    s->count++;
    note_activity(c);
    sock_attach(s->env, sock, &events, c);
    set_idle_timer(s);
}

void tcp_server_init(struct tcp_server *s, struct env *env, const struct tcp_handler *handler,
                     void *arg)
{
    *s = (struct tcp_server){.env = env, .handler = handler, .arg = arg, .idle.fire = on_idle};
    list_init(&s->clients);
}

int tcp_server_listen(struct tcp_server *s, const struct addr *local)
{
    static const struct listen_handler handler = {on_accept};
    if (s->listeners == TCP_LISTEN_MAX)
        return -ENOSPC;
    int err = sock_listen(s->env, &s->listener[s->listeners], local, &handler, s);
    if (err == 0)
        s->listeners++;
    return err;
}

void tcp_server_deinit(struct tcp_server *s)
{
    while (s->listeners > 0)
        listener_close(s->env, s->listener[--s->listeners]);
    while (!list_is_empty(&s->clients))
        drop(list_entry(list_first(&s->clients), struct tcp_client, link));
    timer_stop(s->env, &s->idle);
}
