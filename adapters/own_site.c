#include "adapters/own_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/check_site.h"
#include "adapters/pages.h"
#include "adapters/web_files.h"

/* Nothing from elsewhere, no scripts or styles in the page itself, and no text ever read as HTML.
 */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "        \
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                        \
    "require-trusted-types-for 'script'; trusted-types 'none'"

#define KEY_FIELD "x-overlay-key"

enum { BODY_MAX = 4096 };

/* One request to us. */
struct visit {
    struct http_conn *c;
    const struct http_head *head;
    const struct http_host *host;
    struct http_text path; /* without the query */
    struct web_guard guard;
};

bool own_site_is(const struct http_conn *c, const struct http_target *t)
{
    const char *suffix = c->base.proxy->o.suffix;
    size_t len = strlen(suffix);
    if (check_site_is(c, t))
        return true;
    if (t->absolute || c->is_connect || !peer_id_is_zero(&c->base.only))
        return false;
    return http_host_is_loopback(&t->host) ||
           (strncmp(t->host.name, suffix, len) == 0 &&
            (t->host.name[len] == 0 || strcmp(t->host.name + len, ".localhost") == 0));
}

static bool is_path(const struct visit *v, const char *path)
{
    return v->path.len == strlen(path) && memcmp(v->path.at, path, v->path.len) == 0;
}

static bool is_method(const struct visit *v, const char *method)
{
    return v->head->method.len == strlen(method) &&
           memcmp(v->head->method.at, method, v->head->method.len) == 0;
}

/* ---- answers ---- */

static enum http_step answer(struct visit *v, const struct page_head *head, const void *body)
{
    struct http_conn *c = v->c;
    char out[PAGE_HEAD_MAX];
    if (!http_bytes_add(&c->out, out, page_head_write(head, out)) ||
        (!c->is_head && head->len > 0 && !http_bytes_add(&c->out, body, head->len)))
        return http_conn_abort(c);
    return http_conn_close(c);
}

static enum http_step answer_json(struct visit *v, unsigned status, const char *text)
{
    const struct page_head head = {.status = status,
                                   .type = "application/json",
                                   .policy = POLICY,
                                   .len = strlen(text),
                                   .close = true};
    return answer(v, &head, text);
}

static enum http_step refuse(struct visit *v, unsigned status, const char *text)
{
    return http_conn_fail(v->c, status, text);
}

/* The page is at one name only: its origin is nobody else's. */
static enum http_step send_there(struct visit *v)
{
    char origin[WEB_ORIGIN_MAX], url[WEB_ORIGIN_MAX + 1];
    if (!is_path(v, "/") || !is_method(v, "GET"))
        return http_conn_fail_by(v->c, &(struct page){
                                           .status = 404,
                                           .title = "Nothing is here",
                                           .text = "This is the gateway's proxy. Services have "
                                                   "names of their own, as in "
                                                   "http://web.alice.overlay.localhost:7777/.",
                                           .command = "overlay status",
                                       });
    snprintf(url, sizeof(url), "%s/", web_origin(&v->guard, origin));
    const struct page_head head = {.status = 303,
                                   .type = "text/plain; charset=utf-8",
                                   .policy = POLICY,
                                   .location = url,
                                   .close = true};
    return answer(v, &head, NULL);
}

static enum http_step serve_pac(struct visit *v)
{
    struct http_conn *c = v->c;
    const struct http_field *host = http_find(v->head, "host", NULL);
    char out[PAGE_MAX], where[HTTP_HOST_MAX + 16];
    if (!c->is_head && !is_method(v, "GET"))
        return refuse(v, 405, "This file can be read, and nothing else.");
    if (!host || host->value.len >= sizeof(where))
        return refuse(v, 400, "The request says no Host.");
    snprintf(where, sizeof(where), "%.*s", (int)host->value.len, host->value.at);
    size_t n = pac_write(c->base.proxy->o.suffix, where, true, c->is_head, out);
    return http_bytes_add(&c->out, out, n) ? http_conn_close(c) : http_conn_abort(c);
}

/* ---- looking ---- */

static bool has_key(const struct visit *v, const struct http_field **out)
{
    size_t count;
    *out = http_find(v->head, KEY_FIELD, &count);
    return count == 1;
}

static bool is_trusted(const struct visit *v)
{
    const struct proxy *p = v->c->base.proxy;
    const struct http_field *key;
    return has_key(v, &key) &&
           web_keys_know(&p->keys, env_now(p->env), key->value.at, key->value.len);
}

static enum http_step stream(struct visit *v)
{
    struct proxy *p = v->c->base.proxy;
    char head[PAGE_HEAD_MAX];
    const struct page_head h = {.status = 200,
                                .type = "text/event-stream",
                                .policy = POLICY,
                                .endless = true,
                                .close = true};
    bool trusted = is_trusted(v);
    if (!p->o.web)
        return refuse(v, 503, "The gateway is starting.");
    if (web_stream_is_full(&p->stream))
        return refuse(v, 503, "Too many windows show this page. Close one.");
    size_t len = page_head_write(&h, head);
    head[len] = 0;
    web_stream_add(&p->stream, http_conn_take(v->c), head, trusted);
    return HTTP_STEP_GONE;
}

