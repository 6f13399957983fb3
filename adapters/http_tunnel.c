#include "adapters/browser_https.h"
#include "adapters/http_conn.h"

enum http_step http_tunnel_agree(struct http_conn *c, enum http_conn_state next)
{
    static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    if (!http_bytes_add(&c->out, established, sizeof(established) - 1))
        return http_conn_abort(c);
    c->state = next;
    c->response_begun = true;
    return HTTP_STEP_ON;
}

static enum http_step finish_connect(struct http_conn *c)
{
    enum http_step step = http_exchange_take_answer(c);
    return step == HTTP_STEP_ON ? http_tunnel_agree(c, HTTP_CONN_SWITCHED) : step;
}

/* All of HTTP is said: socket and stream go on without us. */
static enum http_step become_tunnel(struct http_conn *c)
{
    struct tunnel_options options = {
        .sock = c->base.sock,
        .pipe = c->pipe,
        .peer = c->route.peer,
        .raw = c->route.raw || c->upgrade, /* that request was checked */
        .first = c->in.data ? c->in.data + c->in.at : NULL,
        .first_len = c->in.len - c->in.at,
    };
    c->pipe = NULL;
    proxy_tunnel(c->base.proxy, &options);
    (void)http_conn_take(c);
    return HTTP_STEP_GONE;
}

static enum http_step become_secure(struct http_conn *c)
{
    struct https *h = c->base.proxy->https;
    if (!h) /* not any more */
        return http_conn_abort(c);
    https_start_proxied(h, c->base.sock, c->in.data ? c->in.data + c->in.at : NULL,
                        c->in.len - c->in.at);
    (void)http_conn_take(c);
    return HTTP_STEP_GONE;
}

enum http_step http_tunnel_run(struct http_conn *c)
{
    if (c->state == HTTP_CONN_CONNECT)
        return finish_connect(c);
    enum http_step step = http_conn_flush(c);
    if (step != HTTP_STEP_ON)
        return step;
    return c->state == HTTP_CONN_SECURING ? become_secure(c) : become_tunnel(c);
}
