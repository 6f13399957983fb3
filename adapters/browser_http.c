#include "adapters/browser_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/browser_https.h"
#include "adapters/http_conn.h"
#include "adapters/http_target.h"
#include "adapters/own_site.h"
#include "adapters/pages.h"
#include "adapters/route_page.h"
#include "gateway/base/log.h"

#define IDLE_WAIT SEC(75)

static void run(struct http_conn *c);

/* ---- bytes ---- */

enum http_step http_conn_fill(struct http_conn *c)
{
    if (!c->readable || c->client_over || !http_bytes_make_room(&c->in, HTTP_REQUEST_HEAD_MAX))
        return HTTP_STEP_WAIT;
    struct iovec area = {c->in.data + c->in.len, HTTP_REQUEST_HEAD_MAX - c->in.len};
    ssize_t got = sock_readv(c->base.proxy->env, c->base.sock, &area, 1);
    c->readable = got > 0 && (size_t)got == area.iov_len;
    if (got > 0)
        c->in.len += (size_t)got;
    if (c->in.len == 0)
        http_bytes_drop(&c->in, 0); /* an idle connection keeps no buffer */
    if (got == 0)
        c->client_over = true;
    if (got < 0 && got != -EAGAIN)
        return http_conn_abort(c);
    return got > 0 ? HTTP_STEP_ON : HTTP_STEP_WAIT;
}

enum http_step http_conn_flush(struct http_conn *c)
{
    while (c->out.len > 0) {
        struct iovec area = {c->out.data + c->out.at, c->out.len - c->out.at};
        if (!c->writable)
            return HTTP_STEP_WAIT;
        ssize_t put = sock_writev(c->base.proxy->env, c->base.sock, &area, 1);
        c->writable = put >= 0 && (size_t)put == area.iov_len;
        if (put < 0 && put != -EAGAIN)
            return http_conn_abort(c);
        if (put > 0)
            http_bytes_drop(&c->out, (size_t)put);
    }
    return HTTP_STEP_ON;
}

/* ---- ends ---- */

void http_conn_drop_pipe(struct http_conn *c)
{
    struct pipe *pipe = c->pipe;
    c->pipe = NULL;
    if (!pipe)
        return;
    /* Between requests closing is ordinary, in the middle of one it is not. */
    if (c->state == HTTP_CONN_HEAD || c->state == HTTP_CONN_ROUTING)
        farewells_end_pipe(&c->base.proxy->farewells, pipe);
    else
        pipe->ops->reset(pipe, PIPE_RESET_ABORTED);
}

/* Frees everything but the socket, which has a new owner. */
static enum http_step leave(struct http_conn *c)
{
    struct env *env = c->base.proxy->env;
    timer_stop(env, &c->timer);
    env_undefer(env, &c->turn);
    route_cancel(&c->route);
    http_conn_drop_pipe(c);
    free(c->in.data);
    free(c->out.data);
    free(c->up.data);
    proxy_remove(&c->base);
    free(c);
    return HTTP_STEP_GONE;
}

enum http_step http_conn_abort(struct http_conn *c)
{
    sock_reset(c->base.proxy->env, c->base.sock);
    return leave(c);
}

static void abort_conn(struct proxy_conn *base)
{
    http_conn_abort(container_of(base, struct http_conn, base));
}

enum http_step http_conn_close(struct http_conn *c)
{
    farewells_say(&c->base.proxy->farewells, c->base.sock, c->out.data + c->out.at,
                  c->out.len - c->out.at);
    return leave(c);
}

struct sock *http_conn_take(struct http_conn *c)
{
    struct sock *sock = c->base.sock;
    (void)leave(c);
    return sock;
}

enum http_step http_conn_fail_by(struct http_conn *c, const struct page *why)
{
    char out[PAGE_MAX];
    struct page page = *why;
    if (c->response_begun)
        return http_conn_abort(c);
    page.html = c->wants_html;
    page.head_only = c->is_head;
    page.close = true;
    if (!http_bytes_add(&c->out, out, page_write(&page, out)))
        return http_conn_abort(c);
    log_debug(LOG_PROXY, "%s: %u %s", c->route.host, page.status, page.text);
    return http_conn_close(c);
}

enum http_step http_conn_fail(struct http_conn *c, unsigned status, const char *text)
{
    return http_conn_fail_by(c, &(struct page){.status = status, .text = text});
}

/* ---- the stream ---- */

static bool is_quiet(struct pipe *p)
{
    struct iovec area;
    return p->ops->peek(p, &area, 1) == 0 && !p->ops->at_end(p);
}

