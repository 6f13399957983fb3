#include "gateway/node/pool_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/addr.h"
#include "gateway/base/text.h"
#include "gateway/node/registry.h"

/* In the order of enum service_proto. */
static const char PROTOS[] = "?tub";

struct words {
    const char *at;
    size_t left;
};

/* The next word, up to one space or the end. Its length; 0: there is none. */
static size_t next(struct words *w, const char **out)
{
    const char *space = w->left > 0 ? memchr(w->at, ' ', w->left) : NULL;
    size_t len = space ? (size_t)(space - w->at) : w->left;

    *out = w->at;
    w->at += space ? len + 1 : len;
    w->left -= space ? len + 1 : len;
    return len;
}

static int read_address(uint8_t ip[static 4], const char *word, size_t len)
{
    char text[ADDR_TEXT_MAX];
    struct addr at;

    if (len >= sizeof(text))
        return -EBADMSG;
    memcpy(text, word, len);
    text[len] = '\0';
    if (addr_parse_ip(&at, text, 0) < 0 || addr_is_v6(&at))
        return -EBADMSG;
    memcpy(ip, addr_ip(&at, &len), 4);
    return 0;
}

static int read_service(struct pool_line *out, const char *word, size_t len)
{
    const char *proto = strchr(PROTOS + 1, word[0]);
    struct pool_service *s = &out->service[out->count];

    if (out->count == POOL_SERVICES_MAX || word[0] == '\0' || !proto ||
        text_parse_u16(&s->port, word + 1, len - 1) < 0 || s->port == 0)
        return -EBADMSG;
    s->proto = (uint8_t)(proto - PROTOS);
    out->count++;
    return 0;
}

int pool_line_read(struct pool_line *out, const char *text, size_t len)
{
    struct words w = {text, len};
    const char *word;
    size_t n = next(&w, &word);

    *out = (struct pool_line){.count = 0};
    if (len == 0 || text[len - 1] == ' ' || n != PEER_ID_TEXT_LEN ||
        peer_id_parse(&out->peer, word, n) < 0)
        return -EBADMSG;
    n = next(&w, &word);
    if (read_address(out->ip, word, n) < 0)
        return -EBADMSG;
    while ((n = next(&w, &word)) > 0)
        if (read_service(out, word, n) < 0)
            return -EBADMSG;
    return w.left == 0 ? 0 : -EBADMSG;
}

size_t pool_line_write(const struct pool_line *line, char out[static POOL_LINE_MAX])
{
    char id[PEER_ID_TEXT_MAX];
    size_t len =
        (size_t)snprintf(out, POOL_LINE_MAX, "%s %u.%u.%u.%u", peer_id_print(&line->peer, id),
                         line->ip[0], line->ip[1], line->ip[2], line->ip[3]);

    for (size_t i = 0; i < line->count; i++)
        len += (size_t)snprintf(out + len, POOL_LINE_MAX - len, " %c%u",
                                PROTOS[line->service[i].proto], line->service[i].port);
    out[len++] = '\n';
    out[len] = '\0';
    return len;
}
