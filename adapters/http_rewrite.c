#include "adapters/http_rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Room for what is added: Via, Connection, the policy, and a version. */
enum { ADDED_MAX = 512 };

struct head_out {
    char *text;
    size_t len, max;
};

static void put(struct head_out *out, const char *text, size_t len)
{
    if (len > out->max - out->len)
        return; /* cannot be: `max` was counted */
    memcpy(out->text + out->len, text, len);
    out->len += len;
}

static void say(struct head_out *out, const char *text)
{
    put(out, text, strlen(text));
}

static bool begin(struct head_out *out, size_t len)
{
    *out = (struct head_out){.text = malloc(len + ADDED_MAX), .max = len + ADDED_MAX};
    return out->text != NULL;
}

/* Fields of one hop (RFC 9110 §7.6.1), and what else must not travel. */
static bool is_hop_field(struct http_text name)
{
    static const char *const names[] = {"connection", "keep-alive",         "proxy-connection",
                                        "te",         "proxy-authenticate", "proxy-authorization",
                                        "upgrade"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (http_text_is(name, names[i]))
            return true;
    }
    return false;
}

/* Named in Connection, and not one that says whom the message is for or where it ends: to have
 * those taken away is an attack. */
static bool is_nominated(const struct http_head *head, struct http_text name)
{
    static const char *const kept[] = {"host", "content-length", "transfer-encoding", "via",
                                       "origin"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (http_text_is(name, kept[i]))
            return false;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        char text[64];
        if (!http_text_is(head->field[i].name, "connection") || name.len >= sizeof(text))
            continue;
        memcpy(text, name.at, name.len);
        text[name.len] = 0;
        if (http_list_has(head->field[i].value, text))
            return true;
    }
    return false;
}

static void put_field(struct head_out *out, struct http_text name, struct http_text value)
{
    put(out, name.at, name.len);
    say(out, ": ");
    put(out, value.at, value.len);
    say(out, "\r\n");
}

/* Copies what stays. A Host is replaced where `host` is not empty. */
static void put_fields(struct head_out *out, const struct http_head *head, struct http_text host,
                       bool upgrade, bool secure)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct http_field f = head->field[i];
        if (secure && http_text_is(f.name, "x-forwarded-proto"))
            continue; /* we know, and say it */
        bool is_upgrade = http_text_is(f.name, "upgrade");
        if (is_upgrade ? !upgrade : is_hop_field(f.name) || is_nominated(head, f.name))
            continue;
        if (host.len > 0 && http_text_is(f.name, "host"))
            f.value = host;
        put_field(out, f.name, f.value);
    }
}

/* Bytes that the copied fields take at most: spaces around a colon may be fewer than ours. */
static size_t size_of(const struct http_head *head)
{
    size_t len = head->len;
    return len + 4 * head->field_count;
}

char *rewrite_request(const struct rewrite_request *r, size_t *len)
{
    struct head_out out;
    if (!begin(&out, size_of(r->head) + r->target.len + 2 * r->host.len + strlen(r->via)))
        return NULL;
    put(&out, r->head->method.at, r->head->method.len);
    say(&out, " ");
    if (r->target.len == 0 || r->target.at[0] == '?')
        say(&out, "/");
    put(&out, r->target.at, r->target.len);
    say(&out, r->head->minor ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    if (r->host.len > 0 && !http_find(r->head, "host", NULL))
        put_field(&out, (struct http_text){"Host", 4}, r->host);
    put_fields(&out, r->head, r->host, r->upgrade, r->secure);
    if (r->secure)
        say(&out, "X-Forwarded-Proto: https\r\n");
    say(&out, "Via: 1.1 ");
    say(&out, r->via);
    say(&out, r->upgrade ? "\r\nConnection: Upgrade\r\n\r\n" : "\r\n\r\n");
    *len = out.len;
    return out.text;
}

char *rewrite_response(const struct rewrite_response *r, size_t *len)
{
    struct head_out out;
    char status[] = {(char)('0' + r->head->status / 100), (char)('0' + r->head->status / 10 % 10),
                     (char)('0' + r->head->status % 10), ' '};
    if (!begin(&out, size_of(r->head)))
        return NULL;
    say(&out, "HTTP/1.1 ");
    put(&out, status, sizeof(status));
    put(&out, r->head->reason.at, r->head->reason.len);
    say(&out, "\r\n");
    put_fields(&out, r->head, (struct http_text){"", 0}, r->upgrade, false);
    if (r->as_public)
        say(&out, "Content-Security-Policy: treat-as-public-address\r\n");
    if (r->upgrade)
        say(&out, "Connection: Upgrade\r\n");
    else if (r->close)
        say(&out, "Connection: close\r\n");
    else if (r->keep_alive)
        say(&out, "Connection: keep-alive\r\n");
    say(&out, "\r\n");
    *len = out.len;
    return out.text;
}

bool rewrite_wants_upgrade(const struct http_head *head)
{
    return head->minor >= 1 && http_find(head, "upgrade", NULL) &&
           http_has_element(head, "connection", "upgrade");
}

/* Counts the places where `word` stands in a text. */
static size_t count_word(struct http_text text, const char *word)
{
    size_t count = 0, len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        count += strncasecmp(text.at + i, word, len) == 0;
    return count;
}

bool rewrite_is_loop(const struct http_head *head, const char *via)
{
    size_t hops = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        struct http_text value = head->field[i].value;
        if (!http_text_is(head->field[i].name, "via"))
            continue;
        if (count_word(value, via) > 0)
            return true;
        hops += count_word(value, "overlay-");
    }
    return hops >= REWRITE_HOPS_MAX;
}
