#include "adapters/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/farewell.h"
#include "adapters/http_bytes.h"
#include "adapters/pages.h"
#include "gateway/base/log.h"
#include "gateway/wire/http_head.h"
#include "gateway/wire/http_host.h"

#define HEAD_WAIT SEC(5)
#define POLICY    "default-src 'none'; frame-ancestors 'none'"

enum { CALLERS_MAX = 16, HEAD_MAX = 8192 };

struct metrics {
    struct metrics_options o;
    struct sock_listener *listener[METRICS_LISTEN_MAX];
    size_t listeners;
    struct list callers;
    size_t count;
    struct farewells farewells;
};

struct caller {
    struct list link;
    struct metrics *metrics;
    struct sock *sock;
    struct timer timer;
    struct http_bytes in;
};

/* Frees it; the socket is the caller's. */
static struct sock *leave(struct caller *c)
{
    struct sock *sock = c->sock;
    timer_stop(c->metrics->o.env, &c->timer);
    list_remove(&c->link);
    c->metrics->count--;
    free(c->in.data);
    free(c);
    return sock;
}

static void drop(struct caller *c)
{
    struct env *env = c->metrics->o.env;
    sock_reset(env, leave(c));
}

static void on_silence(struct timer *timer)
{
    drop(container_of(timer, struct caller, timer));
}

static void refuse(struct caller *c, unsigned status, const char *text)
{
    char out[PAGE_MAX];
    const struct page page = {.status = status, .text = text, .close = true};
    struct farewells *farewells = &c->metrics->farewells;
    size_t len = page_write(&page, out);
    farewells_say(farewells, leave(c), out, len);
}

static void serve(struct caller *c, bool head_only)
{
    struct metrics *m = c->metrics;
    char head[PAGE_HEAD_MAX];
    struct http_bytes out = {NULL, 0, 0};
    char *text = m->o.write(m->o.arg);
    const struct page_head h = {.status = 200,
                                .type = "text/plain; version=0.0.4; charset=utf-8",
                                .policy = POLICY,
                                .len = text ? strlen(text) : 0,
                                .close = true};
    bool ok = text && http_bytes_add(&out, head, page_head_write(&h, head)) &&
              (head_only || http_bytes_add(&out, text, h.len));
    if (ok)
        farewells_say(&m->farewells, leave(c), out.data, out.len);
    else
        refuse(c, 503, "There are no figures now.");
    free(text);
    free(out.data);
}

static bool is_local(const struct http_head *head)
{
    struct http_host host;
    size_t count;
    const struct http_field *f = http_find(head, "host", &count);
    return count == 1 && http_host_read(&host, f->value) == 0 && http_host_is_loopback(&host) &&
           !http_find(head, "origin", NULL);
}

static void answer(struct caller *c, const struct http_head *head)
{
    const char *query = memchr(head->target.at, '?', head->target.len);
    size_t len = query ? (size_t)(query - head->target.at) : head->target.len;
    bool head_only = http_text_is(head->method, "HEAD");
    if (!is_local(head))
        refuse(c, 421, "The figures are for programs that ask this machine by its own address.");
    else if (len != sizeof("/metrics") - 1 || memcmp(head->target.at, "/metrics", len) != 0)
        refuse(c, 404, "The figures are at /metrics.");
    else if (!head_only && !http_text_is(head->method, "GET"))
        refuse(c, 405, "The figures can be read, and nothing else.");
    else
        serve(c, head_only);
}

static void on_ready(void *arg)
{
    struct caller *c = arg;
    struct http_head head;
    char text[160];
    if (!http_bytes_make_room(&c->in, HEAD_MAX)) {
        drop(c);
        return;
    }
    struct iovec area = {c->in.data + c->in.len, HEAD_MAX - c->in.len};
    ssize_t got = sock_readv(c->metrics->o.env, c->sock, &area, 1);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        drop(c);
        return;
    }
    c->in.len += (size_t)got;
    enum http_fault fault = http_read_request(&head, c->in.data, c->in.len, HEAD_MAX);
    if (fault == HTTP_OK) {
        answer(c, &head);
    } else if (fault != HTTP_MORE) {
        snprintf(text, sizeof(text), "The request %s.", http_fault_text(fault));
        refuse(c, http_fault_status(fault), text);
    }
}

static const struct sock_handler events = {NULL, on_ready};

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct metrics *m = arg;
    struct addr local = sock_local(m->o.env, sock);
    bool allowed = local_users_allow_tcp(m->o.users, m->o.env, from, &local);
    struct caller *c = allowed && m->count < CALLERS_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (!allowed)
        log_info(LOG_PROXY, "metrics: a caller who is not the same user was reset ([local] users)");
    if (!c) {
        sock_reset(m->o.env, sock);
        return;
    }
    c->metrics = m;
    c->sock = sock;
    c->timer.fire = on_silence;
    list_append(&m->callers, &c->link);
    m->count++;
    timer_set(m->o.env, &c->timer, env_now(m->o.env) + HEAD_WAIT);
    sock_attach(m->o.env, sock, &events, c);
}

static const struct listen_handler listener_events = {on_accept};

static int listen_all(struct metrics *m, char *why, size_t why_len)
{
    for (size_t i = 0; i < METRICS_LISTEN_MAX && !addr_is_none(&m->o.listen[i]); i++) {
        char text[ADDR_TEXT_MAX];
        int err =
            sock_listen(m->o.env, &m->listener[m->listeners], &m->o.listen[i], &listener_events, m);
        if (err < 0) {
            (void)snprintf(why, why_len, "metrics: %s: %s", addr_print(&m->o.listen[i], text),
                           err == -EADDRINUSE ? "another program holds this port" : strerror(-err));
            return err;
        }
        m->listeners++;
    }
    return 0;
}

int metrics_new(struct metrics **out, const struct metrics_options *options, char *why,
                size_t why_len)
{
    struct metrics *m = calloc(1, sizeof(*m));
    if (!m) {
        (void)snprintf(why, why_len, "metrics: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    m->o = *options;
    list_init(&m->callers);
    farewells_init(&m->farewells, m->o.env);
    int err = listen_all(m, why, why_len);
    if (err < 0)
        metrics_free(m);
    else
        *out = m;
    return err;
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    while (m->listeners > 0)
        listener_close(m->o.env, m->listener[--m->listeners]);
    for (struct list *at = list_first(&m->callers); at; at = list_first(&m->callers))
        drop(list_entry(at, struct caller, link));
    farewells_deinit(&m->farewells);
    free(m);
}
