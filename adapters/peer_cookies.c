#include "adapters/peer_cookies.h"

#include "gateway/wire/http_cookie.h"

static bool stays(const struct site *s, struct http_text cookie)
{
    struct http_text domain;
    while (http_cookie_domain(&cookie, &domain)) {
        struct http_host host;
        bool empty = domain.len == 0;
        if (!empty && (http_host_read(&host, domain) < 0 || !site_has_name(s, &host)))
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
