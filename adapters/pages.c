#include "adapters/pages.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/attr.h"

/* The policy allows this style by its hash, and nothing else at all. */
#define STYLE                                                                                      \
    ":root{color-scheme:light dark;--bg:#f6f7f9;--fg:#1b1f27;--soft:#58606e;--card:#fff;"          \
    "--line:#dde1e8;--code:#eef1f5;--mark:#b3261e}"                                                \
    "@media(prefers-color-scheme:dark){:root{--bg:#12151b;--fg:#e8ebf1;--soft:#a2abba;"            \
    "--card:#1a1f28;--line:#2e3542;--code:#242b37;--mark:#ff9d94}}"                                \
    "*{box-sizing:border-box}"                                                                     \
    "body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem 1rem;"          \
    "background:var(--bg);color:var(--fg);font:1rem/1.55 system-ui,sans-serif;"                    \
    "overflow-wrap:anywhere}"                                                                      \
    "main{width:100%;max-width:36rem;background:var(--card);border:1px solid var(--line);"         \
    "border-top:3px solid var(--mark);border-radius:.75rem;padding:1.75rem}"                       \
    "h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 .75rem;text-wrap:balance}"               \
    "h2{font-size:.8125rem;margin:1.5rem 0 .25rem;color:var(--soft)}"                              \
    "p{margin:0 0 .75rem}ul{margin:.25rem 0;padding-left:1.25rem}"                                 \
    "code{font:.9375rem/1.5 ui-monospace,monospace}"                                               \
    "pre{margin:.25rem 0 0;padding:.625rem .75rem;background:var(--code);border-radius:.5rem;"     \
    "white-space:pre-wrap}"                                                                        \
    "a{color:inherit;text-underline-offset:.15em}a:focus-visible{outline:3px solid;"               \
    "outline-offset:2px}"                                                                          \
    ".s{color:var(--soft);font-size:.875rem;margin:0}"                                             \
    "footer{margin-top:1.75rem;padding-top:1rem;border-top:1px solid var(--line)}"
#define STYLE_HASH "sha256-nrh6+62lVte3NxU28YP1srD3KNT3CxmXIyGiVTaBZtM="

#define POLICY                                                                                     \
    "default-src 'none'; style-src '" STYLE_HASH                                                   \
    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#define HEAD                                                                                       \
    "HTTP/1.1 %u %s\r\n"                                                                           \
    "Content-Type: %s\r\n"                                                                         \
    "%s%s%s"                                                                                       \
    "%s%s"                                                                                         \
    "Cache-Control: no-store\r\n"                                                                  \
    "Content-Security-Policy: %s\r\n"                                                              \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                  \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                                \
    "Connection: %s\r\n"                                                                           \
    "\r\n"

#define BODY_BEGIN                                                                                 \
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"                                    \
    "<meta name=\"viewport\" content=\"width=device-width\">"                                      \
    "<title>%s</title><style>%s</style>"                                                           \
    "<main><p class=\"s\">Overlay &middot; %u %s</p><h1>%s</h1><p>%s</p>"
#define BODY_END                                                                                   \
    "<footer><p class=\"s\">The gateway on this machine says this, not the site you asked for."    \
    "</p></footer></main></html>\n"

enum { ESCAPED_MAX = PAGE_TEXT_MAX + 1, BODY_MAX = PAGE_MAX - PAGE_HEAD_MAX };

/* ---- heads ---- */

/* The words that go with a status. */
static const char *status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } known[] = {
        {200, "OK"},
        {303, "See Other"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {508, "Loop Detected"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].status == status)
            return known[i].text;
    }
    return "Error";
}

size_t page_head_write(const struct page_head *h, char out[static PAGE_HEAD_MAX])
{
    char length[48] = "";
    if (!h->endless)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", h->len);
    int len = snprintf(out, PAGE_HEAD_MAX, HEAD, h->status, status_text(h->status), h->type,
                       h->location ? "Location: " : "", h->location ? h->location : "",
                       h->location ? "\r\n" : "", length,
                       h->for_all ? "Access-Control-Allow-Origin: *\r\n" : "", h->policy,
                       h->close ? "close" : "keep-alive");
    return len < 0 ? 0 : len < PAGE_HEAD_MAX ? (size_t)len : PAGE_HEAD_MAX - 1;
}

bool page_wants_html(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct http_text value = head->field[i].value;
        if (!http_text_is(head->field[i].name, "accept"))
            continue;
        if (memmem(value.at, value.len, "text/html", sizeof("text/html") - 1))
            return true;
    }
    return false;
}

/* ---- bodies ---- */

