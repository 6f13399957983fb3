#include "dns/names_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/nss/wire.h"
#include "dns/records.h"
#include "gateway/base/list.h"
#include "gateway/node/names.h"

/* Before others have their turn. */
enum { READS_MAX = 4 };

struct names_server {
    struct env *env;
    char suffix[NAMES_SUFFIX_MAX + 1];
    const struct answer_source *source;
    void *arg;
    struct sock_listener *listener;
    struct list clients; /* who was silent longest comes first */
    size_t count;
    struct timer idle;
};

struct client {
    struct list link;
    struct names_server *server;
    struct sock *sock;
    instant heard;
    uint8_t in[NSS_QUESTION_MAX];
    size_t len;
};

/* ---- answers ---- */

/* Is it in the zone that the DNS server answers for? Lower case and no final dot afterwards. */
static bool is_inside(const struct names_server *s, char *name)
{
    size_t len = strlen(name), tail = strlen(s->suffix);

    if (len > 0 && name[len - 1] == '.')
        name[--len] = '\0';
    for (size_t i = 0; i < len; i++)
        name[i] = (char)dns_lower((uint8_t)name[i]);
    return len > tail + 1 && name[len - tail - 1] == '.' &&
           strcmp(name + len - tail, s->suffix) == 0;
}

static void add_address(struct nss_answer *a, const uint8_t *ip, uint8_t len)
{
    struct nss_address *at = &a->address[a->count++];

    at->len = len;
    memcpy(at->ip, ip, len);
}

static void answer_name(struct names_server *s, struct nss_question *q, struct nss_answer *a)
{
    struct answer_host host = {0};

    if (!is_inside(s, q->name) || s->source->find_host(s->arg, q->name, &host) < 0)
        return;
    a->found = true;
    if (host.has_v4)
        add_address(a, host.v4, sizeof(host.v4));
    if (host.has_v6)
        add_address(a, host.v6, sizeof(host.v6));
}

static void answer_address(struct names_server *s, const struct nss_question *q,
                           struct nss_answer *a)
{
    const struct addr at = addr_v4(q->ip, 0);
    struct addr_prefix range;

    a->found = s->source->named_range(s->arg, &range) && addr_prefix_contains(&range, &at) &&
               s->source->find_name(s->arg, q->ip, a->name) == 0;
    if (!a->found)
        a->name[0] = '\0';
}

/* ---- clients ---- */

static void drop(struct client *c)
{
    sock_close(c->server->env, c->sock);
    list_remove(&c->link);
    c->server->count--;
    free(c);
}

static void watch_idle(struct names_server *s)
{
    struct list *first = list_first(&s->clients);

    if (first)
        timer_set(s->env, &s->idle, list_entry(first, struct client, link)->heard + NAMES_IDLE);
    else
        timer_stop(s->env, &s->idle);
}

static void on_idle(struct timer *timer)
{
    struct names_server *s = container_of(timer, struct names_server, idle);
    instant now = env_now(s->env);

    for (struct list *at = list_first(&s->clients); at; at = list_first(&s->clients)) {
        struct client *c = list_entry(at, struct client, link);
        if (c->heard + NAMES_IDLE > now)
            break;
        drop(c);
    }
    watch_idle(s);
}

/* Returns 0, or an error: the client asks, but does not listen. */
static int answer(struct client *c, struct nss_question *q)
{
    struct nss_answer a = {.ttl = RECORD_TTL};
    uint8_t out[NSS_ANSWER_MAX];

    if (q->by_address)
        answer_address(c->server, q, &a);
    else
        answer_name(c->server, q, &a);
    struct iovec area = {out, nss_answer_write(&a, out)};
    ssize_t put = sock_writev(c->server->env, c->sock, &area, 1);
    return put == (ssize_t)area.iov_len ? 0 : -EPIPE;
}

/* Answers all questions that have come. Returns 0, or an error: that is no question. */
static int answer_all(struct client *c)
{
    struct names_server *s = c->server;
    struct nss_question q;

    while (c->len > 0) {
        int size = nss_question_read(&q, c->in, c->len);
        if (size <= 0)
            return size;
        c->len -= (size_t)size;
        memmove(c->in, c->in + size, c->len);
        c->heard = env_now(s->env);
        list_remove(&c->link);
        list_append(&s->clients, &c->link);
        if (answer(c, &q) < 0)
            return -EPIPE;
    }
    return 0;
}

/* What a read has come to. */
enum turn { TURN_DRY, TURN_MORE, TURN_OVER };

static enum turn read_some(struct client *c)
{
    struct iovec area = {c->in + c->len, sizeof(c->in) - c->len};
    ssize_t got = sock_readv(c->server->env, c->sock, &area, 1);

    if (got == -EAGAIN)
        return TURN_DRY;
    if (got <= 0)
        return TURN_OVER;
    c->len += (size_t)got;
    if (answer_all(c) < 0)
        return TURN_OVER;
    return (size_t)got == area.iov_len ? TURN_MORE : TURN_DRY;
}

static void on_ready(void *arg);

static const struct sock_handler client_events = {NULL, on_ready};

/* Whoever asks faster than we answer does not keep us from everything else. */
static void on_ready(void *arg)
{
    struct client *c = arg;
    struct names_server *s = c->server;
    enum turn turn = TURN_MORE;

    for (unsigned i = 0; i < READS_MAX && turn == TURN_MORE; i++)
        turn = read_some(c);
    if (turn == TURN_MORE)
        sock_attach(s->env, c->sock, &client_events, c); /* tells what is left, later */
    else if (turn == TURN_OVER)
        drop(c);
    watch_idle(s);
}

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct names_server *s = arg;
    struct client *c = calloc(1, sizeof(*c));

    (void)from;
    if (!c) {
        sock_close(s->env, sock);
        return;
    }
    if (s->count >= NAMES_CLIENTS_MAX)
        drop(list_entry(list_first(&s->clients), struct client, link));
    c->server = s;
    c->sock = sock;
    c->heard = env_now(s->env);
    list_append(&s->clients, &c->link);
    s->count++;
    watch_idle(s);
    sock_attach(s->env, sock, &client_events, c);
}

/* ---- life ---- */

int names_server_new(struct names_server **out, struct env *env, const char *path,
                     const char *suffix, const struct answer_source *source, void *arg)
{
    static const struct listen_handler events = {on_accept};
    struct names_server *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->env = env;
    s->source = source;
    s->arg = arg;
    s->idle.fire = on_idle;
    list_init(&s->clients);
    memcpy(s->suffix, suffix, strlen(suffix) + 1);
    int err = sock_listen_everyone(env, &s->listener, path, &events, s);
    if (err < 0) {
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

void names_server_free(struct names_server *s)
{
    if (!s)
        return;
    listener_close(s->env, s->listener);
    for (struct list *at = list_first(&s->clients); at; at = list_first(&s->clients))
        drop(list_entry(at, struct client, link));
    timer_stop(s->env, &s->idle);
    free(s);
}
