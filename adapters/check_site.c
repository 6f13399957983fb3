#include "adapters/check_site.h"

#include <stdio.h>
#include <string.h>

#include "adapters/pages.h"
#include "adapters/web_files.h"
#include "gateway/node/names.h"

#define TEXT "This is the Overlay gateway of this machine.\n"

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "   \
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "             \
    "trusted-types 'none'"

/* A script that says where the text is. */
#define WHERE_PATH "/where.js"

enum {
    POLICY_MAX = sizeof(POLICY) + ADDR_TEXT_MAX + 64,
    WHERE_MAX = sizeof(CHECK_SITE_PATH) + ADDR_TEXT_MAX + 64,
};

bool check_site_is(const struct http_conn *c, const struct http_target *t)
{
    const struct proxy *p = c->base.proxy;
    const struct peer_id *only = &c->base.only;
    return !c->is_connect && (peer_id_is_zero(only) || peer_id_equal(only, node_id(p->o.node))) &&
           names_is_check(p->o.node, p->o.suffix, t->host.name);
}

/* The address where the text is. Policies of browsers know none of IPv6: without another, "". */
static void find_text(const struct proxy *p, char out[static ADDR_TEXT_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < p->listeners && len != 4; i++) {
        (void)addr_ip(&p->local[i], &len);
        if (len == 4)
            (void)addr_print(&p->local[i], out);
    }
}

static enum http_step answer(struct http_conn *c, const struct http_head *head,
                             const struct page_head *page, const void *body)
{
    char out[PAGE_HEAD_MAX];
    if (!c->is_head && !http_text_is(head->method, "GET"))
        return http_conn_fail(c, 405, "This page can be read, and nothing else.");
    if (!http_bytes_add(&c->out, out, page_head_write(page, out)) ||
        (!c->is_head && !http_bytes_add(&c->out, body, page->len)))
        return http_conn_abort(c);
    return http_conn_close(c);
}

enum http_step check_site_answer(struct http_conn *c, const struct http_head *head)
{
    const struct page_head page = {.status = 200,
                                   .type = "text/plain; charset=utf-8",
                                   .policy = POLICY,
                                   .len = sizeof(TEXT) - 1,
                                   .for_all = true,
                                   .close = true};
    return answer(c, head, &page, TEXT);
}

/* The page's file of that path, of which one is made here. */
static struct web_file file_of(const struct http_target *target, const char *at,
                               char script[static WHERE_MAX])
{
    struct http_text path = target->path;
    const char *query = memchr(path.at, '?', path.len);
    if (query)
        path.len = (size_t)(query - path.at);
    if (path.len == 0)
        path = (struct http_text){"/", 1};
    if (path.len != strlen(WHERE_PATH) || memcmp(path.at, WHERE_PATH, path.len) != 0)
        return web_file_of_check(path);
    int len = snprintf(script, WHERE_MAX, "\"use strict\";\nconst WHERE = \"%s%s%s\";\n",
                       at[0] ? "http://" : "", at, at[0] ? CHECK_SITE_PATH : "");
    return (struct web_file){WHERE_PATH, "text/javascript; charset=utf-8", (const uint8_t *)script,
                             (size_t)len};
}

enum http_step check_site_serve(struct http_conn *c, const struct http_head *head,
                                const struct http_target *target)
{
    char at[ADDR_TEXT_MAX] = "", script[WHERE_MAX], policy[POLICY_MAX];
    bool as_public = target->absolute || c->is_proxied;
    find_text(c->base.proxy, at);
    const struct web_file file = file_of(target, at, script);
    if (!file.path)
        return http_conn_fail(c, 404, "The gateway has no such page.");
    (void)snprintf(policy, sizeof(policy), "%s%s%s%s", POLICY, at[0] ? "; connect-src http://" : "",
                   at, as_public ? "; treat-as-public-address" : "");
    const struct page_head page = {
        .status = 200, .type = file.type, .policy = policy, .len = file.len, .close = true};
    return answer(c, head, &page, file.data);
}
