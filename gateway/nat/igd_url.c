#include "gateway/nat/igd_url.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define SCHEME    "http://"
#define HTTP_PORT 80
#define HOST_MAX  64

static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return true;
}

static int parse_host(struct addr *out, const char *text, size_t len)
{
    char host[HOST_MAX];

    if (len == 0 || len >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    if (addr_parse(out, host) == 0)
        return addr_port(out) != 0 ? 0 : -EINVAL;
    return addr_parse_ip(out, host, HTTP_PORT);
}

int igd_url_parse(struct igd_url *out, const char *text, size_t len, const struct addr *router)
{
    const size_t skip = sizeof(SCHEME) - 1;

    *out = (struct igd_url){.path = "/"};
    if (len < skip || strncasecmp(text, SCHEME, skip) != 0 || !is_plain(text, len))
        return -EINVAL;
    text += skip;
    len -= skip;
    const char *slash = memchr(text, '/', len);
    size_t host_len = slash ? (size_t)(slash - text) : len;
    if (parse_host(&out->at, text, host_len) < 0 || !addr_same_ip(&out->at, router))
        return -EINVAL;
    if (!slash)
        return 0;
    if (len - host_len >= sizeof(out->path))
        return -EINVAL;
    memcpy(out->path, slash, len - host_len);
    out->path[len - host_len] = '\0';
    return 0;
}