static void on_pipe_change(void *arg)
{
    struct http_conn *c = arg;
    /* Between requests a service has nothing to say but that it closes. */
    if (c->state != HTTP_CONN_HEAD && c->state != HTTP_CONN_ROUTING)
        run(c);
    else if (!is_quiet(c->pipe))
        http_conn_drop_pipe(c);
}

static void on_pipe_writable(void *arg)
{
    struct http_conn *c = arg;
    if (c->state == HTTP_CONN_EXCHANGE)
        run(c);
}

static void on_pipe_reset(void *arg, enum pipe_reset why)
{
    struct http_conn *c = arg;
    c->pipe->ops->reset(c->pipe, PIPE_RESET_ABORTED);
    c->pipe = NULL;
    if (c->state == HTTP_CONN_HEAD || c->state == HTTP_CONN_ROUTING)
        return;
    /* What a request meets that was sent just when the service closed a kept connection: no answer
     * at all has the browser ask again on a fresh one, where a page would stay. */
    if (why != PIPE_RESET_SESSION_LOST && c->reused && !c->response_begun)
        http_conn_close(c);
    else if (why == PIPE_RESET_SESSION_LOST)
        http_conn_fail(c, 504, "The session to this peer was lost.");
    else
        http_conn_fail(c, 502, "The service reset the connection.");
}

static const struct pipe_handler pipe_events = {on_pipe_change, on_pipe_writable, on_pipe_reset};

/* Makes sure that `pipe` leads where the route says. */
static enum route_result open_pipe(struct http_conn *c)
{
    const struct route *r = &c->route;
    bool same = c->pipe && !c->is_connect && peer_id_equal(&c->pipe_peer, &r->peer) &&
                c->pipe_what.port == r->what.port && strcmp(c->pipe_what.name, r->what.name) == 0;
    c->reused = same;
    if (same)
        return ROUTE_READY;
    http_conn_drop_pipe(c);
    enum route_result result = route_open(&c->route, &c->pipe);
    if (result != ROUTE_READY)
        return result;
    c->pipe_peer = r->peer;
    c->pipe_what = r->what;
    c->awaiting = true;
    pipe_attach(c->pipe, &pipe_events, c);
    return ROUTE_READY;
}

/* ---- a request whose way is known ---- */

/* Its head lies in `in`, and was read well before. */
static void read_again(const struct http_conn *c, struct http_head *head)
{
    (void)!http_read_request(head, c->in.data + c->in.at, c->in.len - c->in.at,
                             HTTP_REQUEST_HEAD_MAX);
}

static void drop_head(struct http_conn *c)
{
    struct http_head head;
    read_again(c, &head);
    http_bytes_drop(&c->in, head.len);
}

static bool write_head(struct http_conn *c, const struct http_head *head)
{
    struct http_target target;
    char via[REWRITE_VIA_MAX], id[9];
    size_t len;
    snprintf(via, sizeof(via), "overlay-%s", peer_id_short(node_id(c->base.proxy->o.node), id));
    (void)!http_target_read(&target, head);
    struct rewrite_request rewrite = {head, target.path, target.named,
                                      via,  c->upgrade,  c->is_secure};
    char *text = rewrite_request(&rewrite, &len);
    bool ok = text && http_bytes_add(&c->up, text, len);
    free(text);
    return ok;
}

static enum http_step fail_by_route(struct http_conn *c, enum route_result result)
{
    struct route_words words;
    const struct page page = route_page(&c->route, result, &words);
    return http_conn_fail_by(c, &page);
}

static enum http_step refuse_asker(struct http_conn *c, const char *why)
{
    char text[SITE_WHY_MAX + SITE_REFUSAL_MAX];
    const struct page page = site_refusal(why, text);
    return http_conn_fail_by(c, &page);
}

/* The way is known: sends the request there. */
static enum http_step dispatch(struct http_conn *c)
{
    struct http_head head;
    char why[SITE_WHY_MAX];
    struct site site = proxy_site(c->base.proxy, &c->route.peer);
    read_again(c, &head);
    if (!c->route.raw && site_check_asker(&site, &head, why) < 0)
        return refuse_asker(c, why);
    enum route_result result = open_pipe(c);
    if (result != ROUTE_READY)
        return fail_by_route(c, result);
    if (!c->is_connect && !write_head(c, &head))
        return http_conn_abort(c);
    http_bytes_drop(&c->in, head.len);
    c->state = c->is_connect ? HTTP_CONN_CONNECT : HTTP_CONN_EXCHANGE;
    return HTTP_STEP_ON;
}

