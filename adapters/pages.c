#include "adapters/pages.h"

#include <stdio.h>

/* The policy allows this style by its hash, and nothing else at all. */
#define STYLE                                                                                      \
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}"     \
    "h1{font-size:1.25rem}"
#define STYLE_HASH "sha256-RXP0OptgZYXQ9LKiHo1ru749XxLdg+ifviNMLp5DgRE="

#define HEAD                                                                                       \
    "HTTP/1.1 %u %s\r\n"                                                                           \
    "Content-Type: %s\r\n"                                                                         \
    "Content-Length: %zu\r\n"                                                                      \
    "Cache-Control: no-store\r\n"                                                                  \
    "Content-Security-Policy: default-src 'none'; style-src '" STYLE_HASH                          \
    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"                           \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Connection: %s\r\n"                                                                           \
    "\r\n"

#define BODY                                                                                       \
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"                                    \
    "<meta name=\"viewport\" content=\"width=device-width\">"                                      \
    "<meta name=\"color-scheme\" content=\"light dark\">"                                          \
    "<title>%u %s</title><style>" STYLE "</style>"                                                 \
    "<h1>%s</h1><p>%s</p>%s%s%s<p><small>Overlay, error %u</small></p></html>\n"

enum { ESCAPED_MAX = PAGE_TEXT_MAX + 1, BODY_MAX = 2600 };

/* The words that go with a status. */
static const char *status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } known[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
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

/* Writes text for HTML, cut where it is too long, without control characters. */
static const char *escape(const char *text, char out[static ESCAPED_MAX])
{
    size_t at = 0;
    for (; *text; text++) {
        char one[2] = {(char)((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text), 0};
        const char *piece = entity(*text) ? entity(*text) : one;
        int len = snprintf(out + at, ESCAPED_MAX - at, "%s", piece);
        if (at + (size_t)len >= ESCAPED_MAX)
            break;
        at += (size_t)len;
    }
    out[at] = 0;
    return out;
}

/* Puts a head before a body. Returns the length of both, or of the head alone. */
static size_t answer(unsigned status, const char *type, const char *body, size_t body_len,
                     bool close, bool head_only, char out[static PAGE_MAX])
{
    int len = snprintf(out, PAGE_MAX, HEAD "%s", status, status_text(status), type, body_len,
                       close ? "close" : "keep-alive", head_only ? "" : body);
    return len < 0 ? 0 : len < PAGE_MAX ? (size_t)len : PAGE_MAX - 1;
}

size_t page_write(const struct page *p, char out[static PAGE_MAX])
{
    char text[ESCAPED_MAX], hint[ESCAPED_MAX], body[BODY_MAX];
    const char *title = status_text(p->status);
    bool hinted = p->hint != NULL;
    int len = snprintf(body, sizeof(body), BODY, p->status, title, title, escape(p->text, text),
                       hinted ? "<p>Try: <code>" : "", hinted ? escape(p->hint, hint) : "",
                       hinted ? "</code></p>" : "", p->status);
    if (len < 0 || (size_t)len >= sizeof(body))
        len = 0;
    return answer(p->status, "text/html; charset=utf-8", body, (size_t)len, p->close, p->head_only,
                  out);
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
