#include "adapters/http_target.h"

#include <string.h>

static unsigned read_absolute(struct http_target *out, const struct http_head *head)
{
    struct http_url url;
    if (http_url_read(&url, head->target) < 0)
        return 400;
    if (url.https)
        return 501; /* https goes through CONNECT */
    const char *host = memchr(head->target.at, '/', head->target.len);
    out->named.at = host + 2;
    out->named.len = (size_t)(url.path.at - out->named.at);
    out->host = url.host;
    out->port = url.host.port;
    out->absolute = true;
    /* A fragment is the browser's own business. */
    const char *fragment = url.path.len ? memchr(url.path.at, '#', url.path.len) : NULL;
    out->path = url.path;
    if (fragment)
        out->path.len = (size_t)(fragment - url.path.at);
    return 0;
}

unsigned http_target_read(struct http_target *out, const struct http_head *head)
{
    size_t hosts;
    const struct http_field *host = http_find(head, "host", &hosts);
    *out = (struct http_target){.path = head->target, .named = {"", 0}};
    if (hosts > 1 || (hosts == 0 && head->minor >= 1))
        return 400;
    if (http_text_is(head->method, "CONNECT")) {
        if (http_host_read(&out->host, head->target) < 0 || out->host.port == 0)
            return 400;
        out->port = out->host.port;
        return 0;
    }
    if (head->target.at[0] != '/' && !http_text_is(head->target, "*"))
        return read_absolute(out, head);
    return host && http_host_read(&out->host, host->value) == 0 ? 0 : 400;
}
