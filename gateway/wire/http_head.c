#include "gateway/wire/http_head.h"

#include <string.h>
#include <strings.h>

/* One line of a head. */
struct line {
    const char *at;
    size_t len; /* without its end */
};

/* How a head is walked: lines from `at` on. */
struct lines {
    const char *at;
    size_t left;
    bool lenient; /* LF alone ends a line */
};

bool http_is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

/* No control characters but the tab. Bytes beyond ASCII pass: old servers and raw UTF-8. */
static bool is_field_text(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_token(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!http_is_token_char((unsigned char)at[i]))
            return false;
    }
    return len > 0;
}

/* Takes the next line. HTTP_MORE when its end is not there yet. */
static enum http_fault next_line(struct lines *in, struct line *out)
{
    const char *end = memchr(in->at, '\n', in->left);
    size_t len = end ? (size_t)(end - in->at) : in->left;
    const char *cr = memchr(in->at, '\r', len);
    /* A CR is in its place right before the LF, or last, where the LF may still come. */
    if (cr && cr != in->at + len - 1)
        return HTTP_BARE_CR;
    if (!end)
        return HTTP_MORE;
    if (!cr && !in->lenient)
        return HTTP_BARE_LF;
    *out = (struct line){in->at, cr ? len - 1 : len};
    in->left -= len + 1;
    in->at += len + 1;
    return HTTP_OK;
}

/* Reads "HTTP/1.x". */
static enum http_fault read_version(const char *at, size_t len, unsigned *minor)
{
    if (len != 8 || memcmp(at, "HTTP/", 5) != 0)
        return HTTP_BAD_FIRST_LINE;
    if (at[5] != '1' || at[6] != '.' || (at[7] != '0' && at[7] != '1'))
        return HTTP_BAD_VERSION;
    *minor = (unsigned)(at[7] - '0');
    return HTTP_OK;
}

/* RFC 9112 §3: method SP target SP version, and just that. */
static enum http_fault read_request_line(struct http_head *out, struct line line)
{
    const char *end = line.at + line.len;
    const char *first = memchr(line.at, ' ', line.len);
    if (!first)
        return HTTP_BAD_FIRST_LINE;
    const char *target = first + 1;
    const char *second = memchr(target, ' ', (size_t)(end - target));
    if (!second || second == target || !is_token(line.at, (size_t)(first - line.at)))
        return HTTP_BAD_FIRST_LINE;
    out->method = (struct http_text){line.at, (size_t)(first - line.at)};
    out->target = (struct http_text){target, (size_t)(second - target)};
    if (!is_field_text(target, out->target.len) || memchr(target, '\t', out->target.len))
        return HTTP_BAD_FIRST_LINE;
    return read_version(second + 1, (size_t)(end - second - 1), &out->minor);
}

