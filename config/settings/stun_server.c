#include "config/settings/stun_server.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/addr.h"
#include "gateway/base/text.h"

static const struct scheme {
    const char *name;
    enum stun_transport transport;
} SCHEME[] = {
    {"stun:", STUN_OVER_UDP},  {"udp:", STUN_OVER_UDP}, {"tcp:", STUN_OVER_TCP},
    {"stuns:", STUN_OVER_TLS}, {"tls:", STUN_OVER_TLS}, {"turn:", STUN_OVER_UDP},
    {"turns:", STUN_OVER_TLS},
};

static const char *skip_scheme(struct stun_server *s, const char *text)
{
    for (size_t i = 0; i < sizeof(SCHEME) / sizeof(*SCHEME); i++) {
        size_t len = strlen(SCHEME[i].name);
        if (strncasecmp(text, SCHEME[i].name, len) != 0)
            continue;
        /* "udp:3478" is a host called udp. */
        if (strspn(text + len, "0123456789") == strlen(text + len))
            continue;
        s->transport = SCHEME[i].transport;
        s->transport_said = strcasecmp(SCHEME[i].name, "stun:") != 0;
        text += len;
        return strncmp(text, "//", 2) == 0 ? text + 2 : text;
    }
    return text;
}

/* "?transport=tcp" at the end. Returns the length of what is before it, or 0. */
static size_t take_query(struct stun_server *s, const char *text)
{
    const char *query = strchr(text, '?');

    if (!query)
        return strlen(text);
    if (strcmp(query, "?transport=tcp") == 0 && s->transport != STUN_OVER_TLS)
        s->transport = STUN_OVER_TCP;
    else if (strcmp(query, "?transport=udp") != 0 || s->transport != STUN_OVER_UDP)
        return 0;
    s->transport_said = true;
    return (size_t)(query - text);
}

static bool host_ok(const char *host)
{
    struct addr a;

    if (strchr(host, ':'))
        return addr_parse_ip(&a, host, 0) == 0;
    for (const char *c = host; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              *c == '.' || *c == '-' || *c == '_'))
            return false;
    return *host != '\0' && *host != '-' && *host != '.';
}

/* HOST, HOST:PORT, [HOST] or [HOST]:PORT in text[0..len). */
static int take_host(struct stun_server *s, const char *text, size_t len)
{
    bool brackets = len > 0 && text[0] == '[';
    const char *begin = text + brackets;
    const char *end = memchr(begin, brackets ? ']' : ':', len - brackets);
    const char *rest = end ? end + brackets : text + len;

    if (brackets && !end)
        return -EINVAL;
    if (!end)
        end = text + len;
    memcpy(s->host, begin, (size_t)(end - begin));
    s->host[end - begin] = '\0';
    if (!host_ok(s->host) || brackets != (strchr(s->host, ':') != NULL))
        return -EINVAL;
    if (rest == text + len)
        return 0;
    if (*rest != ':' || text_parse_u16(&s->port, rest + 1, (size_t)(text + len - rest - 1)) < 0)
        return -EINVAL;
    return s->port > 0 ? 0 : -EINVAL;
}

int stun_server_parse(struct stun_server *out, const char *text)
{
    struct stun_server s = {.transport = STUN_OVER_UDP};
    size_t len = strlen(text);

    if (len > STUN_SERVER_TEXT_MAX)
        return -EINVAL;
    memcpy(s.text, text, len + 1);
    text = skip_scheme(&s, text);
    len = take_query(&s, text);
    s.port = s.transport == STUN_OVER_TLS ? STUN_TLS_PORT : STUN_PORT;
    if (len == 0 || take_host(&s, text, len) < 0)
        return -EINVAL;
    *out = s;
    return 0;
}
