#include "adapters/peer_cookies.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the text up to `c`, or all of it, off the front of `rest`. */
static struct http_text cut(struct http_text *rest, char c)
{
    const char *end = memchr(rest->at, c, rest->len);
    struct http_text part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t step = end ? part.len + 1 : part.len;
    rest->at += step;
    rest->len -= step;
    while (part.len > 0 && is_blank(part.at[0])) {
        part.at++;
        part.len--;
    }
    while (part.len > 0 && is_blank(part.at[part.len - 1]))
        part.len--;
    return part;
}

/* RFC 6265 §5.2.3: an empty domain counts for nothing, and a dot in front neither. */
static bool is_domain_of(const struct site *s, struct http_text domain)
{
    struct http_host host;
    if (domain.len > 0 && domain.at[0] == '.') {
        domain.at++;
        domain.len--;
    }
    return domain.len == 0 || (http_host_read(&host, domain) == 0 && site_has_name(s, &host));
}

static bool stays(const struct site *s, struct http_text cookie)
{
    (void)cut(&cookie, ';'); /* its name and value */
    while (cookie.len > 0) {
        struct http_text attribute = cut(&cookie, ';');
        struct http_text name = cut(&attribute, '=');
        if (http_text_is(name, "domain") && !is_domain_of(s, cut(&attribute, ';')))
            return false;
    }
    return true;
}

void peer_cookies_keep(const struct site *s, struct http_head *head)
{
    size_t kept = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *f = &head->field[i];
        if (!http_text_is(f->name, "set-cookie") || stays(s, f->value))
            head->field[kept++] = *f;
    }
    head->field_count = kept;
}
