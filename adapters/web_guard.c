#include "adapters/web_guard.h"

#include <stdio.h>
#include <string.h>

static bool is_own_name(const struct web_guard *g, const struct http_host *host)
{
    size_t len = strlen(g->suffix);
    return strncmp(host->name, g->suffix, len) == 0 && strcmp(host->name + len, ".localhost") == 0;
}

static uint16_t port_of(const struct http_host *host)
{
    return host->port ? host->port : 80;
}

/* The only field of that name, if it has this value. */
static bool says(const struct http_head *head, const char *name, const char *value)
{
    size_t count;
    const struct http_field *f = http_find(head, name, &count);
    return count == 1 && http_text_is(f->value, value);
}

static bool is_own_origin(const struct web_guard *g, const struct http_head *head,
                          const struct http_host *host)
{
    struct http_url url;
    size_t count;
    const struct http_field *f = http_find(head, "origin", &count);
    return count == 1 && http_origin_read(&url, f->value) == 0 && !url.https &&
           is_own_name(g, &url.host) && port_of(&url.host) == port_of(host);
}

enum web_verdict web_guard_read(const struct web_guard *g, const struct http_head *head,
                                const struct http_host *host)
{
    if (http_find(head, "sec-fetch-site", NULL) && !says(head, "sec-fetch-site", "same-origin") &&
        !says(head, "sec-fetch-site", "none"))
        return WEB_FOREIGN;
    if (!is_own_name(g, host))
        return WEB_OTHER_NAME;
    return http_find(head, "origin", NULL) && !is_own_origin(g, head, host) ? WEB_FOREIGN : WEB_MAY;
}

bool web_guard_change(const struct web_guard *g, const struct http_head *head,
                      const struct http_host *host)
{
    return is_own_name(g, host) && says(head, "sec-fetch-site", "same-origin") &&
           is_own_origin(g, head, host);
}

const char *web_origin(const struct web_guard *g, char out[static WEB_ORIGIN_MAX])
{
    if (g->port == 80)
        snprintf(out, WEB_ORIGIN_MAX, "http://%s.localhost", g->suffix);
    else
        snprintf(out, WEB_ORIGIN_MAX, "http://%s.localhost:%u", g->suffix, g->port);
    return out;
}
