#include "adapters/site.h"

#include <errno.h>
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/node/names.h"

bool site_has_name(const struct site *s, const struct http_host *host)
{
    struct name_target target;
    bool found = host->is_ip ? pool_peer(s->pool, &host->ip, &target.peer)
                             : names_resolve(s->node, s->suffix, host->name, &target) == 0;
    return found && peer_id_equal(&target.peer, &s->peer);
}

static int refuse(char why[static SITE_WHY_MAX], const char *what, struct http_text value)
{
    char shown[LOG_TEXT_MAX];
    snprintf(why, SITE_WHY_MAX, "%s \"%s\" is not of this peer", what,
             log_text(shown, value.at, value.len));
    return -EACCES;
}

static bool is_host_of(const struct site *s, struct http_text text)
{
    struct http_host host;
    return http_host_read(&host, text) == 0 &&
           (http_host_is_loopback(&host) || site_has_name(s, &host));
}

static int check_host(const struct site *s, const struct http_head *head,
                      char why[static SITE_WHY_MAX])
{
    size_t count;
    const struct http_field *field = http_find(head, "host", &count);
    if (count == 0 && head->minor == 0)
        return 0; /* no browser: those always say Host */
    if (count != 1) {
        snprintf(why, SITE_WHY_MAX, "the request has %s Host header",
                 count ? "more than one" : "no");
        return -EACCES;
    }
    return is_host_of(s, field->value) ? 0 : refuse(why, "the Host", field->value);
}

/* RFC 9112 §3.2: a target may name a host itself, and then Host does not count. */
static int check_target(const struct site *s, const struct http_head *head,
                        char why[static SITE_WHY_MAX])
{
    struct http_url url;
    struct http_text target = head->target;
    if (http_text_is(head->method, "CONNECT"))
        return is_host_of(s, target) ? 0 : refuse(why, "the target", target);
    if (target.at[0] == '/' || http_text_is(target, "*"))
        return 0;
    if (http_url_read(&url, target) == 0 &&
        (http_host_is_loopback(&url.host) || site_has_name(s, &url.host)))
        return 0;
    return refuse(why, "the target", target);
}

static bool owns(const struct site *s, struct addr at, uint16_t port)
{
    addr_set_port(&at, port);
    return s->owns_port && s->owns_port(s->arg, &at, &s->peer);
}

static bool is_page_of(const struct site *s, const struct http_url *url)
{
    uint16_t port = url->host.port ? url->host.port : url->https ? 443 : 80;
    if (!http_host_is_loopback(&url->host))
        return site_has_name(s, &url->host);
    if (url->host.is_ip)
        return owns(s, addr_unmapped(url->host.ip), port);
    return owns(s, addr_loopback(false, port), port) || owns(s, addr_loopback(true, port), port);
}

/* Browsers say who asks also where they name no Origin (W3C Fetch Metadata). Whatever word may come
 * yet, it is not one of the two that are harmless: a page of this very origin, and nobody's page.
 */
static const struct http_field *find_foreign_asker(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *f = &head->field[i];
        if (http_text_is(f->name, "sec-fetch-site") && !http_text_is(f->value, "same-origin") &&
            !http_text_is(f->value, "none"))
            return f;
    }
    return NULL;
}

static bool says(const struct http_head *head, const char *name, const char *value)
{
    const struct http_field *f = http_find(head, name, NULL);
    return f && http_text_is(f->value, value);
}

/* A link that was followed: it fills the window, so that the visitor sees where he is. What asks
 * for a page unseen, to have it ready, says Sec-Purpose. */
static bool is_followed_link(const struct http_head *head)
{
    return says(head, "sec-fetch-mode", "navigate") && says(head, "sec-fetch-dest", "document") &&
           (http_text_is(head->method, "GET") || http_text_is(head->method, "HEAD")) &&
           !http_find(head, "sec-purpose", NULL);
}

/* Pages may hide where they are, but not claim to be elsewhere. */
static bool has_referer_of(const struct site *s, const struct http_head *head)
{
    struct http_url url;
    const struct http_field *f = http_find(head, "referer", NULL);
    return f && http_url_read(&url, f->value) == 0 && is_page_of(s, &url);
}

int site_check_asker(const struct site *s, const struct http_head *head,
                     char why[static SITE_WHY_MAX])
{
    struct http_url url;
    bool named = false;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *f = &head->field[i];
        if (!http_text_is(f->name, "origin"))
            continue;
        if (http_origin_read(&url, f->value) < 0 || !is_page_of(s, &url))
            return refuse(why, "the Origin", f->value);
        named = true;
    }
    const struct http_field *foreign = find_foreign_asker(head);
    if (!foreign || named || is_followed_link(head) || has_referer_of(s, head))
        return 0;
    char shown[LOG_TEXT_MAX];
    snprintf(why, SITE_WHY_MAX, "the page that asks is not of this peer (Sec-Fetch-Site: %s)",
             log_text(shown, foreign->value.at, foreign->value.len));
    return -EACCES;
}

int site_check(const struct site *s, const struct http_head *head, char why[static SITE_WHY_MAX])
{
    int err = check_target(s, head, why);
    if (err == 0)
        err = check_host(s, head, why);
    return err == 0 ? site_check_asker(s, head, why) : err;
}

struct page site_refusal(const char *why, char text[static SITE_WHY_MAX + SITE_REFUSAL_MAX])
{
    snprintf(text, SITE_WHY_MAX + SITE_REFUSAL_MAX, "The gateway did not pass it on: %s.", why);
    return (struct page){
        .status = 421,
        .title = "This request was not meant for this peer",
        .text = text,
        .advice = "Open the address yourself, or follow a link on the peer's own pages: pages of "
                  "other sites must not use its services through your browser. Where the service "
                  "is shared, this turns the check off:",
        .command = "overlay share TARGET --raw",
    };
}