static enum http_step routed(struct http_conn *c, enum route_result result)
{
    if (result == ROUTE_WAITING)
        return HTTP_STEP_WAIT;
    if (c->is_connect && https_takes(c->base.proxy->https, &c->route, result)) {
        drop_head(c);
        return http_tunnel_agree(c, HTTP_CONN_SECURING);
    }
    return result == ROUTE_READY ? dispatch(c) : fail_by_route(c, result);
}

static void on_route(struct route *r, enum route_result result)
{
    struct http_conn *c = container_of(r, struct http_conn, route);
    if (routed(c, result) != HTTP_STEP_GONE)
        run(c);
}

/* ---- a request ---- */

/* Who dialled the address of one peer, or has its certificate, is served that peer alone. */
static bool is_allowed(const struct http_conn *c, const struct http_target *t)
{
    struct site site = proxy_site(c->base.proxy, &c->base.only);
    return peer_id_is_zero(&c->base.only) || (!c->is_connect && site_has_name(&site, &t->host));
}

/* Another site's page has no stranger called, whose key it names: he would learn who looks at it.
 * For whom we know or are connected with dispatch() asks, when it is known whether the service
 * wants that. */
static bool may_call(const struct http_conn *c, const struct http_head *head, const char *host,
                     char why[static SITE_WHY_MAX])
{
    const struct proxy_options *o = &c->base.proxy->o;
    struct name_target target;
    struct peer_view view;
    if (c->is_connect || names_resolve(o->node, o->suffix, host, &target) < 0 || target.by_alias)
        return true;
    if (node_peer(o->node, &target.peer, &view) && (view.known || view.path.present))
        return true;
    struct site site = proxy_site(c->base.proxy, &target.peer);
    return site_check_asker(&site, head, why) == 0;
}

static enum http_step find_way(struct http_conn *c, const struct http_head *head,
                               const struct http_target *t)
{
    const struct proxy_options *o = &c->base.proxy->o;
    char name[NAMES_HOST_MAX + 1], why[SITE_WHY_MAX];
    const char *host = t->host.name;
    bool bound = !peer_id_is_zero(&c->base.only);
    if (bound && t->host.is_ip) {
        (void)names_write(o->node, o->suffix, &c->base.only, NULL, name, sizeof(name));
        host = name;
    }
    if (!may_call(c, head, host, why))
        return refuse_asker(c, why);
    c->absolute = t->absolute || c->is_proxied;
    c->state = HTTP_CONN_ROUTING;
    return routed(c, route_begin(&c->route, c->base.proxy, host, bound ? 80 : t->port, on_route));
}

static enum http_step begin(struct http_conn *c, const struct http_head *head)
{
    char text[160], via[REWRITE_VIA_MAX], id[9];
    struct http_target target;
    c->is_head = http_text_is(head->method, "HEAD");
    c->is_connect = http_text_is(head->method, "CONNECT");
    c->upgrade = !c->is_connect && rewrite_wants_upgrade(head);
    c->old_client = head->minor == 0;
    c->keep_alive = http_keeps_alive(head);
    c->response_begun = false;
    c->wants_html = page_wants_html(head);
    c->base.idle = false;
    timer_stop(c->base.proxy->env, &c->timer);

    enum http_fault fault = http_body_of_request(&c->request, head);
    snprintf(text, sizeof(text), "The request %s.", http_fault_text(fault));
    if (fault != HTTP_OK)
        return http_conn_fail(c, http_fault_status(fault), text);
    snprintf(via, sizeof(via), "overlay-%s", peer_id_short(node_id(c->base.proxy->o.node), id));
    if (rewrite_is_loop(head, via))
        return http_conn_fail(c, 508, "The request came by here before.");
    unsigned status = http_target_read(&target, head);
    if (status != 0)
        return http_conn_fail(c, status,
                              status == 501 ? "https through this proxy needs CONNECT."
                                            : "The request does not say for which host it is.");
    if (c->is_connect && !c->request.done)
        return http_conn_fail(c, 400, "CONNECT has no body.");
    if (own_site_is(c, &target))
        return own_site_serve(c, head, &target);
    if (!is_allowed(c, &target))
        return http_conn_fail(c, 421, "This address is one peer's, and the host is not its own.");
    return find_way(c, head, &target);
}

