#include "gateway/wire/http_host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/text.h"

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Names as DNS and browsers know them. The underscore is none of DNS's, and common. */
static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("-._", *c)))
            return false;
    }
    return name[0] != 0 && name[0] != '.' && !strstr(name, "..");
}

static int read_port(struct http_host *out, const char *at, size_t len)
{
    if (len == 0)
        return 0; /* RFC 3986 §3.2.3: "host:" is allowed, and says nothing */
    if (text_parse_u16(&out->port, at, len) < 0 || out->port == 0)
        return -EINVAL;
    return 0;
}

static int read_v6(struct http_host *out, struct http_text text)
{
    const char *end = memchr(text.at, ']', text.len);
    if (!end)
        return -EINVAL;
    size_t len = (size_t)(end - text.at) - 1;
    if (len == 0 || len >= 46 || memchr(text.at, '%', text.len))
        return -EINVAL;
    memcpy(out->name, text.at + 1, len);
    out->name[len] = 0;
    size_t rest = text.len - len - 2;
    if (rest > 0 && (end[1] != ':' || read_port(out, end + 2, rest - 1) < 0))
        return -EINVAL;
    out->is_ip = true;
    if (addr_parse_ip(&out->ip, out->name, out->port) < 0 || !addr_is_v6(&out->ip))
        return -EINVAL;
    return 0;
}

int http_host_read(struct http_host *out, struct http_text text)
{
    memset(out, 0, sizeof(*out));
    if (text.len > 0 && text.at[0] == '[')
        return read_v6(out, text);
    const char *colon = memchr(text.at, ':', text.len);
    size_t len = colon ? (size_t)(colon - text.at) : text.len;
    if (len == 0 || len > HTTP_HOST_MAX)
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        out->name[i] = lower(text.at[i]);
    if (strlen(out->name) != len || !is_name(out->name))
        return -EINVAL;
    if (colon && read_port(out, colon + 1, text.len - len - 1) < 0)
        return -EINVAL;
    out->is_ip = addr_parse_ip(&out->ip, out->name, out->port) == 0;
    return 0;
}

bool http_host_is_loopback(const struct http_host *host)
{
    if (host->is_ip)
        return addr_is_loopback(&host->ip);
    return strcmp(host->name, "localhost") == 0 || strcmp(host->name, "localhost.") == 0;
}

/* Reads the scheme. Returns its length with "://", or 0. */
static size_t read_scheme(struct http_text text, bool *https)
{
    static const struct {
        const char *text;
        bool https;
    } schemes[] = {{"http://", false}, {"https://", true}, {"ws://", false}, {"wss://", true}};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].text);
        if (text.len > len && strncasecmp(text.at, schemes[i].text, len) == 0) {
            *https = schemes[i].https;
            return len;
        }
    }
    return 0;
}

int http_url_read(struct http_url *out, struct http_text text)
{
    memset(out, 0, sizeof(*out));
    size_t scheme = read_scheme(text, &out->https);
    if (scheme == 0)
        return -EINVAL;
    const char *host = text.at + scheme;
    size_t left = text.len - scheme, len = 0;
    while (len < left && !strchr("/?#", host[len]))
        len++;
    out->path = (struct http_text){host + len, left - len};
    return http_host_read(&out->host, (struct http_text){host, len});
}

int http_origin_read(struct http_url *out, struct http_text text)
{
    int err = http_url_read(out, text);
    return err == 0 && out->path.len > 0 ? -EINVAL : err;
}
