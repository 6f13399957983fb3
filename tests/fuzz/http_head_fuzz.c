/* Heads, bodies and hosts: nothing outside the input is named, and pieces make no difference. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/pages.h"
#include "adapters/web_guard.h"
#include "gateway/wire/http_body.h"
#include "gateway/wire/http_cookie.h"
#include "gateway/wire/http_head.h"
#include "gateway/wire/http_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void check_text(struct http_text text, const uint8_t *data, size_t len)
{
    const uint8_t *at = (const uint8_t *)text.at;
    must(text.len == 0 || (at >= data && at + text.len <= data + len));
}

static void check_head(const struct http_head *h, const uint8_t *data, size_t len)
{
    must(h->len <= len && h->start <= h->len && h->field_count <= HTTP_FIELDS_MAX);
    check_text(h->method, data, len);
    check_text(h->target, data, len);
    check_text(h->reason, data, len);
    for (size_t i = 0; i < h->field_count; i++) {
        struct http_host host;
        struct http_url url;
        check_text(h->field[i].name, data, len);
        check_text(h->field[i].value, data, len);
        if (http_host_read(&host, h->field[i].value) == 0)
            must(strlen(host.name) > 0);
        (void)!http_origin_read(&url, h->field[i].value);
        struct http_text rest = h->field[i].value, domain;
        while (http_cookie_domain(&rest, &domain))
            check_text(domain, data, len);
    }
}

/* The body takes the same bytes whole and one by one. */
static void check_body(const struct http_body *body, const uint8_t *data, size_t len)
{
    struct http_body whole = *body, single = *body;
    size_t used, at = 0, one;
    enum http_fault fault = http_body_take(&whole, data, len, &used), piece = HTTP_OK;
    must(used <= len && (used == len || whole.done || fault != HTTP_OK));
    while (at < len && !single.done && piece == HTTP_OK) {
        piece = http_body_take(&single, data + at, 1, &one);
        at += one;
    }
    must(piece == fault && single.done == whole.done);
    must(fault != HTTP_OK || at == used);
}

/* Who may change something may look, too. */
static void check_guard(const struct http_head *head)
{
    const struct web_guard guard = {"overlay", 7777};
    const struct http_field *field = http_find(head, "host", NULL);
    struct http_host host;
    (void)page_wants_html(head);
    if (field && http_host_read(&host, field->value) == 0 && web_guard_change(&guard, head, &host))
        must(web_guard_read(&guard, head, &host) == WEB_MAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_head head;
    struct http_body body;
    struct http_url url;
    if (http_read_request(&head, data, len, HTTP_REQUEST_HEAD_MAX) == HTTP_OK) {
        check_head(&head, data, len);
        check_guard(&head);
        for (size_t i = 0; i < head.len; i++)
            must(http_read_request(&head, data, i, HTTP_REQUEST_HEAD_MAX) == HTTP_MORE);
        must(http_read_request(&head, data, len, HTTP_REQUEST_HEAD_MAX) == HTTP_OK);
        (void)!http_url_read(&url, head.target);
        if (http_body_of_request(&body, &head) == HTTP_OK)
            check_body(&body, data + head.len, len - head.len);
    }
    if (http_read_response(&head, data, len, HTTP_RESPONSE_HEAD_MAX) == HTTP_OK) {
        check_head(&head, data, len);
        if (http_body_of_response(&body, &head, false) == HTTP_OK)
            check_body(&body, data + head.len, len - head.len);
    }
    return 0;
}