static enum http_step look(struct visit *v)
{
    const struct web_file file = web_file(v->path);
    if (is_path(v, "/events") && !v->c->is_head)
        return stream(v);
    if (!file.path)
        return refuse(v, 404, "The gateway has no such page.");
    const struct page_head head = {
        .status = 200, .type = file.type, .policy = POLICY, .len = file.len, .close = true};
    return answer(v, &head, file.data);
}

/* ---- changing ---- */

static enum http_step enter(struct visit *v)
{
    struct proxy *p = v->c->base.proxy;
    const struct http_field *key;
    char fresh[WEB_KEY_TEXT], text[WEB_KEY_TEXT + 16];
    if (!has_key(v, &key) ||
        !web_keys_change(&p->keys, p->env, key->value.at, key->value.len, fresh))
        return refuse(v, 403, "This link was used already, or is too old.");
    snprintf(text, sizeof(text), "{\"key\":\"%s\"}", fresh);
    return answer_json(v, 200, text);
}

static enum http_step act(struct visit *v, const uint8_t *body, size_t len)
{
    struct proxy *p = v->c->base.proxy;
    const struct http_field *type = http_find(v->head, "content-type", NULL);
    bool done = false;
    if (!is_trusted(v))
        return refuse(v, 403, "Only who opened this page by its link may change anything.");
    if (!type || !http_text_is(type->value, "application/json"))
        return refuse(v, 415, "This is no JSON.");
    char *text = p->o.web ? p->o.web->act(p->o.web->arg, (const char *)body, len, &done) : NULL;
    if (!text)
        return refuse(v, 503, "The gateway cannot do this now.");
    web_stream_hurry(&p->stream);
    enum http_step step = answer_json(v, done ? 200 : 400, text);
    free(text);
    return step;
}

/* The body is small, and of a length that is said. */
static enum http_step take_body(struct visit *v, size_t *len)
{
    struct http_conn *c = v->c;
    size_t have = c->in.len - c->in.at - v->head->len;
    *len = c->request.kind == HTTP_BODY_LENGTH ? (size_t)c->request.left : 0;
    if (c->request.kind == HTTP_BODY_CHUNKED)
        return refuse(v, 411, "Say how long the body is.");
    if (c->request.left > BODY_MAX || v->head->len + *len > HTTP_REQUEST_HEAD_MAX)
        return refuse(v, 413, "This is too much.");
    if (have >= *len)
        return HTTP_STEP_ON;
    if (c->state != HTTP_CONN_OWN)
        timer_set(c->base.proxy->env, &c->timer, env_now(c->base.proxy->env) + HTTP_CONN_HEAD_WAIT);
    c->state = HTTP_CONN_OWN;
    return HTTP_STEP_WAIT;
}

static enum http_step change(struct visit *v)
{
    size_t len;
    if (!web_guard_change(&v->guard, v->head, v->host))
        return refuse(v, 403, "Only the gateway's own page may do this.");
    if (!is_path(v, "/enter") && !is_path(v, "/act"))
        return refuse(v, 404, "The gateway has no such page.");
    enum http_step step = take_body(v, &len);
    if (step == HTTP_STEP_WAIT)
        return HTTP_STEP_ON; /* own_site_go_on() reads */
    if (step != HTTP_STEP_ON)
        return step;
    if (is_path(v, "/enter"))
        return enter(v);
    return act(v, v->c->in.data + v->c->in.at + v->head->len, len);
}

/* ---- requests ---- */

static const struct page FOREIGN = {
    .status = 403,
    .title = "Another page asked for this",
    .text = "Your browser says that a page of another site asked for the gateway's own page, which "
            "it does not show to others.",
    .advice = "If it was you who followed a link: type the address yourself, or print a fresh one:",
    .command = "overlay status --web",
};

enum http_step own_site_serve(struct http_conn *c, const struct http_head *head,
                              const struct http_target *target)
{
    const struct http_host *host = &target->host;
    const char *query = memchr(head->target.at, '?', head->target.len);
    struct visit v = {
        .c = c,
        .head = head,
        .host = host,
        .path = {head->target.at, query ? (size_t)(query - head->target.at) : head->target.len},
        .guard = proxy_web_guard(c->base.proxy),
    };
    if (check_site_is(c, target))
        return check_site_serve(c, head, target);
    if (is_path(&v, "/proxy.pac"))
        return serve_pac(&v);
    if (is_path(&v, CHECK_SITE_PATH) && http_host_is_loopback(host))
        return check_site_answer(c, head);
    switch (web_guard_read(&v.guard, head, host)) {
    case WEB_FOREIGN:
        return http_conn_fail_by(c, &FOREIGN);
    case WEB_OTHER_NAME:
        return send_there(&v);
    case WEB_MAY:
        break;
    }
    if (is_method(&v, "POST"))
        return change(&v);
    if (!c->is_head && !is_method(&v, "GET"))
        return refuse(&v, 405, "This page can be read, and nothing else.");
    return look(&v);
}

enum http_step own_site_go_on(struct http_conn *c)
{
    struct http_head head;
    struct http_target target;
    enum http_step step = http_conn_fill(c);
    if (step == HTTP_STEP_WAIT && c->client_over)
        return http_conn_close(c);
    if (step != HTTP_STEP_ON)
        return step;
    /* Its head was read well before. */
    if (http_read_request(&head, c->in.data + c->in.at, c->in.len - c->in.at,
                          HTTP_REQUEST_HEAD_MAX) != HTTP_OK ||
        http_target_read(&target, &head) != 0)
        return http_conn_abort(c);
    return own_site_serve(c, &head, &target);
}
