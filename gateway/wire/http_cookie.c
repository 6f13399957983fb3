#include "gateway/wire/http_cookie.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the text up to `c`, or all of it, off the front of `rest`, without blanks around it. */
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

bool http_cookie_domain(struct http_text *rest, struct http_text *domain)
{
    /* Up to the first semicolon stand name and value; attributes begin behind one. */
    for (;;) {
        (void)cut(rest, ';');
        if (rest->len == 0)
            return false;
        struct http_text left = *rest;
        struct http_text attribute = cut(&left, ';');
        if (!http_text_is(cut(&attribute, '='), "domain"))
            continue;
        *domain = cut(&attribute, ';');
        if (domain->len > 0 && domain->at[0] == '.') {
            domain->at++;
            domain->len--;
        }
        return true;
    }
}