/* RFC 9112 §4: version SP 3DIGIT [SP reason]. */
static enum http_fault read_status_line(struct http_head *out, struct line line)
{
    if (line.len < 12 || line.at[8] != ' ')
        return HTTP_BAD_FIRST_LINE;
    enum http_fault fault = read_version(line.at, 8, &out->minor);
    if (fault != HTTP_OK)
        return fault;
    for (int i = 9; i < 12; i++) {
        if (line.at[i] < '0' || line.at[i] > '9')
            return HTTP_BAD_FIRST_LINE;
        out->status = out->status * 10 + (unsigned)(line.at[i] - '0');
    }
    if (out->status < 100 || (line.len > 12 && line.at[12] != ' '))
        return HTTP_BAD_FIRST_LINE;
    if (line.len > 13)
        out->reason = (struct http_text){line.at + 13, line.len - 13};
    return is_field_text(out->reason.at, out->reason.len) ? HTTP_OK : HTTP_BAD_FIRST_LINE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct http_text trimmed(const char *at, size_t len)
{
    while (len > 0 && is_space(*at)) {
        at++;
        len--;
    }
    while (len > 0 && is_space(at[len - 1]))
        len--;
    return (struct http_text){at, len};
}

static enum http_fault read_field(struct http_head *out, struct line line)
{
    if (is_space(line.at[0]))
        return HTTP_FOLDED_LINE;
    const char *colon = memchr(line.at, ':', line.len);
    if (!colon)
        return HTTP_BAD_FIELD;
    size_t name_len = (size_t)(colon - line.at);
    if (name_len > 0 && is_space(colon[-1]))
        return HTTP_SPACE_BEFORE_COLON;
    if (!is_token(line.at, name_len))
        return HTTP_BAD_FIELD;
    if (out->field_count == HTTP_FIELDS_MAX)
        return HTTP_TOO_MANY_FIELDS;
    struct http_text value = trimmed(colon + 1, line.len - name_len - 1);
    if (!is_field_text(value.at, value.len))
        return HTTP_BAD_FIELD;
    out->field[out->field_count++] = (struct http_field){{line.at, name_len}, value};
    return HTTP_OK;
}

static enum http_fault read_fields(struct http_head *out, struct lines *in)
{
    for (;;) {
        struct line line;
        enum http_fault fault = next_line(in, &line);
        if (fault != HTTP_OK)
            return fault;
        if (line.len == 0)
            return HTTP_OK;
        fault = read_field(out, line);
        if (fault != HTTP_OK)
            return fault;
    }
}

static void clear(struct http_head *out)
{
    /* Not the fields: three kilobytes for every request, and nobody looks past field_count. */
    out->method = out->target = out->reason = (struct http_text){"", 0};
    out->status = out->minor = 0;
    out->field_count = out->start = out->len = 0;
}

static enum http_fault read_head(struct http_head *out, const void *data, size_t len, size_t max,
                                 bool request)
{
    bool cut = len >= max;
    struct lines in = {data, cut ? max : len, !request};
    struct line line = {"", 0};
    enum http_fault fault;

    clear(out);
    /* RFC 9112 §2.2: an empty line before a request is to be ignored. */
    do {
        out->start = (size_t)(in.at - (const char *)data);
        fault = next_line(&in, &line);
    } while (fault == HTTP_OK && request && line.len == 0);
    if (fault == HTTP_OK)
        fault = request ? read_request_line(out, line) : read_status_line(out, line);
    if (fault == HTTP_OK)
        fault = read_fields(out, &in);
    out->len = (size_t)(in.at - (const char *)data);
    return fault == HTTP_MORE && cut ? HTTP_TOO_LONG : fault;
}

enum http_fault http_read_request(struct http_head *out, const void *data, size_t len, size_t max)
{
    return read_head(out, data, len, max, true);
}

enum http_fault http_read_response(struct http_head *out, const void *data, size_t len, size_t max)
{
    return read_head(out, data, len, max, false);
}

const char *http_fault_text(enum http_fault fault)
{
    switch (fault) {
    case HTTP_OK:
        return "is well formed";
    case HTTP_MORE:
        return "is not complete";
    case HTTP_BARE_CR:
        return "has a carriage return that ends no line";
    case HTTP_BARE_LF:
        return "has a line that ends without a carriage return";
    case HTTP_FOLDED_LINE:
        return "has a folded header line";
    case HTTP_SPACE_BEFORE_COLON:
        return "has a space before the colon of a header field";
    case HTTP_BAD_FIRST_LINE:
        return "has a malformed first line";
    case HTTP_BAD_VERSION:
        return "is of another version than HTTP/1.0 or HTTP/1.1";
    case HTTP_BAD_FIELD:
        return "has a malformed header field";
    case HTTP_TOO_MANY_FIELDS:
        return "has more than 100 header fields";
    case HTTP_TOO_LONG:
        return "has a head that is too long";
    case HTTP_BAD_LENGTH:
        return "has a Content-Length that is not one number";
    case HTTP_TWO_LENGTHS:
        return "has both Content-Length and Transfer-Encoding";
    case HTTP_BAD_CODING:
        return "has a Transfer-Encoding other than chunked";
    case HTTP_UNKNOWN_CODING:
        return "has a Transfer-Encoding that is not known here";
    case HTTP_BAD_CHUNK:
        return "has a malformed chunk in its body";
    }
    return "is malformed";
}

unsigned http_fault_status(enum http_fault fault)
{
    if (fault == HTTP_TOO_LONG || fault == HTTP_TOO_MANY_FIELDS)
        return 431;
    return fault == HTTP_UNKNOWN_CODING ? 501 : 400;
}

bool http_text_is(struct http_text a, const char *b)
{
    return a.len == strlen(b) && strncasecmp(a.at, b, a.len) == 0;
}

bool http_list_has(struct http_text list, const char *element)
{
    while (list.len > 0) {
        const char *comma = memchr(list.at, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.at) : list.len;
        if (http_text_is(trimmed(list.at, len), element))
            return true;
        size_t step = comma ? len + 1 : len;
        list.at += step;
        list.len -= step;
    }
    return false;
}

const struct http_field *http_find(const struct http_head *h, const char *name, size_t *count)
{
    const struct http_field *first = NULL;
    size_t found = 0;
    for (size_t i = 0; i < h->field_count; i++) {
        if (!http_text_is(h->field[i].name, name))
            continue;
        if (found++ == 0)
            first = &h->field[i];
    }
    if (count)
        *count = found;
    return first;
}

bool http_has_element(const struct http_head *h, const char *name, const char *element)
{
    for (size_t i = 0; i < h->field_count; i++) {
        if (http_text_is(h->field[i].name, name) && http_list_has(h->field[i].value, element))
            return true;
    }
    return false;
}

bool http_keeps_alive(const struct http_head *h)
{
    if (http_has_element(h, "connection", "close"))
        return false;
    return h->minor >= 1 || http_has_element(h, "connection", "keep-alive");
}