struct body {
    char text[BODY_MAX];
    size_t len;
};

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Writes text, cut where it is too long, without control characters, and for HTML escaped. */
static const char *clean(const char *text, bool html, char out[static ESCAPED_MAX])
{
    size_t at = 0;
    for (; *text; text++) {
        char one[2] = {(char)((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text), 0};
        const char *piece = html && entity(*text) ? entity(*text) : one;
        int len = snprintf(out + at, ESCAPED_MAX - at, "%s", piece);
        if (at + (size_t)len >= ESCAPED_MAX)
            break;
        at += (size_t)len;
    }
    out[at] = 0;
    return out;
}

static void add(struct body *b, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct body *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(b->text + b->len, sizeof(b->text) - b->len, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof(b->text) - b->len)
        b->len += (size_t)len;
    b->text[b->len] = 0; /* a piece that does not fit is left out whole */
}

/* Text from outside, if there is any, between two pieces of ours. */
static void add_text(struct body *b, bool html, const char *before, const char *text,
                     const char *after)
{
    char safe[ESCAPED_MAX];
    if (text)
        add(b, "%s%s%s", before, clean(text, html, safe), after);
}

/* "host:port/" of a link. */
static const char *place_of(const char *link)
{
    return link ? link + strspn(link, "/") : NULL;
}

/* Copies the first word of a list, cut where it is too long. Returns the rest, NULL at the end. */
static const char *next_choice(const char *list, char out[static PAGE_TEXT_MAX])
{
    size_t len = list ? strcspn(list, " ") : 0;
    if (len == 0)
        return NULL;
    (void)snprintf(out, PAGE_TEXT_MAX, "%.*s", (int)len, list);
    return list + len + (list[len] == ' ');
}

static void add_choices(struct body *b, const char *list)
{
    char link[PAGE_TEXT_MAX];
    add(b, "<ul>");
    while ((list = next_choice(list, link))) {
        add_text(b, true, "<li><a href=\"", link, "\">");
        add_text(b, true, "", place_of(link), "</a></li>");
    }
    add(b, "</ul>");
}

static void write_html(struct body *b, const struct page *p, const char *title)
{
    char safe_title[ESCAPED_MAX], safe_text[ESCAPED_MAX];
    (void)clean(title, true, safe_title);
    add(b, BODY_BEGIN, safe_title, STYLE, p->status, status_text(p->status), safe_title,
        clean(p->text, true, safe_text));
    add_text(b, true, "<h2>What was tried</h2><p>", p->tried, "</p>");
    if (p->advice || p->command || p->link || p->choices)
        add(b, "<h2>What to do</h2>");
    add_text(b, true, "<p>Did you mean <a href=\"", p->link, "\">");
    add_text(b, true, "", place_of(p->link), "</a>?</p>");
    if (p->choices)
        add_choices(b, p->choices);
    add_text(b, true, "<p>", p->advice, "</p>");
    add_text(b, true, "<pre><code>", p->command, "</code></pre>");
    add(b, BODY_END);
}

static void write_plain(struct body *b, const struct page *p, const char *title)
{
    add_text(b, false, "", title, "\n\n");
    add_text(b, false, "", p->text, "\n");
    add_text(b, false, "Tried: ", p->tried, "\n");
    add_text(b, false, "Did you mean ", place_of(p->link), "\n");
    char link[PAGE_TEXT_MAX];
    for (const char *list = p->choices; (list = next_choice(list, link));)
        add_text(b, false, "  ", place_of(link), "\n");
    add_text(b, false, "", p->advice, "\n");
    add_text(b, false, "Try: ", p->command, "\n");
    add(b, "\n%u %s. The Overlay gateway on this machine says this.\n", p->status,
        status_text(p->status));
}

/* ---- answers ---- */

/* Puts a head before a body. Returns the length of both, or of the head alone. */
static size_t answer(unsigned status, const char *type, const char *body, size_t body_len,
                     bool close, bool head_only, char out[static PAGE_MAX])
{
    struct page_head head = {
        .status = status, .type = type, .policy = POLICY, .len = body_len, .close = close};
    size_t len = page_head_write(&head, out);
    if (head_only)
        return len;
    if (body_len > PAGE_MAX - len)
        body_len = PAGE_MAX - len; /* cannot be: BODY_MAX and PAGE_HEAD_MAX are the two parts */
    memcpy(out + len, body, body_len);
    return len + body_len;
}

size_t page_write(const struct page *p, char out[static PAGE_MAX])
{
    struct body body = {.len = 0};
    const char *title = p->title ? p->title : status_text(p->status);
    if (p->html)
        write_html(&body, p, title);
    else
        write_plain(&body, p, title);
    return answer(p->status, p->html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8",
                  body.text, body.len, p->close, p->head_only, out);
}

size_t pac_file_write(const char *suffix, const char *host, char out[static PAGE_MAX])
{
    int len = snprintf(out, PAGE_MAX,
                       "function FindProxyForURL(url, host) {\n"
                       "  host = host.toLowerCase().replace(/\\.$/, \"\");\n"
                       "  if (host === \"%s\" || dnsDomainIs(host, \".%s\"))\n"
                       "    return \"PROXY %s\";\n"
                       "  return \"DIRECT\";\n"
                       "}\n",
                       suffix, suffix, host);
    return len < 0 ? 0 : len < PAGE_MAX ? (size_t)len : PAGE_MAX - 1;
}

size_t pac_write(const char *suffix, const char *host, bool close, bool head_only,
                 char out[static PAGE_MAX])
{
    char file[PAGE_MAX];
    size_t len = pac_file_write(suffix, host, file);
    return answer(200, "application/x-ns-proxy-autoconfig", file, len, close, head_only, out);
}
