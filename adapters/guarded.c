#include "adapters/guarded.h"

#include <errno.h>
#include <stdio.h>

#include "adapters/pages.h"
#include "gateway/base/log.h"

static struct guarded *of(struct pump *p)
{
    return container_of(p, struct guarded, pump);
}

static int check(void *arg, const struct http_head *head, char *why)
{
    const struct guarded *g = arg;
    return site_check(&g->site, head, why);
}

static void on_end(struct pump *p)
{
    guard_deinit(&of(p)->guard);
    of(p)->handler->on_end(of(p));
}

static void on_refused(struct pump *p, const struct preamble_answer *answer)
{
    if (of(p)->handler->on_refused)
        of(p)->handler->on_refused(of(p), answer);
}

static void on_moved(struct pump *p, size_t to_far, size_t from_far)
{
    if (of(p)->handler->on_moved)
        of(p)->handler->on_moved(of(p), to_far, from_far);
}

static size_t on_outgoing(struct pump *p, const struct iovec *area, int count, size_t len)
{
    struct http_guard *g = &of(p)->guard;
    size_t passed = 0;
    for (int i = 0; i < count && passed < len && g->state != GUARD_OPEN; i++) {
        size_t n = area[i].iov_len < len - passed ? area[i].iov_len : len - passed;
        size_t good = guard_outgoing(g, area[i].iov_base, n);
        passed += good;
        if (good < n)
            return passed;
    }
    return g->state == GUARD_OPEN ? len : passed;
}

static void on_incoming(struct pump *p, const struct iovec *area, int count, size_t len)
{
    struct http_guard *g = &of(p)->guard;
    for (int i = 0; i < count && len > 0 && g->state != GUARD_OPEN; i++) {
        size_t n = area[i].iov_len < len ? area[i].iov_len : len;
        guard_incoming(g, area[i].iov_base, n);
        len -= n;
    }
}

static bool may_stop(struct pump *p)
{
    const struct http_guard *g = &of(p)->guard;
    return guard_between_answers(g) || g->answers == GUARD_ANSWER_LOST;
}

static void say_why(struct guarded *g, struct sock *sock)
{
    char out[PAGE_MAX], text[GUARD_WHY_MAX + SITE_REFUSAL_MAX], id[9];
    struct page page = site_refusal(guard_why(&g->guard), text);
    if (g->guard.fault != HTTP_OK)
        page = (struct page){.status = http_fault_status(g->guard.fault), .text = text};
    page.html = g->guard.wants_html;
    page.close = true;
    log_info(LOG_OPEN, "%s: a request was refused: %s", peer_id_short(&g->site.peer, id),
             guard_why(&g->guard));
    if (guard_between_answers(&g->guard))
        farewells_say(g->farewells, sock, out, page_write(&page, out));
    else
        sock_reset(g->farewells->env, sock); /* an answer is half-way */
}

static void on_stopped(struct pump *p, struct sock *sock)
{
    say_why(of(p), sock);
    on_end(p);
}

static const struct pump_filter filter = {on_outgoing, on_incoming, may_stop, on_stopped};
static const struct pump_handler events = {on_end, on_refused, on_moved};

int guarded_start(struct guarded *g, const struct guarded_options *o)
{
    struct pump_options options = {
        .env = o->env,
        .sock = o->sock,
        .pipe = o->pipe,
        .take_answer = o->take_answer,
        .handler = &events,
        .filter = o->raw ? NULL : &filter,
        .first = o->first,
        .first_len = o->first_len,
    };
    g->site = o->site;
    g->farewells = o->farewells;
    g->handler = o->handler;
    guard_init(&g->guard, check, g);
    if (!o->raw && guard_outgoing(&g->guard, o->first, o->first_len) < o->first_len) {
        o->pipe->ops->reset(o->pipe, PIPE_RESET_ABORTED);
        say_why(g, o->sock);
        guard_deinit(&g->guard);
        return -EACCES;
    }
    int err = pump_start(&g->pump, &options);
    if (err < 0)
        guard_deinit(&g->guard);
    return err;
}

void guarded_abort(struct guarded *g)
{
    pump_abort(&g->pump);
    guard_deinit(&g->guard);
}