/* Takes the next head from `in`, as far as it is there. */
static enum http_step take_head(struct http_conn *c)
{
    struct http_head head;
    char text[160];
    enum http_fault fault = HTTP_MORE;
    if (c->in.len > 0)
        fault = http_read_request(&head, c->in.data + c->in.at, c->in.len - c->in.at,
                                  HTTP_REQUEST_HEAD_MAX);
    if (fault == HTTP_OK)
        return begin(c, &head);
    if (fault != HTTP_MORE) {
        snprintf(text, sizeof(text), "The request %s.", http_fault_text(fault));
        c->keep_alive = c->is_head = c->response_begun = false;
        c->wants_html = page_wants_html(&head); /* as far as it was read */
        return http_conn_fail(c, http_fault_status(fault), text);
    }
    bool was_idle = c->in.len == 0;
    enum http_step step = http_conn_fill(c);
    if (step == HTTP_STEP_ON && was_idle)
        timer_set(c->base.proxy->env, &c->timer, env_now(c->base.proxy->env) + HTTP_CONN_HEAD_WAIT);
    if (step == HTTP_STEP_WAIT && c->client_over)
        return http_conn_close(c);
    return step;
}

enum http_step http_conn_next(struct http_conn *c)
{
    bool whole = c->request.done && c->up.len == 0;
    if (whole)
        c->state = HTTP_CONN_HEAD;
    if (!c->keep_upstream || !whole)
        http_conn_drop_pipe(c);
    if (!c->keep_alive || !whole)
        return http_conn_close(c);
    c->response_begun = false;
    c->base.idle = true;
    timer_set(c->base.proxy->env, &c->timer,
              env_now(c->base.proxy->env) + (c->in.len > 0 ? HTTP_CONN_HEAD_WAIT : IDLE_WAIT));
    return HTTP_STEP_ON;
}

/* ---- the machine ---- */

static enum http_step step(struct http_conn *c)
{
    switch (c->state) {
    case HTTP_CONN_HEAD:
        return take_head(c);
    case HTTP_CONN_ROUTING:
        return HTTP_STEP_WAIT;
    case HTTP_CONN_OWN:
        return own_site_go_on(c);
    case HTTP_CONN_EXCHANGE:
        return http_exchange_run(c);
    case HTTP_CONN_CONNECT:
    case HTTP_CONN_SWITCHED:
    case HTTP_CONN_SECURING:
        return http_tunnel_run(c);
    }
    return HTTP_STEP_WAIT;
}

static void run(struct http_conn *c)
{
    enum http_step s;
    c->moved = 0;
    do
        s = step(c);
    while (s == HTTP_STEP_ON);
    if (s == HTTP_STEP_TURN)
        env_defer(c->base.proxy->env, &c->turn);
}

static void on_ready(void *arg)
{
    struct http_conn *c = arg;
    c->readable = c->writable = true;
    /* Where there is no room for more of its request, nobody reads that it is gone. */
    if (sock_error(c->base.proxy->env, c->base.sock) < 0) {
        http_conn_abort(c);
        return;
    }
    /* While an answer is awaited, reading on tells that the client is gone. */
    if (c->state != HTTP_CONN_HEAD && c->request.done && c->in.len == 0 &&
        http_conn_fill(c) == HTTP_STEP_GONE)
        return;
    run(c);
}

static void on_turn(struct deferred *work)
{
    run(container_of(work, struct http_conn, turn));
}

static void on_timer(struct timer *timer)
{
    struct http_conn *c = container_of(timer, struct http_conn, timer);
    c->is_head = false;
    if (c->in.len > 0)
        http_conn_fail(c, 408, "The request took longer than ten seconds to come.");
    else
        http_conn_close(c);
}

static const struct sock_handler events = {NULL, on_ready};

static struct http_conn *start(struct proxy *p, struct sock *sock, const struct peer_id *only,
                               const uint8_t *data, size_t len)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    if (!c || (len > 0 && !http_bytes_add(&c->in, data, len))) {
        sock_reset(p->env, sock);
        free(c);
        return NULL;
    }
    c->base = (struct proxy_conn){.sock = sock, .only = *only, .idle = true, .abort = abort_conn};
    c->timer.fire = on_timer;
    c->turn.run = on_turn;
    c->writable = true;
    proxy_add(p, &c->base);
    timer_set(p->env, &c->timer, env_now(p->env) + (len > 0 ? HTTP_CONN_HEAD_WAIT : IDLE_WAIT));
    sock_attach(p->env, sock, &events, c);
    return c;
}

void browser_http_start(struct proxy *p, struct sock *sock, const struct peer_id *only,
                        const uint8_t *data, size_t len)
{
    struct http_conn *c = start(p, sock, only, data, len);
    if (c)
        run(c);
}

void browser_http_start_secure(struct proxy *p, struct sock *sock, const struct peer_id *only,
                               bool proxied)
{
    struct http_conn *c = start(p, sock, only, NULL, 0);
    if (!c)
        return;
    c->is_secure = true;
    c->is_proxied = proxied;
}
